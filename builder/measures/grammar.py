"""What spaCy's analysis of both sentences shows: six measures, taken where a build names them.

An entailment critic reads two sentences as a whole and lets small differences pass: a new object,
"may" made into "is", "at least" left out. These count them. English only.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from builder.analysis import FINITE, OF_ANALYSIS, Analysis, analyse_all
from builder.critics.agreement import measure_found
from builder.measures.base import Batch, Column, Measure

if TYPE_CHECKING:
    from builder.measures.base import Floats

OfPair = Callable[[Analysis, Analysis], float]
"""A number out of the analyses of source and target."""


def _make_measure(name: str, columns: Mapping[Column, OfPair]) -> Measure:
    """A measure whose columns are functions of two analyses."""

    def compute(batch: Batch) -> dict[str, Floats]:
        import numpy as np

        found = batch.sentences.all(analyse_all)
        pairs = list(zip(batch.source.tolist(), batch.target.tolist(), strict=True))
        return {
            column.name: np.array([of(found[i], found[j]) for i, j in pairs], dtype=np.float64)
            for column, of in columns.items()
        }

    return Measure(
        name,
        tuple(columns),
        cost="cheap",
        direction="both",
        compute=compute,
        libraries=OF_ANALYSIS,
    )


def _make_share(name: str, meaning: str) -> Column:
    return Column(name, meaning, "share", high=1.0)


def _make_count(name: str, meaning: str) -> Column:
    return Column(name, meaning, "count")


def _measure_missing(wanted: Collection[str], there: Collection[str]) -> float:
    """Share of `wanted` that is not in `there`; nothing wanted is 0."""
    return 1.0 - measure_found(wanted, there)


def _compare_verbs(quality: str) -> OfPair:
    """Share of the verbs that both sentences have that are said alike; none in common is 1."""

    def of(source: Analysis, target: Analysis) -> float:
        common = source.verbs.keys() & target.verbs.keys()
        alike = (
            getattr(source.verbs[verb], quality) == getattr(target.verbs[verb], quality)
            for verb in common
        )
        return sum(alike) / len(common) if common else 1.0

    return of


def _count_repeats(one: Analysis) -> float:
    return 1.0 - len(set(one.words)) / len(one.words) if one.words else 0.0


def _count_swaps(source: Analysis, target: Analysis) -> float:
    words = set(source.words)
    new = target.relations - source.relations
    return float(sum(head in words and dependent in words for head, _, dependent in new))


def _count_broken_openings(source: Analysis, target: Analysis) -> float:
    """A finite verb without its subject, or a clause without the noun that it describes."""
    if target.opening == source.opening:
        return 0.0
    return float(target.opening == FINITE or target.opening in source.described)


def _count_dropped(source: Analysis, target: Analysis) -> float:
    there, kept = set(source.words), set(target.words)
    return float(max(0, len(there - kept) - len(kept - there)))


WORDS = _make_measure(
    "words",
    {
        _make_share("new_words", "share of the target's content words that the source lacks"): (
            lambda s, t: _measure_missing(t.words, set(s.words))
        ),
        _make_share("lost_words", "share of the source's content words that the target lacks"): (
            lambda s, t: _measure_missing(s.words, set(t.words))
        ),
        _make_count("new_word_count", "content words of the target that the source lacks"): (
            lambda s, t: float(sum(word not in s.words for word in t.words))
        ),
    },
)
ROLES = _make_measure(
    "roles",
    {
        _make_share("roles_forward", "share of the target's relations that the source has"): (
            lambda s, t: measure_found(t.relations, s.relations)
        ),
        _make_share("roles_backward", "share of the source's relations that the target has"): (
            lambda s, t: measure_found(s.relations, t.relations)
        ),
        _make_count("new_roles", "relations of the target that the source lacks"): (
            lambda s, t: float(len(t.relations - s.relations))
        ),
        _make_count(
            "swapped_roles", "new relations between words that the source has"
        ): _count_swaps,
    },
)
CLAIMS = _make_measure(
    "claims",
    {
        _make_share("modality_alike", "share of common verbs with the same modality"): (
            _compare_verbs("modality")
        ),
        _make_share("negation_alike", "share of common verbs that both negate or neither"): (
            _compare_verbs("negated")
        ),
        _make_share("tense_alike", "share of common verbs in the same tense"): _compare_verbs(
            "tense"
        ),
        _make_share(
            "quantities_forward", "share of the target's quantity words that the source has"
        ): (lambda s, t: measure_found(t.quantities, s.quantities)),
        _make_share("quantities_backward", "share of the source's quantity words in the target"): (
            lambda s, t: measure_found(s.quantities, t.quantities)
        ),
        _make_share("hedges_backward", "share of the source's hedges that the target keeps"): (
            lambda s, t: measure_found(s.hedges, t.hedges)
        ),
        _make_share("reporting_backward", "share of the source's reporting verbs in the target"): (
            lambda s, t: measure_found(s.reporting, t.reporting)
        ),
    },
)
FORM = _make_measure(
    "form",
    {
        _make_count("source_faults", "signs that the source is not one well-formed sentence"): (
            lambda s, t: float(len(s.faults))
        ),
        _make_count("target_faults", "signs that the target is not one well-formed sentence"): (
            lambda s, t: float(len(t.faults))
        ),
        _make_share("source_repeats", "share of the source's content words that are repeats"): (
            lambda s, t: _count_repeats(s)
        ),
        _make_share("target_repeats", "share of the target's content words that are repeats"): (
            lambda s, t: _count_repeats(t)
        ),
        _make_count("target_clauses", "finite main clauses of the target"): (
            lambda s, t: float(t.finite)
        ),
    },
)
MAIN_POINT = _make_measure(
    "main_point",
    {
        _make_share(
            "main_kept", "share of the source's main verb and its arguments in the target"
        ): (lambda s, t: measure_found(s.main, t.main.union(t.words))),
        _make_share("main_of_source", "share of the target's main words that are the source's"): (
            lambda s, t: measure_found(t.main, s.main)
        ),
        _make_count(
            "contrasts_lost", "contrasts and conditions of the source that the target lacks"
        ): (lambda s, t: float(len(s.contrasts - t.contrasts))),
    },
)
REARRANGED = _make_measure(
    "rearranged",
    {
        _make_count(
            "new_splices", "main clauses that a comma alone joins, more than in the source"
        ): (lambda s, t: float(max(0, t.splices - s.splices))),
        _make_count(
            "broken_openings", "parts put first in the target that cannot stand there"
        ): _count_broken_openings,
        _make_count(
            "dropped_words", "content words that the target lacks, less those that it adds"
        ): _count_dropped,
    },
)

MEASURES = (WORDS, ROLES, CLAIMS, FORM, MAIN_POINT, REARRANGED)
