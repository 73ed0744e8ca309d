"""Pairs decided and measured one after another, as the definitions say it: an oracle."""

from __future__ import annotations

from collections.abc import Mapping

from builder.config import Rules

Values = Mapping[str, float | None]


def failing(rules: Rules, values: Values) -> list[str]:
    """Measures of `rules` that `values` does not satisfy, in the rules' order."""
    return [measure for measure, bound in rules.items() if not bound.holds(values.get(measure))]


def decide_one(rules: Mapping[str, Rules], values: Values) -> tuple[str | None, str]:
    """The first task whose rules all hold, or the closest task and its first failing rule."""
    failed = {task: failing(rules[task], values) for task in rules}
    for task, names in failed.items():
        if not names:
            return task, ""
    closest = min(failed, key=lambda task: len(failed[task]))
    return None, f"{closest}.{failed[closest][0]}"
