"""Distillation against literal formulas, cut in any way, resumed, refused where it cannot be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import TrainerCallback

from builder.cli import run
from cards.lint import lint
from dimsum import Student
from dimsum.devices import pick_device
from dimsum.errors import UsageError
from dimsum.objectives.settings import GKD, PRESETS, OwnSampling
from dimsum.pairs import Data
from dimsum.training import targets as targets_module
from dimsum.training.data import prepare
from dimsum.training.fit import LOG, make_trainer
from dimsum.training.own_outputs import draw, draw_uniforms, sample_outputs
from dimsum.training.progress import ProgressLine
from dimsum.training.recipe import Recipe, load_recipe
from dimsum.training.record import RECORD
from dimsum.training.rewards import OpenJudge, open_reward, open_rewards
from dimsum.training.target_positions import find_target_logits, split_inputs
from dimsum.training.teacher import Teacher, count_vocabulary
from dimsum.training.train import train
from tests.dimsum.objectives.test_divergence import literal
from tests.student_toys import make_decisive, make_llama, make_t5, toy_pairs

MAKERS = {"seq2seq": make_t5, "causal": make_llama}


def small(student: Path, **changes: Any) -> Recipe:
    values = {
        "student": str(student),
        "batch_size": 8,
        "micro_batch": 4,
        "learning_rate": 3e-3,
        "epochs": 1,
        "evaluations": 2,
        "precision": "float32",
        "sample_pairs": 0,
        "max_target_tokens": 64,
        **changes,
    }
    return Recipe.model_validate(values)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Models with random weights, which end a text now and then."""
    root = tmp_path_factory.mktemp("plain")
    return {name: make(root / name) for name, make in MAKERS.items()}


@pytest.fixture(scope="module")
def teachers(
    plain: dict[str, Path], pairs: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Trained on the pairs."""
    root = tmp_path_factory.mktemp("teachers")
    for name, model in plain.items():
        recipe = small(model, epochs=6, learning_rate=1e-2)
        train(Data(str(pairs)), recipe, root / name, device="cpu")
    return {name: root / name for name in plain}


def gkd(teacher: Path, **changes: Any) -> dict[str, Any]:
    short = {"max_new_tokens": 12}
    return {"kind": "gkd", "teacher": str(teacher), "sampling": short, **changes}


def trainer_of(
    recipe: Recipe, pairs: Path, folder: Path, open_judge: OpenJudge | None = None
) -> Any:
    """A trainer before its first step, its student without dropout."""
    student = Student.from_pretrained(recipe.student, device="cpu", dtype="float32")
    for module in student.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        elif isinstance(getattr(module, "dropout", None), float):
            module.dropout = 0.0  # type: ignore[assignment]
    device = pick_device("cpu")
    prepared = prepare(student, Data(str(pairs)), recipe)
    assert isinstance(recipe.objective, GKD)
    teacher = Teacher.load(recipe.objective, device, "float32")
    rewards = open_rewards(recipe, student, prepared, open_reward(recipe, open_judge))
    return make_trainer(student, prepared, recipe, folder, device, None, True, (), teacher, rewards)


def batch_of(trainer: Any) -> dict[str, torch.Tensor]:
    return next(iter(trainer.get_train_dataloader()))


def whole_logits(model: Any, batch: dict[str, torch.Tensor], causal: bool) -> torch.Tensor:
    """Logits of the target tokens by the model's plain forward pass, shape (n, vocabulary)."""
    labels = batch["labels"]
    logits = model(**batch).logits
    if causal:
        logits, labels = logits[:, :-1], labels[:, 1:]
    return logits[labels != -100]


@pytest.mark.parametrize("kind", list(MAKERS))
@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_the_loss_is_the_mean_divergence_over_target_tokens(
    kind: str, beta: float, teachers: dict[str, Path], plain: dict[str, Path], pairs: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    objective = gkd(teachers[kind], beta=beta, temperature=1.5, **{"lambda": 0})
    trainer = trainer_of(small(plain[kind], objective=objective), pairs, tmp_path)
    batch = batch_of(trainer)
    loss = trainer.compute_loss(trainer.model, dict(batch))
    p, q = (
        (whole_logits(model, batch, kind == "causal").double() / 1.5).softmax(-1)
        for model in (trainer.teacher.model, trainer.model)
    )
    expected = (literal(p, q, beta) / (beta * (1 - beta) or 1.0)).mean()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-4)
    own = torch.autograd.grad(loss, trainer.model.get_input_embeddings().weight)[0]
    theirs = torch.autograd.grad(expected, trainer.model.get_input_embeddings().weight)[0]
    torch.testing.assert_close(own, theirs, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("kind", list(MAKERS))
@pytest.mark.parametrize(
    "weights",
    [{"share": 0.3}, {"entropy_difference": True}, {"standardise_top": 8, "share": 0.5}],
)
def test_weighted_losses(
    kind: str, weights: dict[str, Any], teachers: dict[str, Path], plain: dict[str, Path],
    pairs: Path, tmp_path: Path,
) -> None:  # fmt: skip
    objective = gkd(teachers[kind], beta=0.0, weights=weights, **{"lambda": 0})
    trainer = trainer_of(small(plain[kind], objective=objective), pairs, tmp_path)
    batch = batch_of(trainer)
    count = trainer._get_num_items_in_batch([batch], torch.device("cpu"))
    loss = trainer.compute_loss(trainer.model, dict(batch), num_items_in_batch=count)
    t, s = (
        whole_logits(model, batch, kind == "causal").double()
        for model in (trainer.teacher.model, trainer.model)
    )
    entropies = [-(x.softmax(-1) * x.log_softmax(-1)).sum(-1) for x in (t, s)]
    if top := weights.get("standardise_top"):
        order = t.argsort(dim=-1, descending=True)[:, :top]
        t, s = (x.gather(-1, order) for x in (t, s))
        t, s = (
            (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True, correction=0) for x in (t, s)
        )
    each = (t.softmax(-1) * (t.log_softmax(-1) - s.log_softmax(-1))).sum(-1)
    if weights.get("entropy_difference"):
        each = each * torch.sigmoid(entropies[1] - entropies[0])
    total, taken, at = 0.0, 0, 0
    for length in (batch["labels"] != -100).sum(1).tolist():
        part = slice(at, at + length)
        most = max(1, int(np.ceil(weights.get("share", 1.0) * length)))
        best = entropies[1][part].argsort(descending=True)[:most]
        total += each[part][best].sum().item()
        taken, at = taken + most, at + length
    assert int(count) == taken
    assert loss.item() == pytest.approx(total / taken, rel=1e-3)


@pytest.mark.parametrize("kind", list(MAKERS))
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_step_is_the_same_however_it_is_cut(
    kind: str, share: float, teachers: dict[str, Path], plain: dict[str, Path], pairs: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    gradients = []
    for micro in (8, 2):
        objective = gkd(teachers[kind], **{"lambda": share})
        recipe = small(plain[kind], objective=objective, micro_batch=micro)
        trainer = trainer_of(recipe, pairs, tmp_path / str(micro))
        batches, count = trainer.get_batch_samples(
            iter(trainer.get_train_dataloader()), 8 // micro, torch.device("cpu")
        )
        assert len(batches) == 8 // micro
        # The tokens are counted when the sequences are there.
        assert int(count) == sum(int((b["labels"] != -100).sum()) for b in batches)
        for batch in batches:
            trainer.training_step(trainer.model, batch, count)
        gradients.append(torch.cat([p.grad.flatten() for p in trainer.model.parameters()]))
    most = gradients[0].abs().max().item()
    assert most > 0
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-4 * most)


@pytest.mark.parametrize("kind", list(MAKERS))
def test_lambda_is_the_share_of_sampled_sequences(
    kind: str, teachers: dict[str, Path], plain: dict[str, Path], pairs: Path, tmp_path: Path
) -> None:
    def shares(draw: str) -> list[float]:
        objective = gkd(teachers[kind], draw=draw, **{"lambda": 0.5})
        trainer = trainer_of(small(plain[kind], objective=objective), pairs, tmp_path / draw)
        batch = batch_of(trainer)
        found = []
        for step in range(12):
            trainer.state.global_step = step
            changed = trainer._with_own_outputs([batch])[0]
            longest = max(batch["labels"].shape[1], changed["labels"].shape[1])
            old, new = (
                torch.nn.functional.pad(
                    b["labels"], (0, longest - b["labels"].shape[1]), value=-100
                )
                for b in (batch, changed)
            )
            assert torch.equal(batch["input_ids"][:, :5], changed["input_ids"][:, :5])
            found.append((old != new).any(1).double().mean().item())
        return found

    each, whole = shares("sequence"), shares("batch")
    assert 0.3 < np.mean(each) < 0.7 and any(0 < x < 1 for x in each)
    assert set(whole) == {0.0, 1.0}


@pytest.mark.parametrize("kind", list(MAKERS))
def test_sampled_outputs(kind: str, plain: dict[str, Path]) -> None:
    student = Student.from_pretrained(plain[kind], device="cpu", dtype="float32")
    make_decisive(student.model)
    rows = student.encode([row["source"] for row in toy_pairs(5)], ["paraphrase"] * 5)
    numbers = [draw_uniforms(3, 7, row, 12) for row in range(5)]
    settings, size = OwnSampling(max_new_tokens=12), count_vocabulary(student.tokenizer)
    student.model.train()
    found = sample_outputs(student, rows, settings, numbers, size)
    assert student.model.training
    assert all(p.grad is None for p in student.model.parameters())
    alone = [sample_outputs(student, [r], settings, [n], size)[0] for r, n in zip(rows, numbers)]  # noqa: B905
    assert alone == found
    other = [draw_uniforms(3, 8, row, 12) for row in range(5)]
    assert sample_outputs(student, rows, settings, other, size) != found
    # What a model's file says of generation changes nothing.
    for name, value in (("temperature", 0.1), ("top_k", 1), ("min_length", 12)):
        setattr(student.model.generation_config, name, value)
    student.model.generation_config.suppress_tokens = list({found[0].tokens[0]})
    assert sample_outputs(student, rows, settings, numbers, size) == found
    end = student.tokenizer.eos_token_id
    for output in found:
        assert 1 <= len(output.tokens) <= 12
        assert (output.tokens[-1] == end) == (output.finish == "eos")
        assert end not in output.tokens[:-1]


def test_a_sampled_output_ends_with_its_end_of_sequence_or_its_line(
    plain: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dimsum.training import own_outputs

    student = Student.from_pretrained(plain["causal"], device="cpu", dtype="float32")
    tokenizer = student.tokenizer
    end = tokenizer.eos_token_id
    word, line = (tokenizer.encode(text, add_special_tokens=False)[0] for text in ("a", "\n"))
    script = [[word, word, end, end], [line, word, line, word], [word] * 4, [end] * 4]
    steps = iter(zip(*script))  # noqa: B905
    monkeypatch.setattr(own_outputs, "draw", lambda *_: torch.tensor(next(steps)))
    rows = [[5, 6, 7], [5], [5, 6], [9]]
    numbers = [draw_uniforms(0, 0, i, 4) for i in range(4)]
    # Rows are sampled from the longest on.
    found = sample_outputs(student, rows, OwnSampling(max_new_tokens=4), numbers, 300)
    said = {output.tokens: output.finish for output in found}
    assert said == {
        (word, word, end): "eos",  # and not the padding behind it, which has the same id
        (line, word, line): "line",  # a line without words ends nothing
        (word,) * 4: "length",
        (end,): "eos",
    }


def test_tokens_are_drawn_as_often_as_their_probability_says() -> None:
    scores = torch.tensor([[2.0, 1.0, 0.0, -torch.inf]])
    uniforms = (torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000
    for temperature, top_p, expected in (
        (1.0, 1.0, [0.66524, 0.24473, 0.09003, 0.0]),
        (0.5, 1.0, [0.86681, 0.11731, 0.01588, 0.0]),
        (1.0, 0.7, [0.73106, 0.26894, 0.0, 0.0]),
        (1.0, 0.5, [1.0, 0.0, 0.0, 0.0]),
    ):
        drawn = draw(scores.expand(10_000, -1), uniforms, temperature, top_p)
        shares = torch.bincount(drawn, minlength=4) / 10_000
        torch.testing.assert_close(shares, torch.tensor(expected), atol=2e-4, rtol=0)


def test_a_teacher_s_logits_come_in_parts_and_never_whole(
    teachers: dict[str, Path], pairs: Path, tmp_path: Path
) -> None:
    from transformers import Gemma2Config, Gemma2ForCausalLM

    recipe = small(teachers["causal"], objective=gkd(teachers["causal"], **{"lambda": 0}))
    trainer = trainer_of(recipe, pairs, tmp_path)
    given, mask = split_inputs(trainer.student.model, batch_of(trainer))
    teacher = trainer.teacher
    sizes: list[int] = []
    head = teacher.model.get_output_embeddings()
    hook = head.register_forward_hook(lambda _, __, out: sizes.append(out[..., 0].numel()))
    rows = teacher.logits_at(given, mask)
    expected = find_target_logits(teacher.model, given, mask)
    sizes.clear()
    chosen = torch.tensor([4, 1])
    torch.testing.assert_close(rows(chosen), expected[chosen])
    assert sizes == [2] and len(expected) > 20
    hook.remove()
    # Logits that are changed behind the head.
    torch.manual_seed(0)
    sizes_of = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2, "head_dim": 8}
    config = Gemma2Config(
        vocab_size=500, num_hidden_layers=1, num_key_value_heads=2, final_logit_softcapping=0.05,
        **sizes_of,
    )  # fmt: skip
    teacher.model, teacher._plain_head = Gemma2ForCausalLM(config).eval(), None
    capped = teacher.model(**given).logits[mask]
    assert capped.abs().max() <= 0.05
    torch.testing.assert_close(teacher.logits_at(given, mask)(chosen), capped[chosen])


class Stop(TrainerCallback):  # type: ignore[misc]
    """Interrupts a training after some steps."""

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == 4:
            raise KeyboardInterrupt


def curve(folder: Path) -> list[tuple[int, float]]:
    log = json.loads((folder / LOG).read_text())
    return [(e["step"], e[k]) for e in log for k in ("loss", "eval_loss") if k in e]


@pytest.mark.parametrize(
    ("kind", "changes"),
    [("seq2seq", {}), ("causal", {}), ("causal", {"lora_rank": 4, "precision": "bfloat16"})],
)
def test_a_resumed_distillation_has_the_same_curve(
    kind: str, changes: dict[str, Any], teachers: dict[str, Path], plain: dict[str, Path],
    pairs: Path, tmp_path: Path,
) -> None:  # fmt: skip
    recipe = small(plain[kind], objective=gkd(teachers[kind], **{"lambda": 0.5}), **changes)
    whole = train(Data(str(pairs)), recipe, tmp_path / "whole", device="cpu")
    with pytest.raises(KeyboardInterrupt):
        train(Data(str(pairs)), recipe, tmp_path / "cut", device="cpu", callbacks=[Stop()])
    train(Data(str(pairs)), recipe, tmp_path / "cut", device="cpu")
    assert curve(tmp_path / "cut") == curve(tmp_path / "whole")
    log = json.loads((tmp_path / "whole" / LOG).read_text())
    lines = [entry for entry in log if "loss" in entry]
    assert all(1 <= entry["own_tokens"] <= 12 and 0 <= entry["own_ended"] <= 1 for entry in lines)
    assert whole.spec.training["teacher"]["reference"] == teachers[kind].name


def test_a_student_comes_closer_to_its_teacher(
    teachers: dict[str, Path], plain: dict[str, Path], pairs: Path, tmp_path: Path
) -> None:
    objective = gkd(teachers["seq2seq"], **{"lambda": 0.5})
    recipe = small(plain["seq2seq"], objective=objective, epochs=6, learning_rate=1e-2)
    train(Data(str(pairs)), recipe, tmp_path / "s", device="cpu")
    checked = json.loads((tmp_path / "s" / LOG).read_text())
    losses = [entry["eval_loss"] for entry in checked if "eval_loss" in entry]
    assert losses[-1] < 0.7 * losses[0]
    card = (tmp_path / "s/README.md").read_text()
    assert "generalised knowledge distillation" in card
    assert "| distilled from | `seq2seq` |" in card
    assert str(tmp_path.parent) not in card + (tmp_path / "s/student.json").read_text()
    assert not [found for found in lint(tmp_path / "s") if found.level == "error"]


def test_presets_are_their_numbers() -> None:
    def found(name: str) -> tuple[Any, ...]:
        one: Any = load_recipe("paper", (f"objective={name}", "objective.teacher=x")).objective
        return (one.loss, one.beta, one.on_policy, one.sequence_level)

    assert {name: found(name) for name in PRESETS} == {
        "supervised-kd": ("divergence", 0.0, 0.0, False),
        "imitkd": ("divergence", 0.0, 0.5, False),
        "on-policy-kd": ("divergence", 0.0, 1.0, False),
        "seqkd": ("cross_entropy", 0.5, 0.0, True),
    }
    assert load_recipe("paper").objective.kind == "cross_entropy"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["objective=imitkid"], "did you mean 'imitkd'"),
        (["objective=imitkd"], "objective.teacher is missing"),
        (["objective.teacher=x", "objective.lamda=1"], "did you mean 'lambda'"),
        (["objective.teacher=x", "objective.beta=1.5"], "objective.beta"),
        (["objective.teacher=x", "objective.lambda=.nan"], "objective.lambda"),
        (["objective=seqkd", "objective.teacher=x", "objective.lambda=1"], "set lambda to 0"),
        (["objective.teacher=x", "objective.loss=cross_entropy", "objective.lambda=0"], "no use"),
        (["objective=cross_entropy", "objective.teacher=x"], "unknown key objective.teacher"),
    ],
)
def test_settings_that_cannot_be_meant(settings: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_recipe("paper", tuple(settings))
    assert message in caught.value.message


def test_sequence_level_targets_are_written_once(
    teachers: dict[str, Path], plain: dict[str, Path], pairs: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("DIMSUM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(targets_module, "CHUNK", 20)
    objective = {"from": "seqkd", "teacher": str(teachers["causal"])}
    recipe = small(plain["causal"], objective=objective)
    said: list[str] = []
    student = train(Data(str(pairs)), recipe, tmp_path / "one", device="cpu", say=said.append)
    assert any(line.startswith("causal writes ") for line in said)
    (file,) = (tmp_path / "cache/targets").iterdir()
    lines = file.read_text().splitlines(keepends=True)
    count = student.spec.training["data"]["train"] + student.spec.training["data"]["no_target"]
    assert len(lines) == count
    teacher = Student.from_pretrained(teachers["causal"], device="cpu")
    rows = toy_pairs(48)
    written = {json.loads(line) for line in lines}
    first = teacher.rewrite(rows[0]["source"], task="paraphrase")
    assert first in written
    # It goes on behind the last whole line, and asks no more once all are there.
    file.write_text("".join(lines[:30]) + lines[30][:3])
    asked: list[int] = []
    plain_writer = Student.continue_rows

    def counted(self: Student, rows: Any, **named: Any) -> Any:
        asked.append(len(rows))
        return plain_writer(self, rows, **named)

    monkeypatch.setattr(Student, "continue_rows", counted)
    train(Data(str(pairs)), recipe, tmp_path / "two", device="cpu")
    assert sum(asked) == count - 30
    assert file.read_text() == "".join(lines)
    assert curve(tmp_path / "one") == curve(tmp_path / "two")


def with_other_token(folder: Path, into: Path) -> Path:
    """A copy of a model whose tokenizer has one id's token renamed."""
    shutil.copytree(folder, into)
    document = json.loads((folder / "tokenizer.json").read_text())
    vocabulary = document["model"]["vocab"]
    merged = {part for merge in document["model"]["merges"] for part in merge}
    last = next(
        token
        for token, number in sorted(vocabulary.items(), key=lambda item: -item[1])
        if token not in merged
    )
    number = vocabulary.pop(last)
    document["model"]["merges"] = [m for m in document["model"]["merges"] if "".join(m) != last]
    vocabulary["qqqq"] = number
    (into / "tokenizer.json").write_text(json.dumps(document))
    return into


def test_teachers_that_cannot_teach_are_refused_before_anything_is_written(
    teachers: dict[str, Path], plain: dict[str, Path], pairs: Path, tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    out = tmp_path / "out"

    def refused(teacher: Path, *settings: str, student: str = "causal") -> str:
        words = ["train", str(pairs), "--student", str(plain[student]), "-o", str(out)]
        for text in ("batch_size=8", "micro_batch=8", f"objective.teacher={teacher}", *settings):
            words += ["--set", text]
        assert run([*words, "--device", "cpu"]) in (1, 2)
        message = capfd.readouterr().err
        assert "Traceback" not in message
        assert not out.exists()
        return message

    found = refused(teachers["seq2seq"])
    assert "seq2seq is a seq2seq model, the student causal a causal one" in found
    other = with_other_token(teachers["causal"], tmp_path / "other")
    found = refused(other)
    assert "1 of " in found and "is 'qqqq' to the teacher" in found
    assert "no model at" in refused(tmp_path / "nowhere")
    found = refused(teachers["causal"], "control=false")
    assert "was trained with other prompts" in found
    found = refused(teachers["causal"], "objective.sampling.max_new_tokens=250")
    assert "has 256 positions" in found


def test_a_student_that_writes_nothing_is_refused(
    teachers: dict[str, Path], plain: dict[str, Path], pairs: Path, tmp_path: Path
) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    other = Student.from_pretrained(plain["causal"], device="cpu")
    sizes = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 256}
    config = GPT2Config(vocab_size=420, tie_word_embeddings=False, **sizes)
    mute = GPT2LMHeadModel(config)
    with torch.no_grad():  # whatever it reads, its states are those of the last layer's bias
        mute.transformer.ln_f.weight.zero_()
        mute.transformer.ln_f.bias.fill_(1.0)
        mute.lm_head.weight.zero_()
        mute.lm_head.weight[other.tokenizer.eos_token_id] = 5.0
    mute.save_pretrained(tmp_path / "mute")
    other.tokenizer.save_pretrained(tmp_path / "mute")
    recipe = small(tmp_path / "mute", objective=gkd(teachers["causal"]))
    with pytest.raises(UsageError, match="8 of 8 outputs that it sampled are empty"):
        train(Data(str(pairs)), recipe, tmp_path / "s", device="cpu")
    assert not (tmp_path / "s").exists()


def test_another_teacher_is_another_training(
    teachers: dict[str, Path], plain: dict[str, Path], pairs: Path, tmp_path: Path
) -> None:
    objective = gkd(teachers["causal"], **{"lambda": 0})
    data, out = Data(str(pairs)), tmp_path / "s"
    with pytest.raises(KeyboardInterrupt):
        recipe = small(plain["causal"], objective=objective)
        train(data, recipe, out, device="cpu", callbacks=[Stop()])
    assert str(tmp_path.parent) not in (out / RECORD).read_text()
    with pytest.raises(UsageError, match="of another teacher"):
        other = gkd(plain["causal"], **{"lambda": 0})
        train(data, small(plain["causal"], objective=other), out, device="cpu")
    with pytest.raises(UsageError, match="its objective differed"):
        other = gkd(teachers["causal"], beta=0.1, **{"lambda": 0})
        train(data, small(plain["causal"], objective=other), out, device="cpu")
    with pytest.raises(UsageError, match="its objective differed"):
        train(data, small(plain["causal"]), out, device="cpu")


@pytest.mark.parametrize("kind", list(MAKERS))
def test_the_plan_counts_the_teacher(
    kind: str, teachers: dict[str, Path], plain: dict[str, Path], pairs: Path
) -> None:
    from dimsum.training.plan import GIB, plan

    count = sum(
        p.numel() for p in Student.from_pretrained(teachers[kind], device="cpu").model.parameters()
    )
    alone = plan(Data(str(pairs)), small(plain[kind]), device="cpu", steps=1)
    assert "teacher" not in alone and "teacher" not in alone["memory_gib"]
    recipe = small(plain[kind], objective=gkd(teachers[kind]))
    found = plan(Data(str(pairs)), recipe, device="cpu", steps=1)
    assert found["teacher"] == {"reference": kind, "parameters": count, "on_policy": 1.0}
    weights = found["memory_gib"]["total"] - alone["memory_gib"]["total"]
    assert weights == pytest.approx((4 * count + 2**25) / GIB, abs=2e-3)
    measured = found["measured"]
    assert measured["teacher_seconds"] > 0 and measured["sampling_seconds"] > 0
    parts = measured["teacher_seconds"] + measured["sampling_seconds"]
    assert measured["seconds_a_step"] >= parts
    written = small(plain[kind], objective={"from": "seqkd", "teacher": str(teachers[kind])})
    assert "sampling_seconds" not in plan(Data(str(pairs)), written, device="cpu")["measured"]


def test_the_line_of_progress_shows_divergence_and_own_outputs() -> None:
    from types import SimpleNamespace

    line = ProgressLine(quiet=True, name="divergence")
    state: Any = SimpleNamespace(global_step=3, max_steps=9, num_input_tokens_seen=0)
    line.on_train_begin(None, state, None)
    assert "own" not in line.line(state)
    line.on_log(None, state, None, {"loss": 0.5, "own_tokens": 11.6, "own_ended": 0.75})
    assert "step 3/9  divergence 0.500  own 12 tokens, 75% ended" in line.line(state)


@pytest.mark.parametrize("kind", list(MAKERS))
def test_a_teacher_s_logits_on_disk(
    kind: str, teachers: dict[str, Path], plain: dict[str, Path], pairs: Path, tmp_path: Path,
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from dimsum.training import teacher_logits

    monkeypatch.setattr(teacher_logits, "SHARD", 20)
    out, size = tmp_path / "logits", 420
    settings = [
        "batch_size=8", "micro_batch=4", "precision=float32", "objective.temperature=1.3",
        f"objective.teacher={teachers[kind]}", "objective.lambda=0", "max_target_tokens=64",
        "learning_rate=3e-3", "evaluations=2", "sample_pairs=0",
    ]  # fmt: skip
    size = count_vocabulary(Student.from_pretrained(plain[kind], device="cpu").tokenizer)

    def command(*words: str, changes: tuple[str, ...] = ()) -> int:
        all_set = [word for one in (*settings, *changes) for word in ("--set", one)]
        start = [words[0], str(pairs), "--student", str(plain[kind]), "--device", "cpu"]
        return run([*start, *words[1:], *all_set])

    folder = f"objective.teacher_logits={out}"
    assert command("train", "-o", str(tmp_path / "few"), changes=(folder,)) == 2
    assert "holds no teacher's logits" in capfd.readouterr().err
    wide = ("teacher-logits", "-o", str(out), "--top", str(size))
    assert command(*wide) == 0
    files = sorted(out.glob("*.safetensors"))
    assert len(files) == 4
    # It writes again only what is not there.
    files[1].unlink()
    (out / "teacher.json").unlink()
    before = files[0].stat().st_mtime_ns
    assert command(*wide) == 0
    assert files[1].is_file() and files[0].stat().st_mtime_ns == before
    # With all tokens it is the same training.
    assert command("train", "-o", str(tmp_path / "few"), changes=(folder,)) == 0
    assert command("train", "-o", str(tmp_path / "whole")) == 0
    one, other = curve(tmp_path / "few"), curve(tmp_path / "whole")
    assert [step for step, _ in one] == [step for step, _ in other]
    assert [x for _, x in one] == pytest.approx([x for _, x in other], rel=1e-3)
    facts = json.loads((tmp_path / "few/student.json").read_text())["training"]["teacher"]
    assert facts["reference"] == kind and facts["top"] == size
    assert str(tmp_path) not in (tmp_path / "few/student.json").read_text()
    capfd.readouterr()
    for changes, message in (
        (("objective.temperature=1",), "of another temperature"),
        (("max_pairs=30",), "of another examples"),
        ((f"objective.teacher={plain[kind]}",), "of another teacher"),
        (("objective.lambda=0.5",), "lambda must be 0"),
    ):
        assert command("train", "-o", str(tmp_path / "x"), changes=(folder, *changes)) == 2
        assert message in capfd.readouterr().err
        assert not (tmp_path / "x").exists()
    held = files[0].read_bytes()
    files[0].write_bytes(held[: len(held) // 2])
    assert command("train", "-o", str(tmp_path / "x"), changes=(folder,)) == 2
    assert "train-00000.safetensors is not there or damaged" in capfd.readouterr().err
    (out / "begun.json").write_text("{")
    assert command(*wide) == 2
    assert "holds the logits of other examples" in capfd.readouterr().err
    (out / "teacher.json").write_text("[]")
    assert command("train", "-o", str(tmp_path / "x"), changes=(folder,)) == 2
    assert "holds no teacher's logits" in capfd.readouterr().err
    assert command("teacher-logits", "-o", str(pairs)) == 2
    assert command("teacher-logits", "-o", str(tmp_path / "y"), "--top", "9999") == 2
