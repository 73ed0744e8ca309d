"""Adding a task is one file and a preset: headline.py and headline.yaml, from build to student."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from builder.audit.key import Key
from builder.cli import run
from dimsum import Student
from dimsum.spec import Generation
from tests.builder.audit.corpora import QUESTIONS, answered

NAMED = "tests.tasks.headline:HEADLINE"
TASKS = f'tasks=["paraphrase","{NAMED}"]'


@pytest.fixture(scope="module")
def corpus(
    toy_teacher: Path, toy_critic: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """(run, released folder) of the build that headline.yaml describes."""
    from tests.toys import toy_config

    toys = toy_config(toy_teacher, toy_critic)
    document = yaml.safe_load(Path(__file__).with_name("headline.yaml").read_text("utf-8"))
    document |= {name: toys[name] for name in ("teacher", "critic", "domains")}
    folder = tmp_path_factory.mktemp("headlines")
    (folder / "headline.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    output = folder / "run"
    assert run(["build", str(folder / "headline.yaml"), "-o", str(output), "--quiet"]) == 0
    return output, output / "headlines"


def rows_of(dataset: Path, config: str, cache: Path) -> list[dict[str, Any]]:
    from datasets import load_dataset

    loaded = load_dataset(str(dataset), config, cache_dir=str(cache))
    return [row for split in loaded.values() for row in split]


def test_the_corpus_has_the_task_and_its_codes(corpus: tuple[Path, Path], tmp_path: Path) -> None:
    dataset = corpus[1]
    headlines = rows_of(dataset, "headline", tmp_path)
    assert len(headlines) >= 5
    for row in headlines:
        share = len(row["target"]) / len(row["source"])
        assert row["task"] == "headline"
        assert 0.1 <= share <= 0.95
        assert row["entail_forward"] >= 0.1
        assert row["control"] == ("tiny-headline" if share < 0.6 else "brief-headline")
    assert {row["control"] for row in headlines} == {"tiny-headline", "brief-headline"}
    both = rows_of(dataset, "default", tmp_path)
    assert {row["task"] for row in both} == {"paraphrase", "headline"}
    assert len(both) == len(headlines) + len(rows_of(dataset, "paraphrase", tmp_path))


def test_the_build_ends_with_the_configs_that_exist(
    corpus: tuple[Path, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    output, dataset = corpus
    assert run(["build", str(output.parent / "headline.yaml"), "-o", str(output), "--quiet"]) == 0
    last = capfd.readouterr().out.splitlines()[-1]
    assert last == f'load_dataset("{dataset}")  # or "headline", "paraphrase" as second argument'


def test_the_card_names_it_in_its_words(
    corpus: tuple[Path, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    output, dataset = corpus
    card = (dataset / "README.md").read_text("utf-8")
    for words in (
        "The target could stand above the source in a newspaper",
        "| Its paraphrase or headline |",
        "| paraphrase or headline |",
        "Control code: tiny or brief",
        "paraphrases or headlines by the rules",
        " headlines of single English sentences",
        "headline-generation",
    ):
        assert words in card, words
    assert "summary" not in card and "summaries" not in card
    assert run(["card", "lint", str(dataset)]) == 0
    assert run(["report", str(output), "-o", str(output.parent / "page.html")]) == 0
    page = (output.parent / "page.html").read_text("utf-8")
    assert "<dt>headlines</dt>" in page
    assert "--task-headline: #5b3fa0;" in page
    assert "paraphrases or headlines by the rules" in page
    capfd.readouterr()


def test_readers_are_given_its_meaning_and_that_nobody_watches_them(
    corpus: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The definition has no guide and no known pair; a run and a copied release find it alike."""
    copied = shutil.copytree(corpus[1], tmp_path / "release")
    for number, folder in enumerate((corpus[0], copied)):
        audit = tmp_path / f"audit-{number}"
        assert run(["audit", "draw", str(folder), "--readers", "1", "-o", str(audit)]) == 0
        assert "no pair whose answer is known is of headline" in capfd.readouterr().err
        guideline = (audit / "guideline.md").read_text("utf-8")
        assert (
            "Of a **headline** no more is said than that the target could stand above the source "
            "in a newspaper." in guideline
        )
        assert "of headlines there are none" in guideline
        key = Key.read(audit)
        assert {pair.task for pair in key.pairs} == {"paraphrase", "headline"}
        assert {pair.task for pair in key.pairs if pair.right} == {"paraphrase"}
        page = (audit / "reader-1.html").read_text("utf-8")
        assert '"headline":"The target could stand above the source in a newspaper"' in page
        answers = answered(
            audit, key, "1", lambda pair: pair.right or dict.fromkeys(QUESTIONS, True)
        )
        assert run(["audit", "score", str(audit), str(answers), "--json"]) == 0
        warnings = json.loads(capfd.readouterr().out)["warnings"]
        assert any("known is of headline: whether readers attended" in one for one in warnings)


def test_a_student_learns_it_and_writes(
    corpus: tuple[Path, Path],
    toy_t5: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "student"
    small = {"batch_size": 8, "micro_batch": 4, "epochs": 1, "evaluations": 1, "sample_pairs": 4}
    settings = [word for k, v in small.items() for word in ("--set", f"{k}={v}")]
    begin = ["train", str(corpus[1]), "--student", str(toy_t5), "--quiet", "--device", "cpu"]
    assert run([*begin, *settings, "-o", str(tmp_path / "other")]) == 2
    assert "has a task 'headline'" in capfd.readouterr().err
    assert run([*begin, *settings, "--set", TASKS, "-o", str(output)]) == 0
    student = Student.from_pretrained(output, device="cpu", dtype="float32")
    assert student.spec.trained["tiny-headline"] and student.spec.trained["brief-headline"]
    assert student.spec.code_for("headline", {"size": "tiny"}) == "tiny-headline"
    student.spec.generation = Generation(max_new_tokens=8)
    source = "The old dog sleeps near the river."
    one = student.rewrite(source, task="headline", size="tiny")
    assert one == student.write([source], "tiny-headline")[0][0]
    assert len(student.rewrite([source], task="headline", n=2)[0]) == 2
    log = json.loads((output / "training_log.json").read_text())
    assert any("eval_size" in entry for entry in log)
    card = (output / "README.md").read_text("utf-8")
    assert "Rewords and heads single English sentences under control codes." in card
    assert "To reword or head an English sentence" in card
    assert "| `tiny-headline` | a tiny headline |" in card
    assert run(["card", "lint", str(output)]) == 0


def test_generate_takes_it_by_module_and_name(
    toy_t5: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from dimsum.prompts import PromptFormat
    from tests.tasks.headline import HEADLINE

    student = Student.from_pretrained(toy_t5, device="cpu", dtype="float32")
    student.spec.prompts = PromptFormat.default("seq2seq", tasks=(HEADLINE,))
    student.spec.generation = Generation(max_new_tokens=8)
    student.save(tmp_path / "student")
    (tmp_path / "in.jsonl").write_text('{"source": "A cat sits."}\n')
    words = ["generate", str(tmp_path / "student"), str(tmp_path / "in.jsonl"), "--quiet"]
    words += ["--device", "cpu", "--dtype", "float32"]
    assert run([*words, "--task", NAMED, "--option", "size=brief"]) == 0
    assert json.loads(capfd.readouterr().out)["control"] == "brief-headline"
    for more, message in (
        (["--task", NAMED, "--length", "short"], "the task headline has no length"),
        (["--task", NAMED, "--option", "size=huge"], "'huge' is no size of the task headline"),
        (["--task", NAMED, "--option", "size"], "is not of the form NAME=VALUE"),
        (["--task", "headlin"], "no task is called 'headlin'"),
        (["--task", "summary"], "does not know the control code 'summary'"),
    ):
        assert run([*words, *more]) == 2
        assert message in " ".join(capfd.readouterr().err.split())
