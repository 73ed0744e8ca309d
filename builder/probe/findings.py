"""What the probe found: shares, likeness of wording, likeness of states, and what they say.

Sources of the claims: section 2 of arXiv 2305.16635 v4.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from builder.probe.estimates import Estimate, Moments, cohens_d, estimate, moments, slope, weights
from builder.probe.judged import Judged
from builder.probe.settings import LENGTHS, ProbeSettings
from builder.probe.states import Vectors
from builder.probe.texts import NextSentences
from dimsum.metrics.bootstrap import AnyArray
from dimsum.metrics.measured import Array

GROUPS = ("mutually entailing", "other pairs of a context", "pairs across contexts")
LIKE_WORDING = (0.0, 10.0, 20.0, 35.0, 50.0, 100.001)
"""Edges, in BLEU, of the bins in which wording counts as alike."""
VERDICTS = {
    "holds": "What holds",
    "not distinguishable from chance": "What these samples cannot distinguish from chance",
    "the opposite holds": "What is the other way round",
    "not measurable here": "What could not be measured",
}
"""What may be said of a claim, and the words before those of which it is said."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Numbers of one length of context at one temperature; None stands for all of them.

    Whole sentences drawn and, of them, distinct within their context; pairs judged and, of them,
    mutually entailing; mean BLEU of these (Self-BLEU) and of the other pairs.
    """

    length: int | None
    temperature: float | None
    drawn: int
    distinct: int
    pairs: int
    equivalent: int
    share: Estimate
    self_bleu: Estimate
    other_bleu: Estimate


@dataclass(frozen=True, slots=True)
class Likeness:
    """Cosines of one layer: mean by group, and how far groups lie apart in Cohen's d."""

    layer: str
    pairs: dict[str, int]
    means: dict[str, Estimate]
    effects: dict[str, Estimate]


@dataclass(frozen=True, slots=True)
class Claim:
    """A prediction, true where a number is above 0; which one, in words; one of VERDICTS."""

    text: str
    number: str
    found: Estimate
    verdict: str


@dataclass(frozen=True)
class Findings:
    """Everything that the page says."""

    documents: int
    cells: tuple[Cell, ...]
    by_length: tuple[Cell, ...]
    by_temperature: tuple[Cell, ...]
    whole: Cell
    likeness: tuple[Likeness, ...]
    claims: tuple[Claim, ...]


@dataclass(frozen=True)
class _Pairs:
    """The judged pairs as columns, and the weights of every replicate."""

    document: AnyArray
    length: AnyArray
    temperature: AnyArray
    equivalent: AnyArray
    bleu: AnyArray
    w: Array

    def mean(self, column: str, where: AnyArray) -> Array:
        """Mean of a column over some pairs, on the sample and in every replicate."""
        return moments(getattr(self, column)[where], self.document[where], self.w).mean


def findings(
    drawn: Sequence[NextSentences],
    pairs: Sequence[Judged],
    states: dict[str, Vectors],
    sentences: Sequence[str],
    documents: int,
    settings: ProbeSettings,
) -> Findings:
    """Sum up.

    Args:
        states: unit vectors of `sentences` by layer.
        documents: texts that the contexts are of.
    """
    w = weights(documents, settings.replicates, settings.seed)
    columns = _Pairs(
        document=np.array([p.document for p in pairs]),
        length=np.array([p.length for p in pairs]),
        temperature=np.array([p.temperature for p in pairs]),
        equivalent=np.array([p.equivalent for p in pairs], dtype=bool),
        bleu=np.array([p.bleu for p in pairs]),
        w=w,
    )
    groups = _groups(drawn, pairs, sentences, settings)
    same, other, across = GROUPS
    claims = _claims_on_shares(columns, settings)
    likeness = []
    for layer, vectors in states.items():
        cosines = {n: (vectors[a] * vectors[b]).sum(1) for n, (a, b, _) in groups.items()}
        of = {name: moments(cosines[name], groups[name][2], w) for name in GROUPS}
        means = {name: estimate(of[name].mean) for name in GROUPS}
        apart = {
            f"{one} over {two}": estimate(cohens_d(of[one], of[two]))
            for one, two in ((same, other), (other, across), (same, across))
        }
        likeness.append(Likeness(layer, {n: len(groups[n][0]) for n in GROUPS}, means, apart))
        claims += _claims_on_states(layer, of, _within_bins(cosines, columns))
    cell = partial(_cell, drawn, columns)
    return Findings(
        documents=documents,
        cells=tuple(cell(n, t) for t in settings.temperatures for n in LENGTHS),
        by_length=tuple(cell(n, None) for n in LENGTHS),
        by_temperature=tuple(cell(None, t) for t in settings.temperatures),
        whole=cell(None, None),
        likeness=tuple(likeness),
        claims=tuple(_claim(*one) for one in claims),
    )


def _cell(
    drawn: Sequence[NextSentences], pairs: _Pairs, length: int | None, temperature: float | None
) -> Cell:
    here = np.isin(pairs.length, LENGTHS if length is None else length)
    here &= (pairs.temperature == temperature) | (temperature is None)
    these = [
        x for x in drawn if length in (None, x.length) and temperature in (None, x.temperature)
    ]
    return Cell(
        length,
        temperature,
        drawn=sum(one.drawn for one in these),
        distinct=sum(len(one.sentences) for one in these),
        pairs=int(here.sum()),
        equivalent=int((here & pairs.equivalent).sum()),
        share=estimate(pairs.mean("equivalent", here)),
        self_bleu=estimate(pairs.mean("bleu", here & pairs.equivalent)),
        other_bleu=estimate(pairs.mean("bleu", here & ~pairs.equivalent)),
    )


def _groups(
    drawn: Sequence[NextSentences],
    pairs: Sequence[Judged],
    sentences: Sequence[str],
    settings: ProbeSettings,
) -> dict[str, AnyArray]:
    """Of the pairs of each of GROUPS: rows of both sentences' vectors, the document, shape (3, n).

    Across contexts as many are drawn as were judged.
    """
    row = {sentence: i for i, sentence in enumerate(sentences)}
    rng = random.Random(settings.seed)
    owners = [(sentence, one.document) for one in drawn for sentence in one.sentences]
    across: list[tuple[int, int, int]] = []
    if len({document for _, document in owners}) > 1:
        while len(across) < len(pairs):
            (a, i), (b, j) = rng.choice(owners), rng.choice(owners)
            if i != j:
                across.append((row[a], row[b], i))
    judged = [(row[p.first], row[p.second], p.document) for p in pairs]
    same = [one for one, p in zip(judged, pairs, strict=True) if p.equivalent]
    other = [one for one, p in zip(judged, pairs, strict=True) if not p.equivalent]
    return {
        name: np.asarray(members, dtype=np.int64).reshape(-1, 3).T
        for name, members in zip(GROUPS, (same, other, across), strict=True)
    }


def _within_bins(cosines: dict[str, Array], pairs: _Pairs) -> Array:
    """Mean difference of cosines between equivalent and other pairs of like BLEU."""
    total, counted = np.zeros(len(pairs.w)), np.zeros(len(pairs.w))
    for low, high in pairwise(LIKE_WORDING):
        of = []
        for name, members in zip(GROUPS[:2], (pairs.equivalent, ~pairs.equivalent), strict=True):
            bleu = pairs.bleu[members]
            here = (bleu >= low) & (bleu < high)
            of.append(moments(cosines[name][here], pairs.document[members][here], pairs.w))
        difference = of[0].mean - of[1].mean
        weight = np.where(np.isfinite(difference), of[0].count, 0)
        total += weight * np.where(np.isfinite(difference), difference, 0)
        counted += weight
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Array = np.where(counted > 0, total / counted, np.nan)
    return result


_Prediction = tuple[str, str, Array]
"""Text and number of a claim, and the number on the sample and in every replicate."""


def _claims_on_shares(pairs: _Pairs, settings: ProbeSettings) -> list[_Prediction]:
    by_length = [pairs.mean("equivalent", pairs.length == n) for n in LENGTHS]
    cold, hot = settings.temperatures[0], settings.temperatures[-1]
    ends = [pairs.temperature == end for end in (cold, hot)]
    shares = [pairs.mean("equivalent", end) for end in ends]
    bleu = [pairs.mean("bleu", end & pairs.equivalent) for end in ends]
    return [
        (
            "The longer the context, the larger the share of mutually entailing pairs",
            "change of the share, in points, with each further sentence of context",
            100 * slope(np.asarray(LENGTHS, dtype=np.float64), np.stack(by_length, 1)),
        ),
        (
            "The colder the sampling, the larger that share",
            f"share at temperature {cold:g} less share at {hot:g}, in points",
            100 * (shares[0] - shares[1]),
        ),
        (
            "The colder the sampling, the more such pairs repeat each other's words",
            f"Self-BLEU of such pairs at temperature {cold:g} less that at {hot:g}",
            bleu[0] - bleu[1],
        ),
    ]


def _claims_on_states(layer: str, of: dict[str, Moments], like_wording: Array) -> list[_Prediction]:
    same, other, across = (of[name].mean for name in GROUPS)
    where = f"the {layer} layer's states"
    number = "difference of mean cosines"
    binned = f"{number} within bins of BLEU, weighted by mutually entailing pairs"
    mutual = "mutually entailing pairs are"
    return [
        (
            f"M{mutual[1:]} more alike in {where} than other pairs of a context",
            number,
            same - other,
        ),
        (f"Of like wording, {mutual} still more alike in {where}", binned, like_wording),
        (
            f"Other pairs of a context are more alike in {where} than pairs across contexts",
            number,
            other - across,
        ),
    ]


def _claim(text: str, number: str, replicates: Array) -> Claim:
    found = estimate(replicates)
    holds, unknown, opposite, unmeasurable = VERDICTS
    if found.low is None or found.high is None:
        return Claim(text, number, found, unmeasurable)
    verdict = holds if found.low > 0 else opposite if found.high < 0 else unknown
    return Claim(text, number, found, verdict)
