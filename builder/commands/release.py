"""`dimsum release`: the dataset folder of a finished run."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import click

from builder.commands.places import HERE, PLACE


@click.command()
@click.argument("run", type=PLACE)
@click.option(
    "-o", "--output", type=HERE, help="Folder of this machine to write instead of RUN/NAME."
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def release(run: Path, output: Path | None, as_json: bool) -> None:
    """Write the dataset folder of RUN, unless it is there and current."""
    from builder.config import parse_config
    from builder.release import write_release
    from builder.store import Run
    from dimsum.commands.output import print_json

    opened = Run.open(run)
    header = opened.header()
    with nullcontext() if output else opened.lock():  # a run that is only read is not held
        folder = write_release(opened, parse_config(header["config"]), header, output)
    if as_json:
        print_json({"dataset": str(folder)})
    else:
        click.echo(str(folder))
