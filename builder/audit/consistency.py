"""How consistent a reader is: repeats answered alike, known items answered right."""

from __future__ import annotations

from typing import Any

from builder.audit.answers import Answer
from builder.audit.key import Key


def measure_consistency(key: Key, given: dict[str, Answer]) -> dict[str, Any]:
    """Of one reader: repeats answered alike, and known items answered right, by question.

    Args:
        given: item -> answer.

    Returns:
        `repeats` and `known`, each {"of": items, "same" or "right": {question: count}}; an output
        of a comparison counts as an item.
    """
    first = {a.showing.row: a for a in given.values() if not a.showing.again and a.whole}
    again = [a for a in given.values() if a.showing.again and a.whole and a.showing.row in first]
    twice = [two for a in again for two in _pair_outputs(first[a.showing.row], a)]
    known = [
        (right, a.values[0])
        for a in first.values()
        if key.kind == "pairs" and (right := key.pair_of[a.showing.row].right) is not None
    ]
    return {
        "repeats": {
            "of": len(twice),
            "same": {q: sum(one[q] == two[q] for one, two in twice) for q in key.questions},
        },
        "known": {
            "of": len(known),
            "right": {q: sum(one[q] == two[q] for one, two in known) for q in key.questions},
        },
    }


def _pair_outputs(one: Answer, two: Answer) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The answers to the same output in both, whose orders may differ."""
    if not one.showing.order:
        return [(one.values[0], two.values[0])]
    later = dict(zip(two.showing.order, two.values, strict=True))
    return [
        (values, later[output])
        for output, values in zip(one.showing.order, one.values, strict=True)
    ]
