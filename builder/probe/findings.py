"""What the probe found: shares, likeness of wording, likeness of states, and what they say.

Sources of the claims: section 2 of arXiv 2305.16635 v4.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from builder.probe.draws import NextSentences
from builder.probe.estimates import Estimate, Moments, cohens_d, estimate, moments, slope, weights
from builder.probe.judged import Judged
from builder.probe.settings import LAYERS, LENGTHS, ProbeSettings
from builder.probe.states import Vectors
from dimsum.metrics.bootstrap import AnyArray
from dimsum.metrics.measured import Array

GROUPS = ("mutually entailing", "other pairs of a context", "pairs across contexts")
LIKE_WORDING = (0.0, 10.0, 20.0, 35.0, 50.0, 100.001)
"""Edges, in BLEU, of the bins in which wording counts as alike."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Numbers of one length of context at one temperature; None stands for all of them.

    Attributes:
        drawn: whole sentences drawn.
        distinct: of them, distinct within their context.
        pairs: judged.
        equivalent: of them, mutually entailing.
        share: equivalent / pairs.
        self_bleu: mean BLEU of the equivalent pairs.
        other_bleu: mean BLEU of the other pairs.
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
    """A prediction, and the number that decides it.

    Attributes:
        text: what is predicted; true where the number is above 0.
        number: what it is, in words.
    """

    text: str
    number: str
    found: Estimate

    @property
    def verdict(self) -> str:
        """Holds, does not hold, or not distinguishable in these samples."""
        if self.found.value is None or self.found.low is None:
            return "not measurable here"
        return {1: "holds", 0: "not distinguishable from chance", -1: "the opposite holds"}[
            self.found.sign
        ]


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


class _Pairs(NamedTuple):
    """The judged pairs as columns."""

    document: AnyArray
    length: AnyArray
    temperature: AnyArray
    equivalent: AnyArray
    bleu: AnyArray


class _Group(NamedTuple):
    """Pairs as rows of the vectors of their sentences, and the document that each counts for."""

    first: AnyArray
    second: AnyArray
    document: AnyArray


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
    columns = _Pairs(*(np.asarray([getattr(p, name) for p in pairs]) for name in _Pairs._fields))
    columns = columns._replace(equivalent=columns.equivalent.astype(bool))
    groups = _groups(drawn, pairs, sentences, settings)
    cosines = {
        layer: {
            name: (states[layer][group.first] * states[layer][group.second]).sum(1)
            for name, group in groups.items()
        }
        for layer in LAYERS
    }
    claims = _claims_on_shares(columns, settings, w)
    likeness = []
    for layer in LAYERS:
        of = {name: moments(cosines[layer][name], groups[name].document, w) for name in GROUPS}
        likeness.append(_likeness(layer, of, groups))
        like_wording = _within_bins(cosines[layer], columns, w)
        claims += _claims_on_states(layer, of, like_wording)
    temperatures = settings.temperatures
    return Findings(
        documents=documents,
        cells=tuple(_cell(drawn, columns, w, n, t) for t in temperatures for n in LENGTHS),
        by_length=tuple(_cell(drawn, columns, w, length=n) for n in LENGTHS),
        by_temperature=tuple(_cell(drawn, columns, w, temperature=t) for t in temperatures),
        whole=_cell(drawn, columns, w),
        likeness=tuple(likeness),
        claims=tuple(claims),
    )


def _cell(
    drawn: Sequence[NextSentences],
    pairs: _Pairs,
    w: Array,
    length: int | None = None,
    temperature: float | None = None,
) -> Cell:
    here = np.ones(len(pairs.document), dtype=bool)
    if length is not None:
        here &= pairs.length == length
    if temperature is not None:
        here &= pairs.temperature == temperature
    these = [
        one
        for one in drawn
        if length in (None, one.length) and temperature in (None, one.temperature)
    ]
    return Cell(
        length,
        temperature,
        drawn=sum(one.drawn for one in these),
        distinct=sum(len(one.sentences) for one in these),
        pairs=int(here.sum()),
        equivalent=int((here & pairs.equivalent).sum()),
        share=estimate(_mean(pairs, "equivalent", here, w)),
        self_bleu=estimate(_mean(pairs, "bleu", here & pairs.equivalent, w)),
        other_bleu=estimate(_mean(pairs, "bleu", here & ~pairs.equivalent, w)),
    )


def _mean(pairs: _Pairs, column: str, where: AnyArray, w: Array) -> Array:
    """Mean of a column over some pairs, on the sample and in every replicate."""
    return moments(getattr(pairs, column)[where], pairs.document[where], w).mean


def _claims_on_shares(pairs: _Pairs, settings: ProbeSettings, w: Array) -> list[Claim]:
    by_length = [_mean(pairs, "equivalent", pairs.length == n, w) for n in LENGTHS]
    cold, hot = settings.temperatures[0], settings.temperatures[-1]
    at_cold, at_hot = pairs.temperature == cold, pairs.temperature == hot
    shares = [_mean(pairs, "equivalent", here, w) for here in (at_cold, at_hot)]
    bleu = [_mean(pairs, "bleu", here & pairs.equivalent, w) for here in (at_cold, at_hot)]
    return [
        Claim(
            "The longer the context, the larger the share of mutually entailing pairs",
            "change of the share, in points, with each further sentence of context",
            estimate(100 * slope(np.asarray(LENGTHS, dtype=np.float64), np.stack(by_length, 1))),
        ),
        Claim(
            "The colder the sampling, the larger that share",
            f"share at temperature {cold:g} less share at {hot:g}, in points",
            estimate(100 * (shares[0] - shares[1])),
        ),
        Claim(
            "The colder the sampling, the more such pairs repeat each other's words",
            f"Self-BLEU of such pairs at temperature {cold:g} less that at {hot:g}",
            estimate(bleu[0] - bleu[1]),
        ),
    ]


def _groups(
    drawn: Sequence[NextSentences],
    pairs: Sequence[Judged],
    sentences: Sequence[str],
    settings: ProbeSettings,
) -> dict[str, _Group]:
    """Pairs of each of GROUPS; of those across contexts as many are drawn as were judged."""
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
        name: _Group(*np.asarray(members, dtype=np.int64).reshape(-1, 3).T)
        for name, members in zip(GROUPS, (same, other, across), strict=True)
    }


def _likeness(layer: str, of: dict[str, Moments], groups: dict[str, _Group]) -> Likeness:
    same, other, across = GROUPS
    return Likeness(
        layer,
        pairs={name: len(groups[name].first) for name in GROUPS},
        means={name: estimate(of[name].mean) for name in GROUPS},
        effects={
            f"{one} over {two}": estimate(cohens_d(of[one], of[two]))
            for one, two in ((same, other), (other, across), (same, across))
        },
    )


def _claims_on_states(layer: str, of: dict[str, Moments], like_wording: Array) -> list[Claim]:
    same, other, across = (of[name].mean for name in GROUPS)
    where = f"the {layer} layer's states"
    return [
        Claim(
            f"Mutually entailing pairs are more alike in {where} than other pairs of a context",
            "difference of mean cosines",
            estimate(same - other),
        ),
        Claim(
            f"Of like wording, mutually entailing pairs are still more alike in {where}",
            "difference of mean cosines within bins of BLEU, weighted by mutually entailing pairs",
            estimate(like_wording),
        ),
        Claim(
            f"Other pairs of a context are more alike in {where} than pairs across contexts",
            "difference of mean cosines",
            estimate(other - across),
        ),
    ]


def _within_bins(cosines: dict[str, Array], pairs: _Pairs, w: Array) -> Array:
    """Mean difference of cosines between equivalent and other pairs of like BLEU."""
    total, counted = np.zeros(len(w)), np.zeros(len(w))
    for low, high in pairwise(LIKE_WORDING):
        of = []
        for name, members in zip(GROUPS[:2], (pairs.equivalent, ~pairs.equivalent), strict=True):
            bleu = pairs.bleu[members]
            here = (bleu >= low) & (bleu < high)
            of.append(moments(cosines[name][here], pairs.document[members][here], w))
        difference = of[0].mean - of[1].mean
        weight = np.where(np.isfinite(difference), of[0].count, 0)
        total += weight * np.where(np.isfinite(difference), difference, 0)
        counted += weight
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Array = np.where(counted > 0, total / counted, np.nan)
    return result
