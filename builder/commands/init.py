"""`dimsum init`: a commented configuration to start a new domain from."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--preset", help="Values to start from; by default the task's own, or embedded.")
@click.option(
    "--task",
    "tasks",
    multiple=True,
    metavar="TASK",
    help="What to build instead of the preset's tasks: a name or module:NAME; repeatable.",
)
@click.option("--domain", default="mine", show_default=True, help="Name of the new domain.")
@click.option(
    "--openings",
    type=click.Path(path_type=Path),
    help="File with one opening a line; without it the preset's domains stay.",
)
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def init(
    file: Path,
    preset: str | None,
    tasks: tuple[str, ...],
    domain: str,
    openings: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Write a commented configuration to FILE."""
    from builder.annotate import annotate_preset
    from builder.errors import ConfigError
    from dimsum.commands.output import print_json
    from dimsum.files import write_text

    if file.exists() and not force:
        raise ConfigError(f"{file} exists", hint="--force overwrites it")
    write_text(file, annotate_preset(preset, domain, openings, tasks))
    if as_json:
        print_json({"file": str(file)})
        return
    click.echo(f"{file} written; build it with: dimsum build {file}")
