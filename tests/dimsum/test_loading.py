"""Models that are not what they seem, at every command that loads one: two lines, nothing run."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

import builder.critics.embedding
import builder.critics.folder
import dimsum.loading
from builder.cli import run
from builder.critics.nli_model import NliModel
from builder.critics.recipe import CriticRecipe
from builder.critics.training import make_fresh
from builder.decoding.draw import draw
from builder.pool import ModelPool
from dimsum.errors import DimsumError, ModelError
from dimsum.loading import check_model, open_whole
from dimsum.models import Resolved, load_causal
from dimsum.student import Student
from tests.student_toys import toy_pairs, write_jsonl

WEIGHTS = "model.safetensors"


def change_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    weights = load_file(folder / WEIGHTS)
    change(weights)
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})


def lose(folder: Path) -> None:
    change_weights(folder, lambda w: w.pop(next(n for n in w if "down_proj" in n or "wo." in n)))


def lose_head(folder: Path) -> None:
    change_weights(folder, lambda w: w.pop(next(n for n in w if "lm_head" in n or "classif" in n)))


def cut_layers(folder: Path) -> None:
    change_weights(folder, lambda w: w.update({"model.layers.7.mlp.up.weight": torch.ones(2, 2)}))


def reshape(folder: Path) -> None:
    change_config(folder, hidden_size=64, intermediate_size=128, d_ff=128)


def change_config(folder: Path, **values: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **values}))


def lose_tokenizer(folder: Path) -> None:
    for path in folder.glob("*token*"):
        path.unlink()


def enlarge_tokenizer(folder: Path) -> None:
    path = folder / "tokenizer.json"
    document = json.loads(path.read_text())
    vocabulary = document["model"]["vocab"]
    vocabulary["zzz"] = 10_000
    path.write_text(json.dumps(document))


def shorten(folder: Path) -> None:
    change_config(folder, max_position_embeddings=16)


def damage(folder: Path) -> None:
    """One row of the embedding, which few texts need."""
    change_weights(folder, lambda w: w["model.embed_tokens.weight"][300].fill_(float("nan")))


def point(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n")


FAULTS: list[tuple[Callable[[Path], None], str]] = [
    (lose, "lacks 1 of its weights"),
    (cut_layers, "holds 1 weights that its config.json has no place for"),
    (reshape, "of another shape"),
    (lose_tokenizer, "tokenizer"),
    (enlarge_tokenizer, "has 10,001 tokens"),
    (point, "is a pointer of Git LFS"),
    (damage, r"no numbers \(NaN\), in model.embed_tokens.weight"),
]


@pytest.fixture
def faulty(toy_llama: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(toy_llama, tmp_path / "faulty"))


def said(capfd: Any) -> str:
    lines = capfd.readouterr().err.strip().splitlines()
    assert len(lines) == 2, lines
    assert lines[0].startswith("Error:")
    assert lines[1].startswith("Hint:")
    assert "unexpected" not in lines[1]
    return str(lines[0])


@pytest.mark.parametrize(("fault", "words"), FAULTS)
def test_every_way_to_open_a_model_refuses_it(
    faulty: Path, fault: Callable[[Path], None], words: str
) -> None:
    check_model(str(faulty), "causal")
    fault(faulty)
    for opening in (
        lambda: check_model(str(faulty), "causal"),
        lambda: load_causal(str(faulty), dtype="float32"),
        lambda: Student.from_pretrained(faulty),
    ):
        with pytest.raises(DimsumError, match=words):
            opening()


@pytest.mark.parametrize(("fault", "words"), [*FAULTS, (lose_head, "lacks 1 of its weights")])
def test_commands_of_a_student_say_it_and_write_nothing(
    faulty: Path, tmp_path: Path, capfd: Any, fault: Callable[[Path], None], words: str
) -> None:
    fault(faulty)
    data = write_jsonl(tmp_path / "pairs.jsonl", toy_pairs(48))
    out = tmp_path / "out"
    generated = ["generate", str(faulty), str(data), "--task", "summary", "-o", f"{out}.jsonl"]
    trained = ["train", str(data), "--student", str(faulty), "--preset", "embedded", "-o", str(out)]
    for command in (generated, trained):
        assert run([*command, "--quiet"]) in (1, 2)
        assert re.search(words, said(capfd))
        assert [path.name for path in tmp_path.glob("out*")] == []


def test_evaluation_checks_all_models_before_one_writes(
    toy_llama: Path, faulty: Path, tmp_path: Path, capfd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any, **named: Any) -> None:
        raise AssertionError("a model wrote")

    monkeypatch.setattr(Student, "write", refuse)
    data = write_jsonl(tmp_path / "pairs.jsonl", toy_pairs(6))
    start = ["evaluate", str(toy_llama), "--data", str(data), "--task", "summary", "--quiet"]
    start += ["--bertscore", "none"]
    lose(faulty)
    assert run([*start, str(faulty)]) == 1
    assert "lacks 1" in said(capfd)
    assert run([*start, "--teacher", str(faulty), "--teacher-sample", "2"]) == 1
    assert "lacks 1" in said(capfd)
    assert run([*start, "--device", "cuda:7"]) == 2
    assert "no device cuda:7" in said(capfd)
    assert run([*start, "--device", "gpu"]) == 2
    assert "no device is called 'gpu'" in said(capfd)


SECONDS = 5.0
"""That a fault of a model may take to show, where its files are small."""
ROLES: list[tuple[str, str, Callable[[Path], None] | None, str]] = [
    ("teacher", "teacher", lose, "lacks 1"),
    ("teacher", "teacher", enlarge_tokenizer, "10,001"),
    ("teacher", "teacher", shorten, "16 positions"),
    ("teacher", "teacher", damage, "in model.embed_tokens.weight"),
    ("teacher", "critic", None, "generates no text"),
    ("teacher", "t5", None, "sequence-to-sequence"),
    ("critic", "critic", lose_head, "lacks"),
    ("critic", "critic", lambda f: change_config(f, id2label={"0": "A", "1": "B", "2": "C"}),
     "no label of the critic says entailment"),
    ("critic", "critic",
     lambda f: change_config(f, id2label={"0": "neutral", "1": "entailment", "2": "contradiction"}),
     "calls"),
    ("critic", "teacher", None, "lacks"),
]  # fmt: skip


@pytest.mark.parametrize(("role", "model", "fault", "words"), ROLES)
def test_a_build_refuses_before_the_teacher_writes(
    toy_document: dict[str, Any],
    toy_teacher: Path,
    toy_critic: Path,
    toy_t5: Path,
    tmp_path: Path,
    capfd: Any,
    monkeypatch: pytest.MonkeyPatch,
    role: str,
    model: str,
    fault: Callable[[Path], None] | None,
    words: str,
) -> None:
    def refuse(self: ModelPool) -> None:
        raise AssertionError("the teacher was asked for")

    monkeypatch.setattr(ModelPool, "teacher", refuse)
    loaded = []

    def note(auto: Any, resolved: Resolved, *arguments: Any, **named: Any) -> Any:
        loaded.append(resolved.path)
        return open_whole(auto, resolved, *arguments, **named)

    for module in (dimsum.loading, builder.critics.folder, builder.critics.embedding):
        monkeypatch.setattr(module, "open_whole", note)
    origin = {"teacher": toy_teacher, "critic": toy_critic, "t5": toy_t5}[model]
    folder = Path(shutil.copytree(origin, tmp_path / "changed"))
    if fault is not None:
        fault(folder)
    toy_document[role]["model"] = str(folder)
    config = tmp_path / "build.yaml"
    config.write_text(yaml.safe_dump(toy_document))
    began = time.process_time()  # that of this process, however busy the machine is
    assert run(["build", str(config), "-o", str(tmp_path / "run"), "--quiet"]) in (1, 2)
    assert time.process_time() - began < SECONDS
    assert words in said(capfd)
    assert not (tmp_path / "run/run.json").exists()
    # No model is loaded before it is refused; only its verdicts need a critic's weights.
    assert loaded == ([str(folder)] if words == "calls" else [])


def test_a_device_that_is_not_there(
    toy_document: dict[str, Any], tmp_path: Path, capfd: Any
) -> None:
    toy_document["critic"]["device"] = "cuda:9"
    config = tmp_path / "build.yaml"
    config.write_text(yaml.safe_dump(toy_document))
    assert run(["build", str(config), "-o", str(tmp_path / "run"), "--quiet"]) == 2
    assert "no device cuda:9" in said(capfd)


def test_numbers_that_are_none_are_not_a_lack_of_memory(
    toy_document: dict[str, Any], toy_critic: Path, tmp_path: Path, capfd: Any
) -> None:
    folder = Path(shutil.copytree(toy_critic, tmp_path / "critic"))
    change_weights(folder, lambda w: w["classifier.weight"].fill_(float("nan")))
    toy_document["critic"]["model"] = str(folder)
    config = tmp_path / "build.yaml"
    config.write_text(yaml.safe_dump(toy_document))
    assert run(["build", str(config), "-o", str(tmp_path / "run"), "--quiet"]) == 1
    assert "has weights that are no numbers" in said(capfd)


def test_a_teacher_that_gives_no_numbers(faulty: Path, toy_t5: Path, tmp_path: Path) -> None:
    t5 = Path(shutil.copytree(toy_t5, tmp_path / "t5"))
    for folder in (faulty, t5):
        change_weights(folder, lambda w: next(iter(w.values())).fill_(float("inf")))
        with pytest.raises(ModelError, match="gives no numbers: its logits are NaN"):
            Student.from_pretrained(folder)
    with pytest.raises(ModelError, match="gives no numbers"):
        load_causal(str(faulty), dtype="float32")
    logits = torch.zeros(3, 100)
    logits[1, 7] = float("nan")
    with pytest.raises(ModelError, match="the teacher gives no numbers"):
        draw(logits, np.full(3, 0.5), [()] * 3, banned=torch.tensor([1]), temperature=1, top_p=0.9)


def test_short_models_read_what_they_can(toy_critic: Path, tmp_path: Path) -> None:
    from builder.critics.folder import load_members

    folder = Path(shutil.copytree(toy_critic, tmp_path / "critic"))
    name = "bert.embeddings.position_embeddings.weight"
    change_weights(folder, lambda w: w.update({name: w[name][:32].clone()}))
    change_config(folder, max_position_embeddings=32)
    critic: NliModel = load_members(str(folder), torch.device("cpu"), torch.float32)[0]
    assert critic.max_tokens == 32
    rows = critic.encode([("A cat sleeps near the river. " * 20, "A cat sleeps.")])
    assert all(len(row["input_ids"]) <= 32 for row in rows)
    assert torch.isfinite(critic.logits(rows)).all()


def test_a_student_without_room_for_its_prompts(faulty: Path, tmp_path: Path, capfd: Any) -> None:
    shorten(faulty)
    (tmp_path / "in.txt").write_text("The dog sleeps.\n")
    assert run(["generate", str(faulty), str(tmp_path / "in.txt"), "--task", "summary"]) == 1
    assert "takes 16 positions" in said(capfd)


def test_a_place_that_cannot_be_written_shows_before_the_work(
    tmp_path: Path, capfd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any, **named: Any) -> None:
        raise AssertionError("work began")

    for work in (
        "builder.statistics.study.study",
        "builder.report.write.write_report",
        "dimsum.evaluation.data.read_examples",
    ):
        monkeypatch.setattr(work, refuse)
    data = str(write_jsonl(tmp_path / "pairs.jsonl", toy_pairs(6)))
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere/there")
    judged = ["evaluate", "--data", data, "--task", "summary", "--baseline", "copy"]
    for place, words in (("file/out", "cannot write into"), ("link", "leads nowhere")):
        where = str(tmp_path / place)
        for command in (["stats", data, "-o", where], ["report", data, "-o", where]):
            assert run(command) in (1, 2)
            assert words in said(capfd)
        assert run([*judged, "-o", where]) in (1, 2)
        assert words in said(capfd)
    assert run([*judged, "--save-outputs", str(tmp_path / "file/out")]) == 1
    assert "cannot write into" in said(capfd)
    assert run(["report", data, "--pictures", str(tmp_path / "file/pictures")]) == 1
    assert "cannot write into" in said(capfd)
    assert run(["stats", data, "-o", str(tmp_path)]) == 2
    assert "is a folder" in said(capfd)


def test_an_encoder_has_no_layers_that_its_configuration_leaves_out(
    toy_critic: Path, tmp_path: Path
) -> None:
    """Its head may be left over; layers that are not read are of another model."""
    check_model(str(toy_critic), "encoder")
    deeper = tmp_path / "deeper"
    shutil.copytree(toy_critic, deeper)
    weights = load_file(deeper / "model.safetensors")
    first = {name: tensor for name, tensor in weights.items() if ".layer.0." in name}
    more = {name.replace(".layer.0.", ".layer.1."): t.clone() for name, t in first.items()}
    save_file({**weights, **more}, deeper / "model.safetensors", metadata={"format": "pt"})
    for kind in ("encoder", "classifier"):
        with pytest.raises(ModelError, match=rf"holds {len(more)} weights that its config.json"):
            check_model(str(deeper), kind)
    recipe = CriticRecipe(base=str(deeper), method="full", template=None)
    with pytest.raises(ModelError, match="holds"):
        make_fresh(recipe)
    make_fresh(recipe.model_copy(update={"layers": 1}))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("tokenizer", "has no tokenizer that can read a sentence"),
        ("nan", "weights that are no numbers"),
        ("cut", "could not be loaded"),
        ("config", "could not be loaded"),
        ("kind", "could not be loaded"),
        ("shape", "of another shape"),
        ("rows", "its embedding"),
    ],
)
def test_the_base_of_a_critic_is_what_it_seems(
    fault: str, message: str, toy_critic: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    base = tmp_path / "base"
    shutil.copytree(toy_critic, base)
    about = json.loads((base / "config.json").read_text())
    words = next(n for n in load_file(base / WEIGHTS) if n.endswith("word_embeddings.weight"))
    if fault == "tokenizer":
        for path in base.glob("tokenizer*"):
            path.unlink()
    elif fault == "nan":
        change_weights(base, lambda all: all[words].view(-1)[:1].fill_(float("nan")))
    elif fault == "cut":
        (base / WEIGHTS).write_bytes((base / WEIGHTS).read_bytes()[:-50])
    elif fault == "config":
        (base / "config.json").write_text("{")
    elif fault == "kind":
        (base / "config.json").write_text(json.dumps({**about, "model_type": "none"}))
    elif fault == "shape":
        (base / "config.json").write_text(json.dumps({**about, "intermediate_size": 8}))
    else:
        rows = about["vocab_size"] - 5
        change_weights(base, lambda all: all.update({words: all[words][:rows].clone()}))
        (base / "config.json").write_text(json.dumps({**about, "vocab_size": rows}))
    rows = [{"premise": "a", "hypothesis": "b", "label": "neutral"}] * 4
    data = str(write_jsonl(tmp_path / "n.jsonl", rows))
    command = ["critic", "train", data, "-o", str(tmp_path / "c"), "--set", f"base={base}"]
    command += ["--set", "method=full", "--set", "template=null", "--set", "layers=null"]
    assert run(command) == 1
    said = capfd.readouterr().err
    assert message in said
    assert "unexpected" not in said
    assert not (tmp_path / "c").exists()


def test_a_t5_without_a_tokenizer(toy_t5: Path, tmp_path: Path) -> None:
    """The library makes one that knows no word."""
    bare = tmp_path / "bare"
    shutil.copytree(toy_t5, bare)
    for path in bare.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(ModelError, match="no tokenizer that can read a sentence"):
        check_model(str(bare), "generator")


def test_a_loss_that_is_no_number_ends_a_training(
    toy_t5: Path, toy_critic: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = str(write_jsonl(tmp_path / "train.jsonl", toy_pairs(24)))
    command = ["train", data, "--student", str(toy_t5), "--preset", "embedded", "--quiet"]
    command += ["--set", "learning_rate=1e30", "--set", "sample_pairs=0", "--set", "lora_rank=null"]
    command += ["--set", "batch_size=4", "--set", "micro_batch=4", "--set", "warmup=0"]
    assert run([*command, "-o", str(tmp_path / "s")]) == 1
    assert "is no number" in capfd.readouterr().err
    assert not (tmp_path / "s/student.json").exists()
    rows = [{"premise": "The dog", "hypothesis": "a cat", "label": "neutral"}] * 64
    data = str(write_jsonl(tmp_path / "n.jsonl", rows))
    command = ["critic", "train", data, "-o", str(tmp_path / "c"), "--set", f"base={toy_critic}"]
    command += ["--set", "method=full", "--set", "template=null", "--set", "layers=null"]
    assert run([*command, "--set", "learning_rate=1e30", "--set", "batch_size=4"]) == 1
    assert "is no number" in capfd.readouterr().err
    assert not (tmp_path / "c/critic.json").exists()


def test_what_is_no_encoder_is_refused_before_work(
    toy_yaml: Path,
    toy_llama: Path,
    toy_t5: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    data = str(write_jsonl(tmp_path / "a.jsonl", toy_pairs(12)))
    run_folder = tmp_path / "run"
    judged = ["evaluate", "--baseline", "copy", "--data", data, "--task", "summary"]
    for model, message in ((toy_llama, "has no padding token"), (toy_t5, "is a sequence-to-seq")):
        for words in (
            ["build", str(toy_yaml), "-o", str(run_folder), "--set", f"pairs.encoder={model}"],
            ["stats", data, "--encoder", str(model), "--measures", "vendi"],
            [*judged, "--bertscore", str(model)],
        ):
            assert run(words) == 2, words
            assert message in capfd.readouterr().err, words
    assert not list(run_folder.glob("contexts/*"))
