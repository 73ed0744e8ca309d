"""`dimsum audit`: readers judge a blind sample, and their answers become a precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.group()
def audit() -> None:
    """Draw a blind sample of pairs for readers, and score their answers."""


@audit.command("draw")
@click.argument("corpus", type=click.Path(path_type=Path, exists=True))
@click.option(
    "-n",
    default=200,
    show_default=True,
    help="Pairs to judge, all if there are fewer.",
)
@click.option(
    "--readers",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="Who judge each pair, a sheet for each.",
)
@click.option("--rejects", is_flag=True, help="Spend a third of them on pairs that RUN dropped.")
@click.option(
    "--seed",
    default=0,
    type=click.IntRange(min=0),
    show_default=True,
    help="Of the draw and the orders.",
)
@click.option("--score", default="entail_forward", show_default=True, help="Column for strata.")
@click.option("--repeats", type=click.IntRange(min=0), help="Pairs shown twice; 1 in 20 if unset.")
@click.option(
    "--known",
    type=click.IntRange(min=0),
    default=8,
    show_default=True,
    help="Pairs with known answers in between.",
)
@click.option(
    "--guideline",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Markdown of your own for the readers.",
)
@click.option(
    "--compare",
    "others",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="Further outputs of systems on the sources of CORPUS; repeatable.",
)
@click.option(
    "--task",
    help="Of systems' outputs: what they were asked for.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="New folder for it all."
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def draw(
    corpus: Path,
    output: Path,
    others: tuple[Path, ...],
    task: Any,
    as_json: bool,
    **options: Any,
) -> None:
    """Draw pairs of CORPUS (a run, a released folder or a file) and write a sheet a reader.

    CORPUS may also be a folder of `dimsum evaluate --save-outputs`: readers then compare what
    hidden systems made of the same sentences.
    """
    from builder.audit.compared import is_outputs
    from builder.audit.draw import compare, say_fewer
    from builder.audit.draw import draw as draw_pairs
    from builder.errors import ConfigError
    from dimsum.commands.output import print_json
    from dimsum.data.values import Reading

    reading = Reading()
    if others or is_outputs(corpus):
        if task is None:
            raise ConfigError("systems were asked for a task", hint="say which with --task")
        wanted = {name: options[name] for name in ("n", "readers", "seed", "repeats", "guideline")}
        key = compare([corpus, *others], output, task=task, **wanted)
    else:
        key = draw_pairs(corpus, output, reading=reading, **options)
    known = 0 if key.kind == "comparison" else options["known"]
    for line in say_fewer(key, options["n"], options["repeats"], known):
        click.echo(line, err=True)
    sheets = [str(output / f"reader-{reader}.html") for reader in key.sheets]
    items = {reader: len(showings) for reader, showings in key.sheets.items()}
    if reading.dropped:
        click.echo(f"left out of {corpus}: {reading}", err=True)
    if as_json:
        document = {"audit": key.audit, "kind": key.kind, "items": items, "sheets": sheets}
        print_json({**document, "dropped": reading.as_json()})
        return
    for sheet in sheets:
        click.echo(sheet)
    click.echo(
        f"Give each reader one sheet, and not {output / 'private'}. Then: "
        f"dimsum audit score {output} ANSWERS...",
        err=True,
    )


@audit.command("score")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument(
    "answers", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def score(folder: Path, answers: tuple[Path, ...], as_json: bool) -> None:
    """Score the ANSWERS to the sheets of FOLDER: precision, agreement, consistency.

    FOLDER gets scores.json and labels.jsonl; the card of the release says what readers found, as
    long as its rows are those that were drawn from. Answers that cannot be used are named, and
    nothing is written.
    """
    from builder.audit.key import Key
    from builder.audit.publish import publish_scores
    from builder.audit.score import score as score_answers
    from builder.audit.written import print_scores
    from builder.commands.output import make_console
    from dimsum.commands.output import print_json

    document = score_answers(folder, answers)
    written, withheld = publish_scores(Key.read(folder), document)
    if as_json:
        print_json(document)
    else:
        print_scores(document, make_console())
    for warning in [*document["warnings"], *([withheld] if withheld else [])]:
        click.echo(f"Warning: {warning}.", err=True)
    for path in written:
        click.echo(f"Wrote {path}", err=True)
