"""Distillation with a reward: exact gradients, cut, resumed, hacked, refused."""

from __future__ import annotations

import json
import math
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from dimsum import Student
from dimsum.errors import DimsumError, UsageError
from dimsum.objectives.reward_settings import Reward
from dimsum.pairs import Data
from dimsum.tasks import TaskDefinition
from dimsum.training import own_batches
from dimsum.training import plan as plan_module
from dimsum.training.fit import LOG
from dimsum.training.own_outputs import OwnOutput
from dimsum.training.progress import ProgressLine
from dimsum.training.recipe import load_recipe
from dimsum.training.rewards import Written
from dimsum.training.train import train
from tests.dimsum.training.test_distilling import MAKERS, Stop, curve, gkd, small, trainer_of
from tests.student_toys import make_llama, make_t5, toy_pairs

Floats = np.ndarray[Any, np.dtype[np.float64]]


class ToyJudge:
    """Rewards a text by a function of it, and holds another one out."""

    identity = "toy"

    def __init__(
        self,
        value: Callable[[Written], float],
        held_out: Callable[[Written], float] | None = None,
    ) -> None:
        self.value, self.held = value, held_out or value
        self.seen: list[Written] = []

    def reward(self, outputs: Sequence[Written]) -> Floats:
        self.seen += outputs
        return np.array([self.value(one) for one in outputs])

    def observe(self, outputs: Sequence[Written]) -> Mapping[str, float]:
        return {"held_out": float(np.mean([self.held(one) for one in outputs]))}

    def open(self, settings: Reward, tasks: tuple[TaskDefinition, ...]) -> ToyJudge:
        return self


def share_of_a(one: Written) -> float:
    return one.text.count("a") / (len(one.text) + 1)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Models with random weights, each the teacher of the other of its kind too."""
    root = tmp_path_factory.mktemp("plain")
    return {"seq2seq": make_t5(root / "seq2seq"), "causal": make_llama(root / "causal")}


def rewarded(plain: dict[str, Path], kind: str, reward: dict[str, Any], **changes: Any) -> Any:
    """A recipe on eight validation sources."""
    objective = gkd(plain[kind], reward=reward, **changes.pop("objective", {}))
    return small(plain[kind], objective=objective, **{"sample_pairs": 8, **changes})


def gradients(trainer: Any, batches: list[Any], count: Any) -> torch.Tensor:
    trainer.model.zero_grad()
    for batch in batches:
        trainer.training_step(trainer.model, batch, count)
    return torch.cat([p.grad.flatten().clone() for p in trainer.model.parameters()])


ENUMERATED = 3
"""Tokens of the vocabulary that sequences are enumerated over; 1 is the end of both toys."""


def every_output() -> list[tuple[int, ...]]:
    """All outputs of at most two of the first three tokens."""
    return [(1,), *((first, second) for first in (0, 2) for second in range(ENUMERATED))]


@pytest.mark.parametrize("kind", list(MAKERS))
def test_the_mean_gradient_is_that_of_the_expected_reward(
    kind: str, plain: dict[str, Path], pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every output that the student can sample, weighed by its probability: nothing is random."""
    temperature, alpha = 1.3, 0.25
    recipe = rewarded(
        plain,
        kind,
        {"alpha": alpha, "samples": 2},
        batch_size=1,
        micro_batch=1,
        objective={"sampling": {"max_new_tokens": 2, "temperature": temperature}, "beta": 0.3},
    )
    every = every_output()
    table = dict(zip(every, np.random.default_rng(0).normal(size=len(every)), strict=True))
    judge = ToyJudge(share_of_a)
    trainer = trainer_of(recipe, pairs, tmp_path, judge.open)
    trainer.vocabulary = ENUMERATED
    trainer.rewards.of = lambda prompts, outputs: np.array([table[one.tokens] for one in outputs])
    (batch,) = [next(iter(trainer.get_train_dataloader()))]
    # The student's own probabilities, by its plain forward pass.
    rows: list[tuple[list[int], list[int]]] = []
    monkeypatch.setattr(
        own_batches,
        "sample_outputs",
        lambda s, given, *rest: [OwnOutput((1,), "eos") for _ in given],
    )
    causal = kind == "causal"
    prompt = own_batches.split_batch(batch, causal=causal)[0][0]
    rows = [(prompt, list(words)) for words in every]
    items = [own_batches.as_item(*row, causal=causal) for row in rows]
    whole = trainer.data_collator(items)
    labels = whole["labels"]
    logits = trainer.model(**whole).logits[..., :ENUMERATED].double() / temperature
    if causal:
        logits, labels = logits[:, :-1], labels[:, 1:]
    logs = logits.log_softmax(-1).gather(-1, labels.clamp(0, ENUMERATED - 1)[..., None])[..., 0]
    chances = logs.masked_fill(labels == -100, 0.0).sum(1).exp()
    assert chances.sum().item() == pytest.approx(1.0, abs=1e-5)
    expected = sum(p * table[words] for p, words in zip(chances, every, strict=True))
    exact = torch.autograd.grad(expected, list(trainer.model.parameters()), allow_unused=True)
    exact_flat = torch.cat(
        [
            (torch.zeros_like(p) if g is None else g).flatten()
            for g, p in zip(exact, trainer.model.parameters(), strict=True)
        ]
    )

    def mean_gradient(share: float) -> torch.Tensor:
        """Over both samples of the prompt, the first of which is trained on."""
        object.__setattr__(trainer.objective.reward, "alpha", share)
        object.__setattr__(trainer.rewards.settings, "alpha", share)
        mean = torch.zeros_like(exact_flat)
        for i, first in enumerate(every):
            for j, second in enumerate(every):
                drawn = [OwnOutput(first, "length"), OwnOutput(second, "length")]
                monkeypatch.setattr(own_batches, "sample_outputs", lambda *_, d=drawn: d)
                made, count = trainer.get_batch_samples(iter([batch]), 1, torch.device("cpu"))
                weight = (chances[i] * chances[j]).item()
                mean += weight * gradients(trainer, made, count)
        return mean

    only_reward = mean_gradient(0.0)
    scale = exact_flat.abs().max().item()
    torch.testing.assert_close(-only_reward, exact_flat, rtol=1e-3, atol=1e-4 * scale)
    # The two parts add up as (1 - alpha) of one and alpha of the other.
    only_divergence, both = mean_gradient(1.0), mean_gradient(alpha)
    together = (1 - alpha) * only_reward + alpha * only_divergence
    most = together.abs().max().item()
    torch.testing.assert_close(both, together, rtol=1e-3, atol=1e-4 * most)


@pytest.mark.parametrize("kind", list(MAKERS))
@pytest.mark.parametrize(
    ("share", "weights"), [(1.0, {}), (0.5, {}), (0.5, {"pass_rate": {"a": 1, "b": 1}})]
)
def test_a_rewarded_step_is_the_same_however_it_is_cut(
    kind: str, share: float, weights: dict[str, Any], plain: dict[str, Path], pairs: Path,
    tmp_path: Path,
) -> None:  # fmt: skip
    found = []
    for micro in (8, 2):
        objective = {"lambda": share, "weights": weights}
        reward = {"samples": 3, "accept": 0.05, "alpha": 0.3}
        recipe = rewarded(plain, kind, reward, objective=objective, micro_batch=micro)
        trainer = trainer_of(recipe, pairs, tmp_path / str(micro), ToyJudge(share_of_a).open)
        batches, count = trainer.get_batch_samples(
            iter(trainer.get_train_dataloader()), 8 // micro, torch.device("cpu")
        )
        assert sum(int((b["advantages"] != 0).sum()) for b in batches) > 1
        if weights:
            values = {round(w, 4) for b in batches for w in b["weights"].tolist()}
            assert round(4 * 2 / 9, 4) in values and values <= {0.0, round(4 * 2 / 9, 4)}
        found.append(gradients(trainer, batches, count))
    most = found[0].abs().max().item()
    torch.testing.assert_close(*found, rtol=1e-3, atol=1e-4 * most)


def test_weights_by_the_rate_of_accepted_samples(
    plain: dict[str, Path], pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The divergence of a prompt counts as p (1 - p) over its largest value, 1/4."""
    reward = {"samples": 4, "accept": 0.5, "alpha": 1.0}
    objective = {"lambda": 0.0, "beta": 0.0, "weights": {"pass_rate": {"a": 1, "b": 1}}}
    recipe = rewarded(plain, "causal", reward, objective=objective)
    trainer = trainer_of(recipe, pairs, tmp_path, ToyJudge(share_of_a).open)
    batch = next(iter(trainer.get_train_dataloader()))
    accepted = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]], dtype=float)
    trainer.rewards.of = lambda prompts, outputs: accepted.flatten()
    made, count = trainer.get_batch_samples(iter([batch]), 1, torch.device("cpu"))
    torch.testing.assert_close(made[0]["weights"], torch.tensor([0.75, 1.0, 0.0, 0.0]))
    assert torch.equal(made[0]["labels"], batch["labels"])  # lambda is 0
    assert made[0]["advantages"].abs().max() == 0
    loss = trainer.compute_loss(trainer.model, dict(made[0]), num_items_in_batch=count)
    by_row = [
        trainer.compute_loss(
            trainer.model,
            {k: v[row : row + 1] for k, v in batch.items()},
            num_items_in_batch=count,
        ).item()
        for row in range(4)
    ]
    assert loss.item() == pytest.approx(0.75 * by_row[0] + by_row[1], rel=1e-4)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [("seq2seq", {}), ("causal", {}), ("causal", {"lora_rank": 4, "precision": "bfloat16"})],
)
def test_a_resumed_training_with_a_reward_has_the_same_curve(
    kind: str, changes: dict[str, Any], plain: dict[str, Path], pairs: Path, tmp_path: Path
) -> None:
    reward = {"samples": 2, "accept": 0.05, "alpha": 0.3, "monitor": {"evaluations": 9}}
    weights = {"weights": {"pass_rate": {"a": 1, "b": 1}}, "lambda": 0.5}
    recipe = rewarded(plain, kind, reward, objective=weights, **changes)
    judge = ToyJudge(share_of_a)
    data = Data(str(pairs))
    whole = train(data, recipe, tmp_path / "whole", device="cpu", open_judge=judge.open)
    with pytest.raises(KeyboardInterrupt):
        train(
            data, recipe, tmp_path / "cut", device="cpu", open_judge=judge.open, callbacks=[Stop()]
        )
    train(data, recipe, tmp_path / "cut", device="cpu", open_judge=judge.open)
    assert curve(tmp_path / "cut") == curve(tmp_path / "whole")

    def noted(folder: Path) -> list[tuple[int, str, float]]:
        log = json.loads((folder / LOG).read_text())
        names = ("reward", "accepted", "divergence", "eval_reward", "eval_held_out")
        return [(e["step"], name, e[name]) for e in log for name in names if name in e]

    found = noted(tmp_path / "whole")
    assert found == noted(tmp_path / "cut")
    assert {name for _, name, _ in found} >= {"reward", "accepted", "divergence", "eval_held_out"}
    assert [step for step, name, _ in found if name == "eval_held_out"] == [0, 3, 6]
    assert whole.spec.training["reward"] == {"identity": "toy", "parted_at_step": None}


@pytest.mark.parametrize("kind", list(MAKERS))
def test_a_reward_that_has_no_share_changes_nothing(
    kind: str, plain: dict[str, Path], pairs: Path, tmp_path: Path
) -> None:
    """Its first samples are those of a training without one, and so is the curve."""
    judge = ToyJudge(share_of_a)
    with_reward = rewarded(plain, kind, {"alpha": 1.0, "samples": 2})
    train(Data(str(pairs)), with_reward, tmp_path / "a", device="cpu", open_judge=judge.open)
    without = small(plain[kind], objective=gkd(plain[kind]))
    train(Data(str(pairs)), without, tmp_path / "b", device="cpu")
    one, other = ([(step, loss) for step, loss in curve(tmp_path / name) if step] for name in "ab")
    assert [step for step, _ in one] == [step for step, _ in other]
    assert [x for _, x in one] == pytest.approx([x for _, x in other], rel=1e-4)


@pytest.mark.parametrize("kind", list(MAKERS))
def test_a_reward_that_can_be_hacked_is_learnt_and_the_monitor_stops_it(
    kind: str, plain: dict[str, Path], pairs: Path, tmp_path: Path
) -> None:
    """The more of a letter the better, says the reward; the held-out judge says the opposite."""
    judge = ToyJudge(share_of_a, lambda one: 1 - share_of_a(one))
    reward = {"alpha": 0.0, "samples": 4, "monitor": {"fall": 0.05, "evaluations": 2}}
    recipe = rewarded(plain, kind, reward, epochs=30, learning_rate=1e-2, evaluations=1)
    said: list[str] = []
    student = train(
        Data(str(pairs)), recipe, tmp_path / "s", device="cpu", open_judge=judge.open,
        say=said.append,
    )  # fmt: skip
    log = json.loads((tmp_path / "s" / LOG).read_text())
    rewards = [e["eval_reward"] for e in log if "eval_reward" in e]
    sampled = [e["reward"] for e in log if "reward" in e]
    assert sampled[-1] > sampled[0] + 0.05
    assert rewards[-1] > rewards[0] + 0.05
    parted = student.spec.training["reward"]["parted_at_step"]
    assert parted == student.spec.training["steps"] < 30 * 6
    assert any(f"stopped at step {parted}" in line for line in said)


def test_what_is_kept_is_the_best_by_the_held_out_judge(
    plain: dict[str, Path], pairs: Path, tmp_path: Path
) -> None:
    judge = ToyJudge(share_of_a, lambda one: 1 - share_of_a(one))
    reward = {"alpha": 0.0, "samples": 4, "monitor": {"evaluations": 99}}
    recipe = rewarded(plain, "causal", reward, epochs=6, learning_rate=1e-2, evaluations=1)
    student = train(Data(str(pairs)), recipe, tmp_path / "s", device="cpu", open_judge=judge.open)
    log = json.loads((tmp_path / "s" / LOG).read_text())
    found = {e["step"]: e["eval_held_out"] for e in log if "eval_held_out" in e and e["step"]}
    sources = [row["source"] for row in toy_pairs(12, seed=1)][:8]
    codes = [one.code for one in judge.seen[-8:]]
    texts = [text[0] for text in student.write(sources, codes)]
    kept = np.mean([1 - text.count("a") / (len(text) + 1) for text in texts])
    assert kept == pytest.approx(max(found.values()))
    assert found[max(found)] < max(found.values())


def refused(
    plain: dict[str, Path], pairs: Path, out: Path, value: Callable[[Written], float], **reward: Any
) -> str:
    recipe = rewarded(plain, "causal", reward)
    with pytest.raises(DimsumError) as caught:
        train(Data(str(pairs)), recipe, out, device="cpu", open_judge=ToyJudge(value).open)
    assert not out.exists()
    assert caught.value.hint
    return caught.value.message


def test_rewards_that_teach_nothing_are_refused_before_anything_is_written(
    plain: dict[str, Path], pairs: Path, tmp_path: Path
) -> None:
    out = tmp_path / "s"
    found = refused(plain, pairs, out, lambda one: 0.25)
    assert "the reward is 0.25 for all 32 outputs" in found
    for nothing in (math.nan, math.inf):
        found = refused(plain, pairs, out, lambda one, x=nothing: x)  # type: ignore[misc]
        assert "the reward of 32 of 32 outputs is no number" in found
    recipe = rewarded(plain, "causal", {}, sample_pairs=0)
    with pytest.raises(UsageError, match="nobody sees a reward go wrong"):
        train(Data(str(pairs)), recipe, out, device="cpu", open_judge=ToyJudge(share_of_a).open)
    with pytest.raises(UsageError, match="does not open itself"):
        train(Data(str(pairs)), rewarded(plain, "causal", {}), out, device="cpu")
    assert not out.exists()


def test_a_reward_that_fails_on_the_way_ends_the_training(
    plain: dict[str, Path], pairs: Path, tmp_path: Path
) -> None:
    calls = 0

    def value(one: Written) -> float:
        nonlocal calls
        calls += 1
        return math.nan if calls > 60 else calls / 100

    recipe = rewarded(plain, "causal", {})
    with pytest.raises(DimsumError, match="of 8 outputs is no number"):
        train(
            Data(str(pairs)), recipe, tmp_path / "s", device="cpu", open_judge=ToyJudge(value).open
        )


def test_a_validation_without_a_number_ends_the_training(
    plain: dict[str, Path], pairs: Path, tmp_path: Path
) -> None:
    judge = ToyJudge(share_of_a, lambda one: math.nan)
    with pytest.raises(DimsumError, match="held-out reward of 8 outputs is no number"):
        train(
            Data(str(pairs)), rewarded(plain, "causal", {}), tmp_path / "s", device="cpu",
            open_judge=judge.open,
        )  # fmt: skip


def test_a_student_that_stops_writing_ends_the_training(
    plain: dict[str, Path], pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        own_batches,
        "sample_outputs",
        lambda student, rows, *rest: [
            OwnOutput((student.tokenizer.eos_token_id,), "eos") for _ in rows
        ],
    )
    with pytest.raises(UsageError, match="at step 0 writes nothing: 8 of 8"):
        train(
            Data(str(pairs)), small(plain["causal"], objective=gkd(plain["causal"])),
            tmp_path / "s", device="cpu",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["reward.alpha=1.5"], "objective.reward.alpha"),
        (["reward.alpa=1"], "did you mean 'alpha'"),
        (["reward.alpha=.nan"], "objective.reward.alpha"),
        (["lambda=0", "reward.alpha=0.5"], "set lambda above 0"),
        (["lambda=0", "reward.alpha=1"], "set lambda above 0"),
        (["weights.pass_rate.a=1"], "weights.pass_rate needs a reward"),
        (["weights.pass_rate.a=1", "reward.alpha=1"], "gives no rate"),
        (["reward.alpha=0.5", "sampling.top_p=0.9"], "whole distribution"),
        (["reward.alpha=0.5", "sampling.no_repeat_ngram=3"], "whole distribution"),
        (["reward.within.summary.compression.most=1"], "objective.reward.within"),
        (["lambda=0", "teacher_logits=x", "weights.pass_rate.a=1"], "is share"),
        (
            ["loss=cross_entropy", "lambda=0", "sequence_level=true", "reward.alpha=0.5"],
            "a reward goes with a divergence",
        ),
    ],
)
def test_settings_of_rewards_that_cannot_be_meant(settings: list[str], message: str) -> None:
    overrides = ("objective.teacher=x", *(f"objective.{one}" for one in settings))
    with pytest.raises(UsageError) as caught:
        load_recipe("paper", overrides)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ([], 1.0),
        (["lambda=0.5"], 0.5),
        (["lambda=0.5", "reward.samples=3"], 1.5),
        (["lambda=0.5", "reward.samples=3", "weights.pass_rate.a=1"], 3.0),
    ],
)
def test_the_plan_counts_every_sample(settings: list[str], expected: float) -> None:
    overrides = ("objective.teacher=x", *(f"objective.{one}" for one in settings))
    assert plan_module._count_samples(load_recipe("paper", overrides).objective) == expected


def test_the_line_of_progress_shows_reward_and_acceptance(
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = ProgressLine(name="divergence")
    state: Any = SimpleNamespace(global_step=3, max_steps=9, num_input_tokens_seen=0)
    line.on_train_begin(None, state, None)
    logs = {"loss": -4.0, "divergence": 0.5, "own_tokens": 11.6, "own_ended": 0.75}
    line.on_log(None, state, None, {**logs, "reward": 0.4321, "accepted": 0.62})
    expected = "divergence 0.500  own 12 tokens, 75% ended  reward 0.432, 62% accepted"
    assert expected in line.line(state)
    line.on_log(None, state, None, {"eval_reward": 0.4, "eval_held_out": 0.3})
    assert "validation: reward 0.400  held_out 0.300" in capsys.readouterr().err


def test_no_model_of_a_training_is_kept_while_its_student_is_read(
    plain: dict[str, Path], pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[weakref.ref[Any]] = []
    left: list[int] = []
    read = Student.from_pretrained

    def load(reference: Any, **options: Any) -> Student:
        if Path(reference) == tmp_path / "s":
            left.append(sum(one() is not None for one in loaded))
        found = read(reference, **options)
        loaded.append(weakref.ref(found.model))
        return found

    monkeypatch.setattr(Student, "from_pretrained", load)

    def open_toy(settings: Reward, tasks: tuple[TaskDefinition, ...]) -> ToyJudge:
        judge = ToyJudge(share_of_a)
        loaded.append(weakref.ref(judge))
        return judge

    recipe = rewarded(plain, "seq2seq", {"alpha": 0.5, "samples": 2})
    train(Data(str(pairs)), recipe, tmp_path / "s", device="cpu", open_judge=open_toy)
    assert left == [0]
    assert len(loaded) == 4  # student, teacher and judge, then the student again
