"""What the probe found: shares, likeness of wording, likeness of states, and what they say.

Sources of the claims: section 2 of arXiv 2305.16635 v4.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from builder.probe.draws import Bunch
from builder.probe.estimates import Array, Estimate, Sums, cohens_d, estimate, slope, weights
from builder.probe.judged import Judged
from builder.probe.settings import LAYERS, LENGTHS, ProbeSettings
from builder.probe.states import Vectors
from dimsum.metrics.bootstrap import ratio

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
        """Holds, does not hold, or cannot be told from these samples."""
        if self.found.value is None or self.found.low is None:
            return "not measurable here"
        return {1: "holds", 0: "cannot be told apart from chance", -1: "the opposite holds"}[
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


def findings(
    drawn: Sequence[Bunch],
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
    cell = _Cells(drawn, pairs, documents, w)
    grid = tuple(cell(n, t) for t in settings.temperatures for n in LENGTHS)
    place = {sentence: i for i, sentence in enumerate(sentences)}
    groups = _groups(drawn, pairs, place, settings)
    likeness = tuple(_likeness(layer, states[layer], groups, documents, w) for layer in LAYERS)
    claims = [*_share_claims(pairs, documents, settings, w)]
    for layer in LAYERS:
        claims += _state_claims(layer, states[layer], groups, pairs, documents, w)
    return Findings(
        documents=documents,
        cells=grid,
        by_length=tuple(cell(n, None) for n in LENGTHS),
        by_temperature=tuple(cell(None, t) for t in settings.temperatures),
        whole=cell(None, None),
        likeness=likeness,
        claims=tuple(claims),
    )


@dataclass(frozen=True)
class _Cells:
    """Makes cells."""

    drawn: Sequence[Bunch]
    pairs: Sequence[Judged]
    documents: int
    w: Array

    def __call__(self, length: int | None, temperature: float | None) -> Cell:
        here = [p for p in self.pairs if _fits(p, length, temperature)]
        bunches = [b for b in self.drawn if _fits(b, length, temperature)]
        same = [p for p in here if p.equivalent]
        other = [p for p in here if not p.equivalent]
        return Cell(
            length,
            temperature,
            drawn=sum(b.drawn for b in bunches),
            distinct=sum(len(b.sentences) for b in bunches),
            pairs=len(here),
            equivalent=len(same),
            share=estimate(share_of(here, self.documents, self.w)),
            self_bleu=self._bleu(same),
            other_bleu=self._bleu(other),
        )

    def _bleu(self, some: Sequence[Judged]) -> Estimate:
        return estimate(_sums(some, lambda p: p.bleu, self.documents).mean(self.w))


def _fits(one: Judged | Bunch, length: int | None, temperature: float | None) -> bool:
    return length in (None, one.length) and temperature in (None, one.temperature)


def _sums(some: Sequence[Judged], value: Callable[[Judged], float], documents: int) -> Sums:
    values = np.asarray([value(p) for p in some], dtype=np.float64)
    return Sums.of(values, np.asarray([p.document for p in some], dtype=np.float64), documents)


def share_of(some: Sequence[Judged], documents: int, w: Array) -> Array:
    """Share of mutually entailing pairs on the sample and in every replicate."""
    sums = _sums(some, lambda p: float(p.equivalent), documents)
    return ratio(sums.total, sums.count, w)


def _share_claims(
    pairs: Sequence[Judged], documents: int, settings: ProbeSettings, w: Array
) -> list[Claim]:
    lengths = np.asarray(LENGTHS, dtype=np.float64)
    by_length = np.stack(
        [share_of([p for p in pairs if p.length == n], documents, w) for n in LENGTHS], 1
    )
    cold, hot = settings.temperatures[0], settings.temperatures[-1]
    at = {t: [p for p in pairs if p.temperature == t] for t in (cold, hot)}
    shares = {t: share_of(some, documents, w) for t, some in at.items()}
    bleu = {
        t: _sums([p for p in some if p.equivalent], lambda p: p.bleu, documents).mean(w)
        for t, some in at.items()
    }
    return [
        Claim(
            "The longer the context, the larger the share of mutually entailing pairs",
            "change of the share, in points, with each further sentence of context",
            estimate(100 * slope(lengths, by_length)),
        ),
        Claim(
            "The colder the sampling, the larger that share",
            f"share at temperature {cold:g} less share at {hot:g}, in points",
            estimate(100 * (shares[cold] - shares[hot])),
        ),
        Claim(
            "The colder the sampling, the more such pairs repeat each other's words",
            f"Self-BLEU of such pairs at temperature {cold:g} less that at {hot:g}",
            estimate(bleu[cold] - bleu[hot]),
        ),
    ]


@dataclass(frozen=True, slots=True)
class _Group:
    """Pairs as places of their sentences, and the document that each counts for."""

    first: Any
    second: Any
    document: Any


def _groups(
    drawn: Sequence[Bunch],
    pairs: Sequence[Judged],
    place: dict[str, int],
    settings: ProbeSettings,
) -> dict[str, _Group]:
    def group(some: Sequence[tuple[str, str, int]]) -> _Group:
        return _Group(
            np.asarray([place[a] for a, _, _ in some], dtype=np.int64),
            np.asarray([place[b] for _, b, _ in some], dtype=np.int64),
            np.asarray([d for _, _, d in some], dtype=np.float64),
        )

    rng = random.Random(settings.seed)
    owners = [(sentence, bunch.document) for bunch in drawn for sentence in bunch.sentences]
    across: list[tuple[str, str, int]] = []
    if len({document for _, document in owners}) > 1:
        while len(across) < len(pairs):
            (a, i), (b, j) = rng.choice(owners), rng.choice(owners)
            if i != j:
                across.append((a, b, i))
    same = [(p.first, p.second, p.document) for p in pairs if p.equivalent]
    other = [(p.first, p.second, p.document) for p in pairs if not p.equivalent]
    return dict(zip(GROUPS, map(group, (same, other, across)), strict=True))


def _cosines(vectors: Vectors, group: _Group) -> Array:
    result: Array = (vectors[group.first] * vectors[group.second]).sum(1).astype(np.float64)
    return result


def _group_sums(vectors: Vectors, groups: dict[str, _Group], documents: int) -> list[Sums]:
    return [
        Sums.of(_cosines(vectors, group), group.document, documents) for group in groups.values()
    ]


def _likeness(
    layer: str, vectors: Vectors, groups: dict[str, _Group], documents: int, w: Array
) -> Likeness:
    same, other, across = _group_sums(vectors, groups, documents)
    return Likeness(
        layer,
        pairs={name: len(group.first) for name, group in groups.items()},
        means={
            name: estimate(sums.mean(w))
            for name, sums in zip(GROUPS, (same, other, across), strict=True)
        },
        effects={
            f"{GROUPS[0]} over {GROUPS[1]}": estimate(cohens_d(same, other, w)),
            f"{GROUPS[1]} over {GROUPS[2]}": estimate(cohens_d(other, across, w)),
            f"{GROUPS[0]} over {GROUPS[2]}": estimate(cohens_d(same, across, w)),
        },
    )


def _state_claims(
    layer: str,
    vectors: Vectors,
    groups: dict[str, _Group],
    pairs: Sequence[Judged],
    documents: int,
    w: Array,
) -> list[Claim]:
    same, other, across = _group_sums(vectors, groups, documents)
    where = f"the {layer} layer's states"
    return [
        Claim(
            f"Mutually entailing pairs are more alike in {where} than other pairs of a context",
            "difference of mean cosines",
            estimate(same.mean(w) - other.mean(w)),
        ),
        Claim(
            f"Of like wording, mutually entailing pairs are still more alike in {where}",
            "difference of mean cosines within bins of BLEU, weighted by mutually entailing pairs",
            estimate(_within_bins(vectors, groups, pairs, documents, w)),
        ),
        Claim(
            f"Other pairs of a context are more alike in {where} than pairs across contexts",
            "difference of mean cosines",
            estimate(other.mean(w) - across.mean(w)),
        ),
    ]


def _within_bins(
    vectors: Vectors,
    groups: dict[str, _Group],
    pairs: Sequence[Judged],
    documents: int,
    w: Array,
) -> Array:
    """Mean difference of cosines between equivalent and other pairs of like BLEU."""
    total = np.zeros(len(w))
    counted = np.zeros(len(w))
    bleu = {
        name: np.asarray([p.bleu for p in pairs if p.equivalent is (name == GROUPS[0])])
        for name in GROUPS[:2]
    }
    for low, high in pairwise(LIKE_WORDING):
        sums = []
        for name in GROUPS[:2]:
            here = (bleu[name] >= low) & (bleu[name] < high)
            cosines = _cosines(vectors, groups[name])[here]
            sums.append(Sums.of(cosines, groups[name].document[here], documents))
        difference = sums[0].mean(w) - sums[1].mean(w)
        weight = np.where(np.isfinite(difference), w @ sums[0].count, 0)
        total += weight * np.where(np.isfinite(difference), difference, 0)
        counted += weight
    with np.errstate(invalid="ignore", divide="ignore"):
        result: Array = np.where(counted > 0, total / counted, np.nan)
    return result
