"""The real small models: a few steps of training, BERTScore, a teacher that is asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dimsum import Student
from dimsum.evaluation import teacher as asking
from dimsum.metrics.bertscore import OFFLINE, BertScore
from dimsum.pairs import Data
from dimsum.tasks.registry import task_of
from dimsum.training.recipe import load_recipe
from dimsum.training.train import train
from tests.student_toys import toy_pairs, write_jsonl

pytestmark = pytest.mark.embedded

BASE = "embedded:smollm2-135m"


def test_a_student_is_trained_in_a_few_steps(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "train.jsonl", toy_pairs(24))
    write_jsonl(tmp_path / "validation.jsonl", toy_pairs(6, seed=1))
    few = ("batch_size=4", "micro_batch=4", "max_pairs=24", "sample_pairs=0", "warmup=0")
    recipe = load_recipe("embedded", few)
    student = train(Data(str(tmp_path)), recipe, tmp_path / "student", device="cpu")
    log = json.loads((tmp_path / "student/training_log.json").read_text())
    losses = [entry["loss"] for entry in log if "loss" in entry]
    assert losses[-1] < losses[0]
    assert student.spec.training["from"] == BASE
    assert student.spec.training["licence"] == "apache-2.0"
    assert student.spec.base == BASE
    text = student.summarize("The old dog sleeps near the river. A cat sits on the road.")
    assert isinstance(text, str)


def test_minilm_scores_meaning() -> None:
    score = BertScore(OFFLINE)
    assert "embedded:minilm-l6, layer 6" in score.signature
    outputs = ["The cat sat on the mat.", "A cat was sitting on the mat.", "Shares fell sharply."]
    same, near, far = score.f1(outputs, [["The cat sat on the mat."]] * 3)
    assert same == pytest.approx(1.0, abs=1e-4)
    assert same > near > far + 0.1


def test_the_teacher_has_a_chat_template_and_is_asked_by_it() -> None:
    teacher = Student.from_pretrained(BASE, device="cpu")
    prompts = task_of("summary").teacher
    assert prompts is not None
    ways = asking.list_variants(teacher, prompts, shots=4)
    assert {way.chat for way in ways} == {True, False}
    chat = next(way for way in ways if way.chat)
    text = asking.make_prompt(teacher, prompts, chat, "The dog sleeps.")
    assert text.count("<|im_start|>assistant") == 5
    sources = ["The council voted on Tuesday to close the old bridge to lorries."]
    assert asking.write_answers(teacher, prompts, chat, sources)[0]
