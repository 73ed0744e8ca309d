"""Systems beside each other, as readers judged their outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from builder.audit.answers import Answers
from builder.audit.key import Key
from builder.audit.labels import take_first_answers
from dimsum.metrics.bootstrap import draw_resamples, find_percentiles


def compare_systems(key: Key, answers: Answers) -> dict[str, Any]:
    """Mean points of each system, and each system against the first.

    A system's points on a source are the mean of the readers'. Intervals are 95% percentiles of a
    bootstrap over sources, the same draws for all systems.

    Returns:
        {"sources", "rows": [{"system", "question", "mean", "low", "high"}], "differences":
        [{"system", "against", "question", "difference", "low", "high"}]}.
    """
    points, sources = _collect_points(key, answers)
    names = list(key.compared[0].systems)
    if not sources:
        return {"sources": 0, "rows": [], "differences": []}
    times = draw_resamples(sources) / sources
    rows: list[dict[str, Any]] = []
    differences: list[dict[str, Any]] = []
    for question in key.questions:
        first = np.asarray(points[names[0], question])
        for name in names:
            here = np.asarray(points[name, question])
            low, high = _find_interval(times, here)
            rows.append(
                {"system": name, "question": question, "mean": float(here.mean())}
                | {"low": low, "high": high}
            )
            if name != names[0]:
                low, high = _find_interval(times, here - first)
                differences.append(
                    {"system": name, "against": names[0], "question": question}
                    | {"difference": float((here - first).mean()), "low": low, "high": high}
                )
    return {"sources": sources, "rows": rows, "differences": differences}


def _collect_points(key: Key, answers: Answers) -> tuple[dict[tuple[str, str], list[float]], int]:
    """(system, question) -> points on each source that all readers judged whole; their number."""
    first = take_first_answers(key, answers)
    found: dict[tuple[str, str], list[float]] = {}
    sources = 0
    for row in key.compared:
        given = first.get(row.id, {})
        if len(given) < len(answers.by_reader) or not all(a.whole for a in given.values()):
            continue
        sources += 1
        for system, output in row.systems.items():
            said = [a.values[a.showing.order.index(output)] for a in given.values()]
            for question in key.questions:
                mean = float(np.mean([one[question] for one in said]))
                found.setdefault((system, question), []).append(mean)
    return found, sources


def _find_interval(times: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    return find_percentiles(times @ values)


def make_matrix(key: Key, answers: Answers, question: str) -> Sequence[Sequence[float | None]]:
    """The first answers to each pair or output by reader, for agreement; known items left out."""
    first = take_first_answers(key, answers)
    readers = list(answers.by_reader)
    found = []
    for row in [p.id for p in key.pairs if p.right is None] or [c.id for c in key.compared]:
        given = first.get(row, {})
        for output in key.compared_of[row].outputs if key.compared else ("",):
            found.append([_read_value(key, row, output, given.get(r), question) for r in readers])
    return found


def _read_value(key: Key, row: str, output: str, answer: Any, question: str) -> float | None:
    if answer is None:
        return None
    index = 0
    if key.compared:
        index = answer.showing.order.index(key.compared_of[row].outputs.index(output))
    value = answer.values[index][question]
    return None if value is None else float(value)
