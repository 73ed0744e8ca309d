"""`dimsum release`: the dataset folder of a finished run."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def release(run: Path, as_json: bool) -> None:
    """Write the dataset folder of RUN, unless it is there and current."""
    from builder.config import parse_config
    from builder.release import write_release
    from builder.store import Run
    from dimsum.commands.output import print_json

    opened = Run.open(run)
    header = opened.header()
    with opened.lock():
        folder = write_release(opened, parse_config(header["config"]), header)
    if as_json:
        print_json({"dataset": str(folder)})
    else:
        click.echo(str(folder))
