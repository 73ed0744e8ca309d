"""The critic as a judge of students, and what chooses among outputs by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from builder.models import make_public_name
from dimsum.writing import DIFFERENCE, VALIDITY

if TYPE_CHECKING:
    from dimsum.evaluation.measure import Critic
    from dimsum.rerank import Judge
    from dimsum.tasks import TaskDefinition

DEFAULT = "embedded"
"""Preset whose measures, model of P(valid) and rules a judge of pairs reads."""
DOUBTFUL = 0.1
"""Entailment times P(valid); outputs below it that were read were broken off or wrong."""


def make_pair_judge(critic: str, preset: str = DEFAULT) -> Judge:
    """What chooses among outputs: first what a build would keep, then by entailment and P(valid).

    A pair that every rule of the task holds for comes before one that fails; within both the least
    entailment in the directions of the task times P(valid) decides. Below `DOUBTFUL` of that none
    is wanted.

    Args:
        critic: reference of the entailment critic.
        preset: of a build, whose rules and whose model of validity are read.

    Raises:
        BuilderError: a model cannot be loaded.
    """
    from builder.config import load_config
    from builder.decide import decide
    from builder.validity.labels import Label
    from builder.validity.measure import measure_labels, open_models
    from builder.validity.use import find_model

    judge, config = load_entailment_critic(critic), load_config(preset)
    valid, models = find_model(config), open_models(config)
    assert valid is not None

    def score(pairs: Sequence[tuple[str, str]], task: TaskDefinition) -> np.ndarray[Any, Any]:
        entailed = _score_directions(judge, pairs, task)
        labels = [Label(source, target, False, 0, 1.0, "") for source, target in pairs]
        values = measure_labels(labels, config, models).values
        likely = valid.predict(values)
        known = {
            name: column
            for name, column in {**values, **entailed, "validity": likely}.items()
            if not np.isnan(column).all()  # such as how likely a teacher found what it never drew
        }
        bounds = {name: b for name, b in config.rules.get(task.name, {}).items() if name in known}
        passes = decide({task.name: bounds}, known, len(pairs)).kept if bounds else 0
        found: np.ndarray[Any, Any] = passes + _find_least(entailed) * likely - DOUBTFUL
        return found

    return score


def make_difference_judge(critic: str) -> Judge:
    """What chooses the output that is least like its source and says the same.

    The least entailment in the directions of the task times what is missing to 1 of ROUGE-L to the
    source decides. It asks no model of P(valid), which knows sentences of a teacher alone: of the
    sentences of others it holds next to no paraphrase for valid. None is unwanted.

    Args:
        critic: reference of the entailment critic.

    Raises:
        BuilderError: it cannot be loaded.
    """
    from dimsum.metrics.overlap import rouge_l
    from dimsum.metrics.words import split_words

    judge = load_entailment_critic(critic)

    def score(pairs: Sequence[tuple[str, str]], task: TaskDefinition) -> np.ndarray[Any, Any]:
        least = _find_least(_score_directions(judge, pairs, task))
        alike = [rouge_l(split_words(source), split_words(output)) for source, output in pairs]
        found: np.ndarray[Any, Any] = least * (1.0 - np.array(alike))
        return found

    return score


def _score_directions(
    critic: Critic, pairs: Sequence[tuple[str, str]], task: TaskDefinition
) -> dict[str, np.ndarray[Any, Any]]:
    """Entailment in each direction of a task, by the name of its column; shapes (n,)."""
    ways = {"forward": list(pairs), "backward": [pair[::-1] for pair in pairs]}
    return {f"entail_{way}": critic.score(ways[way]) for way in task.directions}


def _find_least(entailed: dict[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """The least entailment of each pair, 0 where it has none; shape (n,)."""
    found: np.ndarray[Any, Any] = np.nan_to_num(np.min(list(entailed.values()), axis=0))
    return found


JUDGES = {VALIDITY: make_pair_judge, DIFFERENCE: make_difference_judge}
"""What chooses among outputs, by what `--rerank-by` calls it; each is made of a critic."""


def load_entailment_critic(reference: str) -> Critic:
    """An entailment critic as `dimsum.evaluation` takes it.

    Raises:
        BuilderError: it cannot be loaded, or fails its start-up checks.
    """
    from builder.config import CriticConfig
    from builder.critics.entailment import EntailmentCritic
    from builder.critics.windows import describe_long
    from dimsum.evaluation.measure import Critic

    loaded = EntailmentCritic.load(CriticConfig(model=reference))

    def score(pairs: Sequence[tuple[str, str]]) -> np.ndarray[Any, Any]:
        found: np.ndarray[Any, Any] = loaded.score(list(pairs))[:, 0]
        return found

    def long() -> str:
        said = describe_long(loaded.long)
        loaded.long.clear()
        return said

    return Critic(score, f"{make_public_name(reference)} ({loaded.identity[:19]})", long)
