"""The rules of a build and the reasons of its rejects, in words."""

from __future__ import annotations

from builder.config import Bound, BuildConfig
from builder.stages.reasons import explain_reason
from builder.statistics.funnel import Step
from cards.facts import Rule


def explain_reasons(step: Step, config: BuildConfig) -> dict[str, str]:
    """What the reasons of a step's rejects mean, where that is known."""
    known = {reason: explain_reason(reason, config.registry.meanings) for reason in step.rejected}
    return {reason: meaning for reason, meaning in known.items() if meaning}


def describe_rules(config: BuildConfig) -> list[Rule]:
    """Each task's rules, with the meaning of their measures."""
    meanings = config.registry.meanings
    return [
        Rule(task=task, rule=measure, condition=describe_bound(bound), meaning=meanings[measure])
        for task, rules in config.rules.items()
        for measure, bound in rules.items()
    ]


def describe_bound(bound: Bound) -> str:
    """A bound as a reader writes it."""
    low, high = bound.min, bound.max
    if low is None or high is None:
        ends = [f">= {low:g}"] if low is not None else []
        ends += [f"<= {high:g}"] if high is not None else []
        return "".join(ends) or "measured"
    return f"= {low:g}" if low == high else f"{low:g} to {high:g}"
