"""What commands print: tables for a person on standard output, JSON for a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.text import Text

from dimsum.commands.output import make_table, open_console
from dimsum.duration import format_duration

if TYPE_CHECKING:
    from builder.critics.evaluation import Evaluation
    from builder.pilot import Pilot
    from builder.rescore import Comparison
    from builder.statistics.funnel import Step
    from builder.task_check import Check
    from builder.trace import Trace


def make_console() -> Console:
    """Standard output; plain and as wide as it needs to be when it is not a terminal."""
    return open_console(120)


def print_funnel(steps: Sequence[Step], *, reasons: int | None = 3) -> None:
    """The funnel as a table; `reasons` bounds the reasons named for each stage."""
    table = make_table("stage", "entered", "retained", "rejected")
    table.add_column("counted")
    table.add_column("why", overflow="fold")
    for step in steps:
        named = list(step.rejected.items())[:reasons]
        rest = len(step.rejected) - len(named)
        why = ", ".join(f"{reason} {count:,}" for reason, count in named)
        table.add_row(
            step.stage,
            f"{step.entered:,}",
            f"{step.kept:,}",
            f"{step.entered - step.kept:,}",
            step.counted,
            Text(why + (f", {rest} more" if rest else "")),
        )
    make_console().print(table)


def print_reasons(steps: Sequence[Step], measures: Mapping[str, str]) -> None:
    """What each reason of a funnel means.

    Args:
        measures: meaning of each measure by its name.
    """
    from builder.stages.reasons import explain_reason

    table = make_table("reason", "meaning", left=2)
    for reason in dict.fromkeys(reason for step in steps for reason in step.rejected):
        table.add_row(Text(reason), Text(explain_reason(reason, measures)))
    if table.row_count:
        click.echo()
        make_console().print(table)


def print_pairs(rows: Sequence[dict[str, Any]]) -> None:
    """Pairs of texts, one above the other."""
    out = make_console()
    for row in rows:
        head = row.get("control") or row.get("reason") or ""
        out.print(Text(f"[{head}]", style="bold"))
        out.print(Text(f"  {row['source']}"))
        out.print(Text(f"  {row['target']}"))


def print_pilot(found: Pilot) -> None:
    """What a few openings gave, pairs and rejected rows, and what the whole would be."""
    print_funnel(found.steps)
    for title, rows in (("Retained", found.kept), ("Rejected", found.rejected)):
        click.echo(f"\n{title}, {len(rows)} of them:")
        print_pairs(rows)
    here, everything = found.openings
    pairs = ", ".join(f"{count:,} {task}" for task, count in found.pairs.items())
    whole = "For all of them:"
    if found.wanted is not None and found.suffices:
        whole = f"For the {found.wanted:,} pairs of each task, likely to come of {found.taken:,}:"
    elif found.wanted is not None:
        whole = f"All are likely to give less than {found.wanted:,} pairs of each task. {whole}"
    click.echo(f"\n{here:,} of {everything:,} openings of each domain went through. {whole}")
    click.echo(f"  pairs   about {pairs}, before repeats across the corpus are dropped")
    click.echo(f"  time    about {format_duration(found.seconds[1])} on this machine")
    click.echo(f"  memory  {found.memory / 1e9:.1f} GB, as here")
    click.echo(f"  disk    about {found.disk[1] / 1e6:,.1f} MB")


def print_task_check(found: Check) -> None:
    """Every pair with what fails, then every rule with how many pairs pass."""
    out = make_console()
    for one in found.pairs:
        why = ", ".join(f"{name} {value:.3g}" for name, value in one.failed.items())
        said = "passes" if one.passes else f"fails: {why}"
        also = f"; also {', '.join(one.also)}" if one.also else ""
        out.print(Text(f"[{one.control}] {said}{also}", style="bold"))
        out.print(Text(f"  {one.source}"))
        out.print(Text(f"  {one.target}"))
    table = make_table("rule", "min", "max", f"pairs of {len(found.pairs)} that pass")
    for name, (low, high, passed) in found.rules.items():
        table.add_row(name, *("" if e is None else f"{e:g}" for e in (low, high)), str(passed))
    out.print(table)
    if found.untried:
        click.echo(f"not tried, as they need a model: {', '.join(found.untried)}")


def print_rescore(comparison: Comparison) -> None:
    """Decisions before and after, one a row."""
    table = make_table("decision", "before", "after", "change")
    names = dict.fromkeys([*comparison.before, *comparison.after])
    for name in names:
        old, new = comparison.before.get(name, 0), comparison.after.get(name, 0)
        table.add_row(name, f"{old:,}", f"{new:,}", f"{new - old:+,}" if new != old else "")
    make_console().print(table)


SHOWN_OF_STEP = ("opening", "context", "sentence", "source", "target", "method", "logprob")
"""Columns of a step that are shown; the measures of the last step stand in a table of their own."""


def print_trace(found: Trace) -> None:
    """A row's way, stage by stage, then the rules of its task with its values."""
    out = make_console()
    shown: set[tuple[str, str]] = set()
    for step in found.steps:
        out.print(Text(f"{step.stage}  shard {step.shard}, seed {step.seed}"))
        for row in step.rows:
            for name in SHOWN_OF_STEP:
                value = row.get(name)
                if value is not None and (name, str(value)) not in shown:
                    shown.add((name, str(value)))
                    out.print(Text(f"  {name:<10} {value}"))
    table = make_table("rule", "value", "min", "max")
    for name, ends in found.rules.items():
        table.add_row(name, *("" if end is None else f"{end:.3g}" for end in ends))
    out.print(table)


def print_evaluations(found: Sequence[Evaluation]) -> None:
    """One row for each labelled file."""
    names = ("data", "n", "entailed", "3-way", "entailment or not", "precision @0.75", "recall")
    table = make_table(*names, "precision of the surest", "area", "pairs/s")
    for one in found:
        point = next(p for p in one.thresholds if p.threshold == 0.75)
        table.add_row(
            one.name,
            f"{one.n:,}",
            f"{one.base_rate:.0%}",
            f"{one.accuracy:.3f}",
            f"{one.binary_accuracy:.3f}",
            f"{point.precision:.3f}",
            f"{point.recall:.3f}",
            f"{one.surest.precision:.3f} ({one.surest.passed} pairs)",
            "" if one.area is None else f"{one.area:.3f}",
            f"{one.rate:.0f}",
        )
    make_console().print(table)
