"""`dimsum rescore`: what other thresholds keep, found without a model, then applied."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import click

from builder.commands.places import PLACE


@click.command()
@click.argument("run", type=PLACE)
@click.option(
    "--set", "overrides", multiple=True, required=True, metavar="A.B=C", help="Change one value."
)
@click.option("--dry-run", is_flag=True, help="Only show; change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def rescore(run: Path, overrides: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Show what other rules would keep of RUN, then apply them; no model is loaded.

    Only rules, duplicates and splits can change here; anything else needs `dimsum build`.
    """
    from builder.commands.output import print_rescore
    from builder.rescore import apply, compare
    from builder.store import Run
    from dimsum.commands.output import print_json

    opened = Run.open(run)
    with nullcontext() if dry_run else opened.lock():
        comparison = compare(opened, overrides)
        if as_json:
            print_json(comparison.as_json())
        else:
            print_rescore(comparison)
        if dry_run:
            return
        result = apply(opened, comparison.config)
    click.echo(f"{result.rows} pairs in {result.dataset}", err=as_json)
