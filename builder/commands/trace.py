"""`dimsum trace`: where a released row comes from."""

from __future__ import annotations

from pathlib import Path

import click

from builder.commands.places import PLACE
from builder.errors import GateError


@click.command()
@click.argument("run", type=PLACE)
@click.argument("row_id", metavar="ID")
@click.option("--again", is_flag=True, help="Make it anew from its seeds and compare the bytes.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def trace(run: Path, row_id: str, again: bool, as_json: bool) -> None:
    """Print the way of the row ID of RUN: opening, context, candidates, scores and rules.

    ID is the column `id` of the release, or its beginning.
    """
    from builder.commands.output import print_trace
    from builder.trace import make_again
    from builder.trace import trace as follow
    from dimsum.commands.output import print_json

    found = follow(run, row_id)
    same = make_again(run, found, lambda line: click.echo(line, err=True)) if again else None
    if as_json:
        print_json({**found.as_json(), **({"again": same} if again else {})})
    else:
        print_trace(found)
    if same is not None and not all(same.values()):
        raise GateError(
            "made anew, the row's units differ",
            hint="other library versions or another machine: `dimsum doctor` shows this one's",
        )
    if same and not as_json:
        click.echo("Made anew from its seeds, it is the same.")
