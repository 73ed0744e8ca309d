"""Every metric on one system's outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dimsum.data.values import is_blank
from dimsum.errors import UsageError
from dimsum.evaluation.data import Example
from dimsum.metrics.bleu import measure_bleu
from dimsum.metrics.measured import Measured, measure_mean
from dimsum.metrics.rouge import rouge
from dimsum.metrics.wording import measure_wording

if TYPE_CHECKING:
    from dimsum.metrics.bertscore import BertScore


@dataclass(frozen=True)
class Critic:
    """An entailment critic from outside this package.

    Attributes:
        score: P(premise entails hypothesis) of each pair, shape (n,).
        signature: the model and its identity.
        long: what it could not read at once of the pairs scored since it was last asked, in words.
    """

    score: Callable[[Sequence[tuple[str, str]]], np.ndarray[Any, Any]]
    signature: str
    long: Callable[[], str] = lambda: ""


def measure(
    outputs: Sequence[str],
    examples: Sequence[Example],
    *,
    bertscore: BertScore | None = None,
    critic: Critic | None = None,
) -> dict[str, Measured]:
    """All metrics by name, in the order of a table; those without their model are left out.

    Raises:
        UsageError: not one output for each example.
    """
    if len(outputs) != len(examples):
        raise UsageError(
            f"{len(outputs)} outputs for {len(examples)} sources",
            hint="there must be one output for each source, in their order",
        )
    sources = [example.source for example in examples]
    references = [example.references for example in examples]
    found = [*rouge(outputs, references), *measure_bleu(outputs, references, sources)]
    if bertscore is not None:
        found.append(bertscore.measure(outputs, references))
        found.append(bertscore.bert_ibleu(outputs, sources))
    if critic is not None:
        found += measure_entailment(outputs, sources, critic)
    found += measure_wording(outputs, sources)
    return {one.name: one for one in found}


def measure_entailment(
    outputs: Sequence[str], sources: Sequence[str], critic: Critic
) -> list[Measured]:
    """Mean probability, in percent, that the source entails the output, and the other way."""
    there = list(zip(sources, outputs, strict=True))
    back = [(output, source) for source, output in there]
    found = []
    for name, pairs, text in (
        ("entailment", there, "P(source entails output)"),
        ("entailment_back", back, "P(output entails source)"),
    ):
        values = _measure_percent(critic, pairs)
        parts = filter(None, [text, critic.signature, critic.long(), "mean percent"])
        found.append(measure_mean(name, values, ", ".join(parts)))
    return found


def _measure_percent(critic: Critic, pairs: Sequence[tuple[str, str]]) -> list[float]:
    """Probabilities in percent; an empty text says nothing, so it entails and follows nothing."""
    found = np.zeros(len(pairs))
    judged = [i for i, (a, b) in enumerate(pairs) if not (is_blank(a) or is_blank(b))]
    if judged:
        found[judged] = 100 * np.asarray(critic.score([pairs[i] for i in judged]), dtype=np.float64)
    values: list[float] = found.tolist()
    return values
