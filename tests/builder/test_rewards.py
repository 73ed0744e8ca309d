"""The judge that rewards: entailment within bounds, any measure, a critic held out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from builder.cli import run
from builder.measures.base import Batch, Column, Measure
from builder.rewards import Judge, open_judge
from cards.lint import lint
from dimsum.errors import DimsumError
from dimsum.objectives.reward_settings import Reward
from dimsum.tasks import find_tasks
from dimsum.training.rewards import Written
from tests.student_toys import toy_pairs, write_jsonl
from tests.toys import make_critic

TASKS = find_tasks(("paraphrase", "summary"))
SOURCE = "The old council met on Monday and voted to close the long bridge to all lorries."
SHORT = "The council voted to close the bridge."


def count_words(batch: Batch) -> dict[str, Any]:
    """Words of the target; no number for a target with a question mark."""
    counts = np.array(batch.sentences.each(lambda text: len(text.split())), dtype=np.float64)
    asks = np.array(batch.sentences.each(lambda text: "?" in text), dtype=bool)
    return {"said_words": np.where(asks, np.nan, counts)[batch.target]}


WORDS = Measure(
    "said_words",
    (Column("said_words", "words of the target", "words"),),
    cost="cheap",
    direction="forward",
    compute=count_words,
)


@pytest.fixture(scope="module")
def other_critic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_critic(
        tmp_path_factory.mktemp("other") / "critic", ("contradiction", "neutral", "entailment")
    )


@pytest.fixture
def settings(
    toy_document: dict[str, Any], toy_critic: Path, other_critic: Path, tmp_path: Path
) -> dict[str, Any]:
    path = tmp_path / "build.yaml"
    path.write_text(yaml.safe_dump(toy_document))
    return {"build": str(path), "critic": str(toy_critic), "held_out": str(other_critic)}


class Fixed:
    """A critic of fixed probabilities."""

    identity = "fixed"

    def __init__(self, forward: float, backward: float) -> None:
        self.both, self.asked = (forward, backward), 0

    def score(self, pairs: Any) -> Any:
        self.asked += len(pairs)
        found = [self.both[0] if pair[0] == SOURCE else self.both[1] for pair in pairs]
        return np.array([[p, 0.0, 1 - p] for p in found])


def judge_of(settings: dict[str, Any], **changes: Any) -> Judge:
    judge = open_judge(Reward.model_validate({**settings, **changes}), TASKS)
    judge.rewarding, judge.held_out = Fixed(0.9, 0.4), Fixed(0.6, 0.2)  # type: ignore[assignment]
    return judge


def test_entailment_within_bounds(settings: dict[str, Any]) -> None:
    bounds = {
        "summary": {"compression": {"min": 0.1, "max": 0.8}},
        "paraphrase": {"rouge_l": {"max": 0.9}},
    }
    judge = judge_of(settings, within=bounds, obey=False)
    other = "All lorries are kept from the long bridge, the old council decided on Monday."
    outputs = [
        Written(SOURCE, "short-abstractive", SHORT),  # forward alone
        Written(SOURCE, "paraphrase", other),  # both, of which the lesser counts
        Written(SOURCE, "short-abstractive", SOURCE[:-4]),  # hardly shorter
        Written(SOURCE, "paraphrase", SOURCE[:-2]),  # hardly other words
        Written(SOURCE, "paraphrase", ""),
    ]
    assert judge.reward(outputs).tolist() == [0.9, 0.4, 0, 0, 0]
    assert judge.rewarding.asked == 3  # type: ignore[attr-defined]
    found = judge.observe(outputs)
    assert found["held_out"] == pytest.approx((0.6 + 0.2) / 5)
    assert judge.reward([]).shape == (0,)


def test_copying_and_length_are_observed_beside_the_reward(settings: dict[str, Any]) -> None:
    judge = judge_of(settings, within={"summary": {}, "paraphrase": {}}, obey=False)
    source = "alpha beta gamma delta"
    found = judge.observe(
        [
            Written(source, "summary", "alpha beta"),  # all of it copied, 10 of 22 characters
            Written(source, "summary", "alpha omega pi"),  # a third, 14 of 22
            Written(source, "summary", ""),
        ]
    )
    assert found["copied"] == pytest.approx((1 + 1 / 3) / 3)
    assert found["compression"] == pytest.approx((10 + 14) / 22 / 3)
    assert judge.observe([Written(source, "summary", "")])["copied"] == 0


def test_without_bounds_of_its_own_a_task_has_its_rules(settings: dict[str, Any]) -> None:
    judge = judge_of(settings)
    assert set(judge.within["summary"]) == {"compression", "numbers_forward"}
    assert "rouge_l" in judge.within["paraphrase"]
    assert not any(name.startswith("entail") for r in judge.within.values() for name in r)
    missing = SOURCE.replace("Monday", "the 4th of May")
    assert judge.reward([Written(missing, "summary", "The council met on 7 occasions.")])[0] == 0


def test_an_output_has_to_obey_its_code(settings: dict[str, Any]) -> None:
    outputs = [
        Written(SOURCE, "short-extractive", SHORT),
        Written(SOURCE, "long-extractive", SHORT),
        Written(SOURCE, "paraphrase", SOURCE),
    ]
    within: dict[str, Any] = {"summary": {}, "paraphrase": {}}
    assert judge_of(settings, within=within).reward(outputs).tolist() == [0.9, 0, 0]
    found = judge_of(settings, within=within, obey=False).reward(outputs)
    assert found.tolist() == [0.9, 0.9, 0.9]


def test_any_measure_can_be_the_reward(settings: dict[str, Any]) -> None:
    outputs = [
        Written(SOURCE, "summary", SHORT),
        Written(SOURCE, "summary", "Is it closed?"),
        Written(SOURCE, "summary", "Closed."),
    ]
    own: dict[str, Any] = {
        "measures": ["tests.builder.test_rewards:WORDS"],
        "value": "said_words",
        "within": {"summary": {}, "paraphrase": {}},
    }
    found = judge_of(settings, **own).reward(outputs)
    np.testing.assert_array_equal(found, [7, np.nan, 1])
    found = judge_of(settings, **own, reverse=True).reward(outputs)
    np.testing.assert_array_equal(found, [-7, np.nan, -1])
    shipped = judge_of(settings, value="compression", within={"summary": {}, "paraphrase": {}})
    assert shipped.reward(outputs[:1])[0] == pytest.approx(len(SHORT) / len(SOURCE))
    asks = judge_of(settings, value="entail_backward", within={"summary": {}, "paraphrase": {}})
    asks.models.own_critic = asks.rewarding
    assert asks.reward(outputs[:1])[0] == pytest.approx(0.4)


def test_its_identity_is_of_what_it_computes(settings: dict[str, Any]) -> None:
    def identity(**changes: Any) -> str:
        return open_judge(Reward.model_validate({**settings, **changes}), TASKS).identity

    first = identity()
    assert identity() == first == identity(alpha=0.1, samples=4, accept=0.9)
    swapped = {"critic": settings["held_out"], "held_out": settings["critic"]}
    others = {
        identity(**swapped), identity(value="compression"), identity(obey=False),
        identity(within={"summary": {"compression": {"max": 0.5}}}),
    }  # fmt: skip
    assert len({first, *others}) == 5


def test_judges_that_cannot_be_opened(settings: dict[str, Any]) -> None:
    def refused(**changes: Any) -> str:
        with pytest.raises(DimsumError) as caught:
            open_judge(Reward.model_validate({**settings, **changes}), TASKS)
        assert caught.value.hint
        return caught.value.message

    assert "nothing can be held out" in refused(held_out=None)
    assert "cannot be held out too" in refused(held_out=settings["critic"])
    assert "no measure is called 'compresion'; did you mean 'compression'" in refused(
        value="compresion"
    )
    assert "no measure is called 'densty'" in refused(within={"summary": {"densty": {"max": 1}}})
    assert "bounds of headline, which is not trained" in refused(within={"headline": {}})
    assert "cannot be imported" in refused(measures=["nowhere:MEASURE"])
    assert "is a dict, not a Measure" in refused(measures=["sys:modules"])
    assert "no model at" in refused(critic="/nowhere/critic")


def test_a_rewarded_training_by_the_command(
    settings: dict[str, Any], toy_llama: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "pairs"
    data.mkdir()
    write_jsonl(data / "train.jsonl", toy_pairs(24))
    write_jsonl(data / "validation.jsonl", toy_pairs(8, seed=1))
    out = tmp_path / "rewarded"
    reward = {**settings, "obey": "false", "within.summary": "{}", "within.paraphrase": "{}"}
    wanted = {
        "objective": "on-policy-kd",
        "objective.teacher": str(toy_llama),
        "objective.sampling.max_new_tokens": "8",
        **{f"objective.reward.{name}": value for name, value in reward.items()},
        "batch_size": "8",
        "micro_batch": "8",
        "sample_pairs": "4",
        "evaluations": "1",
    }
    words = ["train", str(data), "--student", str(toy_llama), "-o", str(out), "--device", "cpu"]
    words += [word for name, value in wanted.items() for word in ("--set", f"{name}={value}")]
    assert run(words) == 0, capfd.readouterr().err
    shown = capfd.readouterr().err
    assert "accepted" in shown and "held_out" in shown
    student, card = (out / "student.json").read_text(), (out / "README.md").read_text()
    facts = json.loads(student)["training"]
    assert facts["reward"]["parted_at_step"] is None
    critic = Path(settings["critic"]).name
    assert facts["recipe"]["objective"]["reward"]["critic"] == critic
    assert f"with the weight 0.5 a reward of its own outputs (entailment by {critic})" in card
    assert str(tmp_path.parent) not in student + card + (out / "training.json").read_text()
    assert not [found for found in lint(out) if found.level == "error"]
    # Another critic makes another training of it.
    (out / "student.json").unlink()
    swapped = [*words, "--set", f"objective.reward.critic={settings['held_out']}"]
    swapped += ["--set", f"objective.reward.held_out={settings['critic']}"]
    assert run(swapped) == 2
    assert "with another reward" in capfd.readouterr().err


@pytest.mark.embedded
def test_of_the_embedded_critic_one_model_rewards_and_the_other_is_held_out() -> None:
    from builder.config import CriticConfig
    from builder.critics.entailment import EntailmentCritic

    judge = open_judge(Reward(within={"summary": {}, "paraphrase": {}}, obey=False), TASKS)
    outputs = [
        Written(SOURCE, "summary", SHORT),
        Written(SOURCE, "summary", "The mayor closed a school."),
    ]
    whole = EntailmentCritic.load(CriticConfig(model="embedded:critic"))
    each = whole.score_each([(one.source, one.text) for one in outputs])
    np.testing.assert_allclose(judge.reward(outputs), each[1], atol=1e-5)
    seen = judge.observe(outputs)
    assert seen["held_out"] == pytest.approx(each[0].mean(), abs=1e-5)
    assert 0 < seen["valid"] < 1
    assert each[1][0] > 0.5 > each[1][1]
