"""`dimsum show`: the funnel of a run, and what each rule removed."""

from __future__ import annotations

from pathlib import Path

import click

from builder.commands.places import PLACE


@click.command()
@click.argument("run", type=PLACE)
@click.option("--rejects", is_flag=True, help="Print rejected rows.")
@click.option("--reason", help="Only rejected rows with this reason (or a part of it).")
@click.option("--stage", help="Only rows that this stage rejected.")
@click.option(
    "--limit",
    default=20,
    type=click.IntRange(min=0),
    show_default=True,
    help="Rejected rows to print.",
)
@click.option(
    "--seed",
    default=0,
    type=click.IntRange(min=0),
    show_default=True,
    help="Of the draw of rejected rows.",
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def show(
    run: Path,
    rejects: bool,
    reason: str | None,
    stage: str | None,
    limit: int,
    seed: int,
    as_json: bool,
) -> None:
    """Print the funnel of RUN, or with --rejects a random draw of what it rejected."""
    from builder.commands.output import print_funnel, print_pairs, print_reasons
    from builder.config import parse_config
    from builder.rejects import draw_rejects
    from builder.statistics.funnel import count_funnel, count_several
    from builder.store import Run
    from dimsum.commands.output import print_json

    opened = Run.open(run)
    config = parse_config(opened.header()["config"])
    if rejects or reason or stage:
        rows = draw_rejects(opened, config, stage=stage, reason=reason, limit=limit, seed=seed)
        if as_json:
            print_json(rows)
        else:
            print_pairs(rows)
        return
    steps = count_funnel(opened, config)
    if as_json:
        print_json([step.as_json() for step in steps])
    else:
        print_funnel(steps, reasons=None)
        for task, count in count_several(steps).items():
            click.echo(f"{count:,} pairs of other tasks satisfy the rules of {task} too.")
        print_reasons(steps, config.registry.meanings)
