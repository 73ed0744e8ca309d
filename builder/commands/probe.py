"""`dimsum probe`: experiments on a teacher and a critic."""

from __future__ import annotations

import shutil
from pathlib import Path

import click


@click.group()
def probe() -> None:
    """Test what the method rests on, for a teacher of your choice."""


@probe.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("docs/experiments/proximity.md"),
    show_default=True,
    help="The page; pictures and numbers go beside it.",
)
@click.option("--teacher", default="embedded:smollm2-135m", show_default=True, help="Any model.")
@click.option("--critic", default="embedded:critic", show_default=True, help="Any NLI model.")
@click.option(
    "--contexts",
    type=click.Path(path_type=Path),
    help="Texts of your own, one a line; without them the teacher continues news openings.",
)
@click.option("--documents", default=20, show_default=True, help="Texts.")
@click.option("--samples", default=10, show_default=True, help="Next sentences of each context.")
@click.option("--pairs", default=20, show_default=True, help="Pairs judged of each context.")
@click.option("--temperatures", default="0.3,0.7,1.0", show_default=True, help="Ascending.")
@click.option("--max-new-tokens", default=48, show_default=True, help="Of a next sentence.")
@click.option("--seed", default=0, show_default=True)
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")
def proximity(
    output: Path,
    teacher: str,
    critic: str,
    contexts: Path | None,
    documents: int,
    samples: int,
    pairs: int,
    temperatures: str,
    max_new_tokens: int,
    seed: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """Does the teacher say the same thing again in other words?

    Next sentences after contexts of one to five sentences: how many pairs of them entail each
    other, how alike such pairs read, and how near they lie in the teacher's own hidden states.
    Interrupt it at any time: the same command goes on where it stopped.
    """
    from builder.commands.output import print_json
    from builder.config import DomainConfig
    from builder.models import public_name
    from builder.probe.page import as_json as numbers
    from builder.probe.page import write_page
    from builder.probe.proximity import probe as run
    from builder.probe.settings import ProbeSettings
    from dimsum.settings import check

    asked = {"teacher": teacher, "critic": critic, "documents": documents, "samples": samples}
    asked |= {"pairs": pairs, "temperatures": temperatures.split(",")}
    settings = check(ProbeSettings, asked | {"max_new_tokens": max_new_tokens, "seed": seed})
    domain = DomainConfig(name="news", kind="news")
    parts = output.parent / f".{output.stem}.parts"
    found = run(
        settings,
        domain,
        contexts=contexts,
        parts_folder=parts,
        say=lambda line: None if quiet else click.echo(line, err=True),
    )
    command = ["dimsum", "probe", "proximity", "--teacher", public_name(teacher)]
    command += ["--critic", public_name(critic), "--documents", str(documents)]
    command += ["--samples", str(samples), "--pairs", str(pairs), "--temperatures", temperatures]
    command += ["--max-new-tokens", str(max_new_tokens), "--seed", str(seed)]
    if contexts is not None:
        command += ["--contexts", contexts.name]
    files = write_page(found, output, command)
    shutil.rmtree(parts, ignore_errors=True)
    if as_json:
        print_json(numbers(found))
        return
    for path in files:
        click.echo(str(path))
