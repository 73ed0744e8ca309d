"""What a card says against its own corpus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from builder.critics.windows import READ, describe_long
from builder.environment import SERVER, VLLM, format_environment
from builder.stages import near_duplicates
from builder.stages.edges import CAPPED, LEFT_OUT
from builder.statistics.funnel import Step, count_several
from dimsum.tasks.words import join_and

LIMITS = (
    "Every sentence is machine-made. Sentences may state falsehoods about real people, places "
    "and organisations; nothing here is news.",
    "Pairs were judged by a small entailment model, not by people. It overlooks swapped roles, "
    "changed modality and rare words.",
    "Numbers and names are compared as sets of words: a pair that keeps both but exchanges their "
    "places passes.",
)


def describe_limits(steps: Sequence[Step], header: dict[str, Any]) -> tuple[str, ...]:
    """What holds of every corpus, and what this one's funnel and run add to it."""
    return (
        *LIMITS,
        *_describe_several(steps),
        *_describe_long(steps),
        *describe_left_out(steps),
        *_describe_engines(header),
        *_describe_mixture(header),
    )


def _describe_several(steps: Sequence[Step]) -> list[str]:
    """How many pairs could have been of another task, where there are such pairs."""
    found = join_and([f"{n:,} those of {name}" for name, n in count_several(steps).items()])
    return (
        [
            "Before repeats were dropped, pairs of other tasks satisfied the rules of a task as "
            f"well: {found}. A pair is of the first task in the order of the rules that it fits."
        ]
        if found
        else []
    )


def _describe_long(steps: Sequence[Step]) -> list[str]:
    """What the critic could not read at once, where there was such a text."""
    counters = next((step.counters for step in steps if step.stage == "scores"), {})
    said = describe_long({READ: counters.get("directions", 0), **counters})
    return [f"The critic did not read every premise at once: {said}."] if said else []


def describe_left_out(steps: Sequence[Step]) -> list[str]:
    """That near-duplicates were not looked for among all that could be, where so."""
    counters = next((s.counters for s in steps if s.stage == near_duplicates.STAGE.name), {})
    groups, pairs = counters.get(CAPPED, 0), counters.get(LEFT_OUT, 0)
    if not groups:
        return []
    return [
        f"Near-duplicates: {groups:,} groups that met under one key were too large to compare all "
        f"their pairs; {pairs:,} comparisons were left out, and some near-duplicates may remain."
    ]


SAMPLED = {
    SERVER: "another server, or another version of it, may draw other texts for the same seed, and "
    "a banned text ends a sample there",
    VLLM: "another version or device may draw other texts for the same seed",
}
"""What follows from a teacher that another program samples from."""


def _describe_engines(header: dict[str, Any]) -> list[str]:
    """That another program has sampled from the teacher, where one did."""
    teachers = sorted({one.get("teacher", "") for one in header.get("environments", ())})
    return [
        f"The teacher was sampled by {teacher}: {consequence}."
        for engine, consequence in SAMPLED.items()
        for teacher in teachers
        if teacher.startswith(engine)
    ]


def _describe_mixture(header: dict[str, Any]) -> list[str]:
    """That the rows come from several environments, where they do."""
    known = header.get("environments", ())
    if len(known) < 2:
        return []
    found = "; ".join(format_environment(environment) for environment in known)
    return [
        f"Its units were computed in {len(known)} environments and may differ in bytes: {found}."
    ]
