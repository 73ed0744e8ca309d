"""Training end to end on tiny models: what is saved, resumed and refused."""

from __future__ import annotations

import json
import shutil
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback

from builder.cli import run
from cards.lint import lint
from dimsum import Student
from dimsum.errors import UsageError
from dimsum.pairs import Data
from dimsum.training import fit
from dimsum.training.checkpoints import SUMS, find_last_checkpoint
from dimsum.training.fit import CHECKPOINTS, LOG
from dimsum.training.lora import add_lora
from dimsum.training.recipe import Recipe, check_precision, load_recipe
from dimsum.training.shrink import shrink
from dimsum.training.train import train
from tests.student_toys import toy_pairs, write_jsonl


def small(student: Path, **changes: Any) -> Recipe:
    values = {
        "student": str(student),
        "batch_size": 8,
        "micro_batch": 4,
        "learning_rate": 3e-3,
        "epochs": 2,
        "evaluations": 2,
        "precision": "float32",
        "sample_pairs": 3,
        "max_target_tokens": 64,
        **changes,
    }
    return Recipe.model_validate(values)


class Stop(TrainerCallback):  # type: ignore[misc]
    """Interrupts a training after some steps, as a person would."""

    def __init__(self, after: int) -> None:
        self.after = after

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.after:
            raise KeyboardInterrupt


def curve(folder: Path) -> list[tuple[int, float]]:
    log = json.loads((folder / LOG).read_text())
    return [(e["step"], e[k]) for e in log for k in ("loss", "eval_loss") if k in e]


@pytest.mark.parametrize(
    ("model", "changes"),
    [("toy_t5", {}), ("toy_llama", {"lora_rank": 4}), ("toy_llama", {"patience": 9})],
)
def test_a_resumed_training_has_the_same_curve(
    model: str, changes: dict[str, Any], pairs: Path, tmp_path: Path, request: Any
) -> None:
    recipe = small(request.getfixturevalue(model), **changes)
    whole = train(Data(str(pairs)), recipe, tmp_path / "whole", device="cpu")
    with pytest.raises(KeyboardInterrupt):
        train(Data(str(pairs)), recipe, tmp_path / "cut", device="cpu", callbacks=[Stop(8)])
    assert find_last_checkpoint(tmp_path / "cut" / CHECKPOINTS) is not None
    assert not (tmp_path / "cut" / "student.json").exists()
    resumed = train(Data(str(pairs)), recipe, tmp_path / "cut", device="cpu")
    assert curve(tmp_path / "cut") == curve(tmp_path / "whole")
    losses = [value for _, value in curve(tmp_path / "whole")]
    assert losses[-1] < losses[0]
    sources = [row["source"] for row in toy_pairs(4, seed=2)]
    assert resumed.paraphrase(sources) == whole.paraphrase(sources)
    assert not (tmp_path / "cut" / CHECKPOINTS).exists()


class SeeTheEnd(TrainerCallback):  # type: ignore[misc]
    """Keeps the weights of each checkpoint, and what is in memory once the best one is there."""

    def __init__(self) -> None:
        self.weights: dict[str, dict[str, torch.Tensor]] = {}
        self.moments = self.gradients = -1
        self.best = ""
        self.model: weakref.ref[Any] | None = None

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        name = f"checkpoint-{state.global_step}"
        self.weights[name] = load_file(Path(args.output_dir) / name / "model.safetensors")

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.best = Path(state.best_model_checkpoint).name
        self.moments = len(kwargs["optimizer"].state)
        self.gradients = sum(p.grad is not None for p in kwargs["model"].parameters())
        self.model = weakref.ref(kwargs["model"])


@pytest.mark.parametrize("rate", [3e-3, 10.0])
def test_a_training_ends_with_its_best_weights_and_nothing_beside_them(
    rate: float, toy_t5: Path, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end, gone = SeeTheEnd(), []
    monkeypatch.setattr(fit, "give_back", lambda device: gone.append(end.model and end.model()))
    steady = {"clip": 1e9, "warmup": 0, "schedule": "constant", "sample_pairs": 0}
    recipe = small(toy_t5, learning_rate=rate, **steady)
    train(Data(str(pairs)), recipe, tmp_path / "s", device="cpu", callbacks=[end])
    assert (end.best == list(end.weights)[-1]) == (rate < 1)
    held = load_file(tmp_path / "s" / "model.safetensors")  # in memory it may be bfloat16
    best = end.weights[end.best]
    assert all(torch.equal(held[name], value) for name, value in best.items())
    assert any(
        not torch.equal(value, best[name])
        for weights in end.weights.values()
        for name, value in weights.items()
    )
    assert (end.moments, end.gradients) == (0, 0)
    assert end.model is not None
    assert gone == [None]  # before the student was read again


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.fixture(scope="module")
def uncut(
    toy_t5: Path, pairs: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Recipe, list[tuple[int, float]]]:
    """A recipe, and the curve of its training from the first step to the last."""
    recipe, out = small(toy_t5, sample_pairs=0), tmp_path_factory.mktemp("uncut") / "whole"
    train(Data(str(pairs)), recipe, out, device="cpu")
    return recipe, curve(out)


@pytest.fixture(scope="module")
def cut(
    uncut: tuple[Recipe, list[tuple[int, float]]],
    pairs: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The same training, ended after 11 of its steps; to be copied."""
    out = tmp_path_factory.mktemp("cut") / "whole"
    with pytest.raises(KeyboardInterrupt):
        train(Data(str(pairs)), uncut[0], out, device="cpu", callbacks=[Stop(after=11)])
    return out


@pytest.mark.parametrize(
    ("name", "damage", "noted"),
    [
        ("optimizer.pt", truncate, True),
        ("optimizer.pt", truncate, False),
        ("optimizer.pt", flip, False),
        ("model.safetensors", flip, True),
        ("model.safetensors", truncate, False),
        ("scheduler.pt", Path.unlink, True),
        ("trainer_state.json", truncate, True),
    ],
)
def test_from_a_damaged_checkpoint_it_goes_on_from_the_one_before(
    uncut: tuple[Recipe, list[tuple[int, float]]],
    cut: Path,
    pairs: Path,
    tmp_path: Path,
    name: str,
    damage: Any,
    noted: bool,
) -> None:
    recipe, whole = uncut
    data, out = Data(str(pairs)), tmp_path / "cut"
    shutil.copytree(cut, out)
    newest, earlier = (out / CHECKPOINTS / f"checkpoint-{step}" for step in (9, 6))
    assert find_last_checkpoint(out / CHECKPOINTS) == str(newest)
    assert (newest / SUMS).is_file()
    damage(newest / name)
    if not noted:
        (newest / SUMS).unlink()
    lines: list[str] = []
    train(data, recipe, out, device="cpu", say=lines.append)
    assert any("checkpoint-9 is damaged" in line and name in line for line in lines)
    assert not newest.exists()
    assert not earlier.exists()
    assert curve(out) == whole


def test_two_trainings_in_one_folder(
    toy_t5: Path, pairs: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    class Second(TrainerCallback):  # type: ignore[misc]
        """Begins the same training while the first is at work."""

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == 2:
                found = run(["train", str(pairs), "--student", str(toy_t5), "-o", str(out)])
                assert found == 1

    out = tmp_path / "student"
    recipe = small(toy_t5, sample_pairs=0)
    train(Data(str(pairs)), recipe, out, device="cpu", callbacks=[Second()])
    lines = capfd.readouterr().err.splitlines()
    assert f"Error: another process is training in {out}." in lines
    assert "Hint:  wait for it or stop it" in lines
    assert not (out / ".lock").exists()
    assert Student.from_pretrained(out).spec.trained


def test_a_student_carries_a_card_s_worth_of_facts(
    toy_llama: Path, pairs: Path, tmp_path: Path
) -> None:
    said: list[str] = []
    recipe = small(toy_llama, lora_rank=2, epochs=1, language="sw")
    student = train(Data(str(pairs)), recipe, tmp_path / "s", device="cpu", say=said.append)
    facts = student.spec.training
    assert facts["data"]["rows"] == 48
    assert facts["data"]["train"] == 48 - sum(facts["data"]["too_long"].values())
    assert sum(student.spec.trained.values()) == facts["data"]["train"]
    assert facts["recipe"]["learning_rate"] == 3e-3
    assert facts["weights"].startswith("sha256:")
    assert facts["steps"] == 6
    assert facts["tokens"] > 1000
    assert facts["best_validation_loss"] > 0
    assert {"torch", "transformers", "peft"} <= set(facts["versions"])
    assert str(tmp_path) not in json.dumps(student.spec.model_dump())
    card = (tmp_path / "s/README.md").read_text()
    assert "AutoModelForCausalLM" in card
    assert "It was not evaluated." in card
    assert "language:\n- sw\n" in card
    assert "a Swahili sentence" in card and "English" not in card
    assert str(tmp_path) not in card
    assert not [found for found in lint(tmp_path / "s") if found.level == "error"]
    assert "48 training and 12 validation pairs" in said
    log = json.loads((tmp_path / "s" / LOG).read_text())
    assert any("eval_rouge_l" in entry and "eval_length" in entry for entry in log)
    again = train(Data(str(pairs)), recipe, tmp_path / "s", device="cpu", say=said.append)
    assert said[-1].endswith("is already trained")
    assert again.spec == student.spec


def test_what_is_too_long_is_said(toy_t5: Path, pairs: Path, tmp_path: Path) -> None:
    said: list[str] = []
    recipe = small(toy_t5, epochs=1, max_source_tokens=34, sample_pairs=0)
    student = train(Data(str(pairs)), recipe, tmp_path / "s", device="cpu", say=said.append)
    count = student.spec.training["data"]["too_long"]["source"]
    assert count > 0
    assert f"left out as longer than the student takes: {count} sources" in said


def test_a_student_is_trained_further_with_and_without_codes(
    toy_t5: Path, pairs: Path, tmp_path: Path
) -> None:
    plain = small(toy_t5, control=False, epochs=1, sample_pairs=0)
    first = train(Data(str(pairs)), plain, tmp_path / "plain", device="cpu")
    assert set(first.spec.trained) == {"summary", "paraphrase"}
    with pytest.raises(UsageError, match="without control codes"):
        train(Data(str(pairs)), small(tmp_path / "plain"), tmp_path / "next", device="cpu")
    assert not (tmp_path / "next").exists()
    again = {"control": False, "epochs": 1, "seed": 1, "sample_pairs": 0}
    further = small(tmp_path / "plain", **again)
    second = train(Data(str(pairs)), further, tmp_path / "next", device="cpu")
    assert second.spec.trained["summary"] == 2 * first.spec.trained["summary"]
    assert second.spec.base == first.spec.base == toy_t5.name


def test_a_student_keeps_the_shape_of_its_prompts(
    toy_llama: Path, toy_t5: Path, pairs: Path, tmp_path: Path
) -> None:
    data = Data(str(pairs))
    with pytest.raises(UsageError, match="has no chat template"):
        train(data, small(toy_t5, prompt="chat"), tmp_path / "none", device="cpu")
    shutil.copytree(toy_llama, tmp_path / "chats")
    template = "<s>{% for m in messages %}U: {{ m['content'] }}\n{% endfor %}A: "
    (tmp_path / "chats" / "chat_template.jinja").write_text(template)
    recipe = small(tmp_path / "chats", prompt="chat", epochs=1)
    first = train(data, recipe, tmp_path / "one", device="cpu")
    assert first.spec.prompts.template == "<s>U: Sentence: {source}\n{instruction}\nA: "
    with pytest.raises(UsageError, match="prompt: chat, not instruction_first"):
        train(data, small(tmp_path / "one"), tmp_path / "two", device="cpu")
    further = small(tmp_path / "one", prompt="chat", epochs=1, seed=1)
    second = train(data, further, tmp_path / "two", device="cpu")
    assert second.spec.prompts == first.spec.prompts
    shrink(str(tmp_path / "one"), tmp_path / "shrunk", 1)  # whose training is another's
    third = train(
        data, small(tmp_path / "shrunk", prompt="chat", epochs=1), tmp_path / "three", device="cpu"
    )
    assert third.spec.prompts == first.spec.prompts


def test_a_code_that_is_new_to_a_student_is_learnt_further_on(
    toy_t5: Path, pairs: Path, tmp_path: Path
) -> None:
    rows = [row for row in toy_pairs(40) if row["task"] == "paraphrase"]
    first = write_jsonl(tmp_path / "first.jsonl", rows)
    recipe = small(toy_t5, epochs=1, validation_share=0.2)
    student = train(Data(str(first)), recipe, tmp_path / "one", device="cpu")
    assert student.spec.codes == ["paraphrase"]
    with pytest.raises(UsageError, match="does not know"):
        student.summarize("The dog sleeps.", length="short")
    further = small(tmp_path / "one", epochs=1)
    student = train(Data(str(pairs)), further, tmp_path / "two", device="cpu")
    assert len(student.spec.codes) > 1


def test_early_stopping_ends_a_training_that_gets_no_better(
    toy_llama: Path, pairs: Path, tmp_path: Path
) -> None:
    recipe = small(toy_llama, learning_rate=10.0, epochs=4, patience=1, sample_pairs=0)
    student = train(Data(str(pairs)), recipe, tmp_path / "s", device="cpu")
    assert student.spec.training["steps"] < 24


def test_every_form_of_data_gives_the_same_examples(tmp_path: Path, toy_llama: Path) -> None:
    import pyarrow as pa
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pq

    from dimsum.data.dataset import read_rows
    from dimsum.pairs import Columns, is_held_out, read_pairs

    rows = toy_pairs(30)
    write_jsonl(tmp_path / "a.jsonl", rows)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "b.parquet")
    pa_csv.write_csv(pa.Table.from_pylist(rows), tmp_path / "c.csv")
    found = [
        list(read_pairs(read_rows(str(tmp_path / name), "train"), Columns(), name))
        for name in ("a.jsonl", "b.parquet", "c.csv")
    ]
    assert found[0] == found[1] == found[2]
    assert {pair.control for pair in found[0]} > {"paraphrase"}
    tasks = [{k: v for k, v in row.items() if k != "task"} for row in rows]
    assert {pair.task for pair in read_pairs(tasks, Columns(), "x")} == {"paraphrase", "summary"}
    only = Columns(where={"task": "summary"})
    assert {p.task for p in read_pairs(rows, only, "x")} == {"summary"}
    share = sum(is_held_out(str(i), 0.1) for i in range(5000)) / 5000
    assert 0.08 < share < 0.12


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        ("", [], "has no training pair; it is empty"),
        ('{"text": "a", "target": "b"}\n', [], "has no column 'source'; found text, target"),
        ('{"source": "", "target": "b"}\n', [], "has no training pair (1 rows read)"),
        ("nonsense\n", [], "data.jsonl, line 1, column 1, is not JSON"),
        ('{"source": "a", "target": "b", "task": "c"}\n', [], "has a task 'c'"),
        (
            '{"source": "a", "target": "b"}\n{"source": "a", "target": "b", "task": "c"}\n',
            ["--student", "./nowhere"],  # which is looked for later
            "line 2, has a task 'c'",
        ),
        ('{"source": "a", "target": "b"}\n', ["--set", "epoch=3"], "did you mean 'epochs'"),
        ('{"source": "a", "target": "b"}\n', ["--set", "precision=float16"], "float16"),
        ('{"source": "a", "target": "b"}\n', ["--where", "x"], "not of the form column=value"),
        ('{"source": "a", "target": "b"}\n', ["-o", "taken"], "not a training"),
    ],
)
def test_bad_input_gets_one_clear_line(
    content: str,
    arguments: list[str],
    message: str,
    toy_t5: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.jsonl").write_text(content)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/mine.txt").write_text("kept")
    start = ["train", "data.jsonl", "--student", str(toy_t5), "--device", "cpu"]
    start += ["--set", "precision=float32"] if "precision=float16" not in arguments else []
    assert run([*start, "-o", "out", *arguments]) == 2
    assert message in capfd.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data.jsonl", "taken"]
    assert (tmp_path / "taken/mine.txt").read_text() == "kept"


def test_checkpoints_of_another_training_are_left_alone(
    toy_t5: Path, toy_llama: Path, pairs: Path, tmp_path: Path
) -> None:
    recipe = small(toy_t5)
    with pytest.raises(KeyboardInterrupt):
        train(Data(str(pairs)), recipe, tmp_path / "s", device="cpu", callbacks=[Stop(5)])
    before = sorted((p, p.stat().st_mtime_ns) for p in (tmp_path / "s").rglob("*"))
    with pytest.raises(UsageError, match="a seq2seq t5, not causal"):
        train(Data(str(pairs)), small(toy_llama), tmp_path / "s", device="cpu")
    with pytest.raises(UsageError, match="its learning_rate differed"):
        train(Data(str(pairs)), small(toy_t5, learning_rate=1e-3), tmp_path / "s", device="cpu")
    write_jsonl(tmp_path / "other.jsonl", toy_pairs(40, seed=5))
    with pytest.raises(UsageError, match="of other data"):
        train(Data(str(tmp_path / "other.jsonl")), recipe, tmp_path / "s", device="cpu")
    assert sorted((p, p.stat().st_mtime_ns) for p in (tmp_path / "s").rglob("*")) == before
    (tmp_path / "s" / CHECKPOINTS / "checkpoint-99").mkdir()
    found = find_last_checkpoint(tmp_path / "s" / CHECKPOINTS)
    assert found is not None and found.endswith("checkpoint-3")


def test_adapters_sit_where_they_are_wanted(toy_llama: Path, toy_t5: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2}
    base = LlamaForCausalLM(LlamaConfig(vocab_size=50, num_hidden_layers=3, **sizes))
    model = add_lora(base, "causal", small(toy_llama, lora_rank=2, lora_layers=2))
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    assert {name.split("layers.")[1][0] for name in trained} == {"1", "2"}
    assert len(trained) == 2 * 7 * 2
    with pytest.raises(UsageError, match="lora_layers 9 does not fit"):
        add_lora(base, "causal", small(toy_llama, lora_rank=2, lora_layers=9))
    with pytest.raises(UsageError, match="does not fit"):
        add_lora(base, "seq2seq", small(toy_t5, lora_rank=2, lora_layers=1))


def test_presets_and_precision() -> None:
    paper, embedded = load_recipe("paper"), load_recipe("embedded", ("epochs=2",))
    assert (paper.student, paper.learning_rate, paper.clip) == ("t5-large", 5e-5, 1.0)
    assert paper.batch_size == 64
    assert (embedded.epochs, embedded.lora_rank) == (2, 16)
    half = Recipe(precision="float16")
    with pytest.raises(UsageError) as caught:
        check_precision(half, "t5", "cuda")
    assert "bfloat16 or float32" in caught.value.hint
    with pytest.raises(UsageError, match="needs a CUDA device"):
        check_precision(half, "llama", "cpu")
    check_precision(half, "llama", "cuda")
    with pytest.raises(UsageError, match="lora_layers needs a lora_rank"):
        load_recipe("paper", ("lora_layers=2",))
    with pytest.raises(UsageError, match="no multiple"):
        load_recipe("paper", ("micro_batch=7",))


@pytest.mark.parametrize("changes", [[], ["--set", "lora_rank=2"]])
def test_the_plan_counts_and_measures(
    changes: list[str], toy_t5: Path, pairs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    start = ["train", str(pairs), "--student", str(toy_t5), "--plan", "--json", "--device", "cpu"]
    assert run([*start, "--set", "precision=float32", "--steps", "1", *changes]) == 0
    found = json.loads(capfd.readouterr().out)
    model = Student.from_pretrained(toy_t5, device="cpu", dtype="float32").model
    count = sum(p.numel() for p in model.parameters())
    assert (found["parameters"] == count) == (not changes)
    assert (found["trainable"] == count) == (not changes)
    assert found["memory_gib"]["weights"] == pytest.approx(4 * count / 2**30, abs=2e-3)
    assert found["memory_gib"]["activations"] > 0
    assert found["pairs"] == 48
    assert found["measured"]["tokens_a_second"] > 0
    assert found["hours"] is not None


def test_the_plan_knows_t5_large_by_its_configuration(pairs: Path, tmp_path: Path) -> None:
    from transformers import T5Config

    from dimsum.training.plan import plan

    sizes = {"d_model": 1024, "d_ff": 4096, "num_layers": 24, "num_heads": 16, "d_kv": 64}
    config = T5Config(vocab_size=32128, decoder_start_token_id=0, **sizes)
    config.save_pretrained(tmp_path / "t5-large")
    recipe = load_recipe("paper", (f"student={tmp_path / 't5-large'}", "precision=float32"))
    found = plan(Data(str(pairs)), recipe, device="cpu", steps=0)
    assert found["parameters"] == found["trainable"] == 737_668_096
    memory = found["memory_gib"]
    assert memory["weights"] == pytest.approx(4 * 737_668_096 / 2**30, abs=1e-3)
    assert memory["optimiser"] == pytest.approx(2 * memory["weights"], abs=1e-3)
    assert memory["total"] == pytest.approx(4 * memory["weights"] + memory["activations"], abs=0.01)
    assert memory["activations"] > 0.5


def test_the_plan_says_why_it_measured_nothing(
    toy_t5: Path, pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dimsum.training import plan

    monkeypatch.setattr(plan, "_find_free_memory", lambda device: 2**20)
    found = plan.plan(Data(str(pairs)), small(toy_t5), device="cpu", steps=1)
    assert found["measured"] is None
    assert found["hours"] is None
    assert found["not_measured"] == "0.0 GiB are free, too few for a step"


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="needs Linux")
def test_files_in_memory_count_as_free() -> None:
    from dimsum.training.plan import _find_free_memory

    lines = Path("/proc/meminfo").read_text().splitlines()
    known = {name: int(rest.split()[0]) * 1024 for name, rest in (x.split(":") for x in lines)}
    found = _find_free_memory(torch.device("cpu"))
    assert found == pytest.approx(known["MemAvailable"], rel=0.2)


def test_the_plan_needs_nothing_but_a_configuration(
    toy_llama: Path, pairs: Path, tmp_path: Path
) -> None:
    from dimsum.training.plan import plan

    (tmp_path / "bare").mkdir()
    (tmp_path / "bare/config.json").write_bytes((toy_llama / "config.json").read_bytes())
    found = plan(Data(str(pairs)), small(tmp_path / "bare"), device="cpu", steps=0)
    assert found["measured"] is None
    assert found["architecture"] == "causal"
    assert "4 characters" in found["tokens_counted"]


def test_a_training_of_one_step_learns(toy_llama: Path, pairs: Path, tmp_path: Path) -> None:
    recipe = small(toy_llama, batch_size=64, micro_batch=64, epochs=1, warmup=0.05)
    trained = train(Data(str(pairs)), recipe, tmp_path / "out", device="cpu")
    assert trained.spec.training["steps"] == 1
    before, after = (
        load_file(toy_llama / "model.safetensors"),
        load_file(tmp_path / "out" / "model.safetensors"),
    )
    assert any(not torch.equal(before[name], after[name]) for name in before)
