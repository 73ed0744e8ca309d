"""`dimsum build`: a configuration in, a dataset folder out."""

from __future__ import annotations

import json
from pathlib import Path

import click

from builder.commands.places import PLACE
from builder.errors import GateError
from dimsum.errors import UsageError
from dimsum.interrupt import explain_resuming


@click.command()
@click.argument("config")
@click.option(
    "-o",
    "--output",
    type=PLACE,
    help="Run folder, on this machine or as s3://BUCKET/RUN; by default runs/NAME, NAME being the "
    "preset or the file's stem, with some digits of its path for a file in another folder.",
)
@click.option("--set", "overrides", multiple=True, metavar="A.B=C", help="Override one value.")
@click.option(
    "--engine",
    metavar="NAME",
    help="Where units are made: in_process, processes, ray, or its settings in braces.",
)
@click.option("--again", is_flag=True, help="Make again what other settings have made there.")
@click.option(
    "--pairs",
    default=10,
    type=click.IntRange(min=0),
    show_default=True,
    help="Pairs to print at the end.",
)
@click.option(
    "--preview",
    is_flag=True,
    help="Only try a few openings: pairs, reasons, and time, memory and disk for the whole.",
)
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def build(
    config: str,
    output: Path | None,
    overrides: tuple[str, ...],
    engine: str | None,
    again: bool,
    pairs: int,
    preview: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Build a corpus from CONFIG, a preset (embedded, news, reddit, biomedical) or a YAML file.

    Interrupt it at any time: the same command goes on where it stopped. What is finished there
    with other settings is only made again with --again.
    """
    from builder import run as runs
    from builder.commands.output import print_funnel, print_pairs
    from builder.config import PRESETS, load_config
    from builder.progress import Progress
    from builder.release import list_tasks, take_rows
    from builder.statistics.funnel import count_funnel
    from builder.store import Run
    from builder.unit import open_run
    from dimsum.commands.output import print_json
    from dimsum.places import find_far
    from dimsum.settings import name_folder

    if engine is not None:
        named = engine if engine.startswith("{") else f"{{kind: {json.dumps(engine)}}}"
        overrides = (f"run.engine={named}", *overrides)
    settings = load_config(config, overrides)
    if preview:
        from builder.commands.output import print_pilot
        from builder.pilot import pilot

        if output is not None or again:
            raise UsageError(
                "a preview keeps nothing, so there is no folder to write or to make again",
                hint="leave --output and --again out",
            )
        found = pilot(settings, progress=Progress(quiet=quiet))
        if as_json:
            print_json(found.as_json())
        else:
            print_pilot(found)
        return
    folder = output or name_folder(config, PRESETS)
    try:
        with explain_resuming():
            result = runs.build(settings, folder, progress=Progress(quiet=quiet), again=again)
    except GateError:
        if Run(folder).header():
            print_funnel(count_funnel(Run(folder), open_run(folder).config))
        raise
    steps = count_funnel(Run(folder), open_run(folder).config)
    if as_json:
        print_json(
            {
                "run": str(result.run),
                "dataset": str(result.dataset),
                "rows": result.rows,
                "funnel": [step.as_json() for step in steps],
            }
        )
        return
    print_funnel(steps)
    click.echo()
    print_pairs(take_rows(result.dataset, most=pairs))
    click.echo()
    click.echo(f"{result.rows} pairs in {result.dataset}")
    if find_far(result.dataset) is not None:
        click.echo(f"dimsum release {result.run} -o FOLDER  # writes it on this machine")
        return
    configs = ", ".join(f'"{name}"' for name in list_tasks(result.dataset))
    click.echo(f'load_dataset("{result.dataset}")  # or {configs} as second argument')
