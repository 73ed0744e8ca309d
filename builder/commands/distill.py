"""`dimsum distill`: corpus, student, the student's own corpus, a better student."""

from __future__ import annotations

from pathlib import Path

import click

from builder.commands.places import HERE
from dimsum.interrupt import explain_resuming


@click.command()
@click.argument("config")
@click.option("-o", "--output", type=HERE, help="Folder of the rounds.")
@click.option("--set", "overrides", multiple=True, metavar="A=B", help="Override one value.")
@click.option("--device", help="Of the students: cuda, mps or cpu.")
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def distill(
    config: str,
    output: Path | None,
    overrides: tuple[str, ...],
    device: str | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Run the rounds of CONFIG, a YAML file or `embedded`.

    Interrupt it at any time: the same command goes on where it stopped.
    """
    from builder.distill import ROUNDS, load_distill
    from builder.distill import distill as run
    from builder.progress import Progress
    from dimsum.commands.output import print_facts, print_json
    from dimsum.settings import name_folder

    settings = load_distill(config, overrides)
    folder = output or name_folder(config, ROUNDS, "-rounds")
    say = (lambda line: None) if quiet else (lambda line: click.echo(line, err=True))
    with explain_resuming():
        done = run(
            settings, folder, device=device, progress=Progress(quiet=quiet), quiet=quiet, say=say
        )
    facts = {
        "students": [str(path) for path in done.students],
        "datasets": [str(path) for path in done.datasets],
    }
    (print_json if as_json else print_facts)(facts)
