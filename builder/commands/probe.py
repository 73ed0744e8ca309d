"""`dimsum probe`: experiments on a teacher and a critic."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click


@click.group()
def probe() -> None:
    """Test what the method rests on, for a teacher of your choice."""


def _settings(function: Callable[..., None]) -> Callable[..., None]:
    """An option for each of the probe's settings."""
    from builder.probe.settings import ProbeSettings

    for name, field in reversed(ProbeSettings.model_fields.items()):
        usual = field.default
        option = click.option(
            f"--{name.replace('_', '-')}",
            default=",".join(map(str, usual)) if isinstance(usual, tuple) else str(usual),
            show_default=True,
            help=field.description,
        )
        function = option(function)
    return function


@probe.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("docs/experiments/proximity.md"),
    show_default=True,
    help="The page; pictures and numbers go beside it.",
)
@click.option(
    "--contexts",
    type=click.Path(path_type=Path),
    help="Texts of your own, one a line; without them the teacher continues news openings.",
)
@_settings
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")
def proximity(
    output: Path, contexts: Path | None, quiet: bool, as_json: bool, **asked: Any
) -> None:
    """Does the teacher say the same thing again in other words?

    Next sentences after contexts of one to five sentences: how many pairs of them entail each
    other, how alike such pairs read, and how near they lie in the teacher's own hidden states.
    Interrupt it at any time: the same command goes on where it stopped.
    """
    from builder.config import DomainConfig
    from builder.models import public_name
    from builder.probe.page import as_json as numbers
    from builder.probe.page import write_page
    from builder.probe.proximity import probe as run
    from builder.probe.settings import ProbeSettings
    from dimsum.commands.output import print_json
    from dimsum.files import try_file
    from dimsum.settings import check

    try_file(output, filter(None, [contexts]))
    settings = check(ProbeSettings, {**asked, "temperatures": asked["temperatures"].split(",")})
    parts = output.parent / f".{output.stem}.parts"
    say = (lambda line: None) if quiet else (lambda line: click.echo(line, err=True))
    found = run(settings, DomainConfig(name="news", kind="news"), contexts, parts, say)
    command = ["dimsum", "probe", "proximity"]
    for name, value in asked.items():
        shown = public_name(value) if name in ("teacher", "critic") else value
        command += [f"--{name.replace('_', '-')}", shown]
    if contexts is not None:
        command += ["--contexts", contexts.name]
    files = write_page(found, output, command)
    shutil.rmtree(parts, ignore_errors=True)
    if as_json:
        print_json(numbers(found))
        return
    for path in files:
        click.echo(str(path))
