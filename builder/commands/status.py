"""`dimsum status`: how far a build is that runs elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from builder.commands.places import PLACE


@click.command()
@click.argument("run", type=PLACE)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def status(run: Path, as_json: bool) -> None:
    """Print how far the build of RUN is, from any terminal or machine that sees the folder."""
    from builder.commands.output import make_console
    from builder.status import find_status
    from builder.store import Run
    from dimsum.commands.output import make_table, print_json
    from dimsum.duration import format_duration

    found = find_status(Run.open(run))
    if as_json:
        print_json(found.as_json())
        return
    table = make_table("stage", "units", "of")
    for stage in found.stages:
        table.add_row(stage.stage, f"{stage.done:,}", f"{stage.units:,}")
    make_console().print(table)
    click.echo()
    for worker, shards in found.now.get("under_way", {}).items():
        click.echo(f"{worker}: {', '.join(map(str, shards))}")
    for path in found.damaged:
        click.echo(f"{path} is missing or damaged; it is made again.")
    match found.state:
        case "finished":
            click.echo("Finished.")
        case "building":
            click.echo(found.now.get("line") or "Building.")
        case _ if found.silent is None:
            click.echo("Stopped; the same `dimsum build` goes on.")
        case _:
            click.echo(
                f"Stopped without a word {format_duration(found.silent or 0)} ago, on "
                f"{found.now.get('host')}; the same `dimsum build` goes on."
            )
