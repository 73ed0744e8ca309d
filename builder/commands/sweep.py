"""`dimsum sweep`: what other values of some settings would give."""

from __future__ import annotations

from pathlib import Path

import click

from builder.commands.places import HERE
from dimsum.interrupt import explain_resuming


@click.command()
@click.argument("config")
@click.option(
    "--over",
    "axes",
    multiple=True,
    required=True,
    metavar="A.B=X,Y",
    help="A setting and its values; repeatable, for all combinations.",
)
@click.option("--set", "overrides", multiple=True, metavar="A.B=C", help="Override one value.")
@click.option("-o", "--output", type=HERE, required=True, help="Folder for it all.")
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def sweep(
    config: str,
    axes: tuple[str, ...],
    overrides: tuple[str, ...],
    output: Path,
    quiet: bool,
    as_json: bool,
) -> None:
    """Build CONFIG, a preset or a YAML file, under every combination of values.

    What no changed setting decides is made once: rules, thresholds and the model of P(valid) cost
    no model. The page, OUTPUT/sweep.md, has yield, P(valid) and diversity of each combination. The
    same command goes on after an interruption.
    """
    from builder import sweep as sweeps
    from builder.progress import Progress
    from builder.sweep_page import format_page
    from dimsum.commands.output import print_json
    from dimsum.files import try_folder

    parsed = [sweeps.parse_axis(text) for text in axes]
    sweeps.list_combinations(config, parsed, overrides)
    try_folder(output)
    progress = Progress(quiet=quiet)
    with explain_resuming():
        document = sweeps.sweep(
            config, parsed, output, overrides, progress=progress, say=progress.say
        )
    if as_json:
        print_json(document)
    else:
        click.echo(format_page(document))
