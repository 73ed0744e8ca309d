"""Precision and what the filters lose, out of labels and their weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from builder.audit.intervals import LEVEL, Share, measure_share
from builder.audit.key import Key
from builder.audit.labels import JOINED, Joined, Label
from builder.audit.population import RELEASED
from builder.audit.questions import VALID


def measure_yes(
    labels: Sequence[Label], question: str, joined: Joined = "all", level: float = LEVEL
) -> Share:
    """The share of yes in the population that the labels stand for."""
    return measure_share(
        [label.yes(question, joined) for label in labels],
        [label.weight for label in labels],
        [label.pair.stratum for label in labels],
        level,
    )


def measure_precision(key: Key, labels: Sequence[Label]) -> list[dict[str, Any]]:
    """Precision of all released pairs, then by task and control code; then by stage and reason.

    Returns:
        Rows {"by", "name", "rows", "read", "all": {question: share}, "majority": {...}}. `rows` is
        how many of the population the group has, as estimated where it cuts through strata.
    """
    released = [label for label in labels if label.pair.stage == RELEASED]
    rejects = [label for label in labels if label.pair.stage != RELEASED]
    found = [_make_group(key, "released", "all", released)] if released else []
    tasks = {label.pair.task for label in released}
    for by in ("task", "control"):
        names = sorted({getattr(label.pair, by) for label in released} - {""})
        if by == "control":  # a task with a single code is named as its code
            names = [name for name in names if name not in tasks]
        for name in names:
            some = [label for label in released if getattr(label.pair, by) == name]
            found.append(_make_group(key, by, name, some))
    if rejects:
        found.append(_make_group(key, "rejected", "all", rejects))
    for stage in _drop_repeats(label.pair.stage for label in rejects):
        some = [label for label in rejects if label.pair.stage == stage]
        found.append(_make_group(key, "stage", stage, some))
        for reason in sorted({label.pair.reason for label in some}):
            here = [label for label in some if label.pair.reason == reason]
            found.append(_make_group(key, "reason", f"{stage}: {reason}", here))
    return found


def _drop_repeats(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _make_group(key: Key, by: str, name: str, labels: Sequence[Label]) -> dict[str, Any]:
    return {
        "by": by,
        "name": name,
        "rows": round(sum(label.weight for label in labels)),
        "read": len(labels),
        **{j: {q: asdict(measure_yes(labels, q, j)) for q in key.questions} for j in JOINED},
    }


def measure_recall(labels: Sequence[Label]) -> dict[str, Any] | None:
    """Of the valid pairs that there were, the share that was released; None without rejects.

    The interval joins those of released and rejected pairs at 97.5% each, so it holds with 95% at
    least (Bonferroni).

    Returns:
        {"value", "low", "high", "valid_released", "valid_rejected"}; counts are estimates with
        their ends, and the value is None where no valid pair was found.
    """
    released = [label for label in labels if label.pair.stage == RELEASED]
    lost = [label for label in labels if label.pair.stage != RELEASED]
    if not released or not lost:
        return None
    level = 1 - (1 - LEVEL) / 2
    ends = []
    for some in (released, lost):
        one = measure_yes(some, VALID, level=level)
        rows = sum(label.weight for label in some)
        ends.append([rows * (one.value or 0.0), rows * one.low, rows * one.high])
    (k, k_low, k_high), (r, r_low, r_high) = ends
    return {
        "value": k / (k + r) if k + r else None,
        "low": k_low / (k_low + r_high) if k_low + r_high else 0.0,
        "high": k_high / (k_high + r_low) if k_high + r_low else 1.0,
        "valid_released": {"value": k, "low": k_low, "high": k_high},
        "valid_rejected": {"value": r, "low": r_low, "high": r_high},
    }


def count_unread(key: Key, labels: Sequence[Label]) -> tuple[int, int]:
    """(strata of which no pair was judged, their rows): the estimates do not speak of them."""
    read = {label.pair.stratum for label in labels}
    missing = [size for stratum, size in key.sizes.items() if stratum not in read]
    return len(missing), sum(missing)
