"""`dimsum calibrate`: readers' labels become a probability that a pair is valid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from builder.commands.share import Share


@click.command()
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument(
    "labels", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="JSON file; RUN/validity.json if unset."
)
@click.option(
    "--precision",
    type=Share(0, 1, min_open=True, max_open=True),
    help="Find the loosest threshold that reaches it.",
)
@click.option(
    "--before-critic",
    is_flag=True,
    help="Fit to what is measured before the critic: a model for scores.prior.",
)
@click.option(
    "--seed",
    default=0,
    type=click.IntRange(min=0),
    show_default=True,
    help="Of the folds and the trees.",
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def calibrate(
    run: Path,
    labels: tuple[Path, ...],
    output: Path | None,
    precision: float | None,
    before_critic: bool,
    seed: int,
    as_json: bool,
) -> None:
    """Learn P(valid) from LABELS (labels.jsonl of `dimsum audit score`) and the columns of RUN.

    No language model is loaded. The file becomes the measure `validity` of a build or a rescore:
    --set validity=FILE --set rules.summary.validity.min=0.6.
    """
    from builder.validity import calibrate as work
    from builder.validity.model import write_calibration
    from dimsum.commands.output import print_json
    from dimsum.data.values import Reading
    from dimsum.files import try_file

    path = run / "validity.json" if output is None else output
    try_file(path, [*labels, *([] if output is None else [run])])
    reading = Reading()
    found, data = work.calibrate(run, labels, seed, reading, before_critic=before_critic)
    document = work.describe(found, data, precision)
    write_calibration(path, work.add_facts(found, document))
    if reading.dropped:
        click.echo(f"left out of the labels: {reading}", err=True)
    if as_json:
        print_json({**document, "dropped": reading.as_json(), "file": str(path)})
    else:
        _print(document)
    click.echo(f"Wrote {path}", err=True)


def _print(document: dict[str, Any]) -> None:
    from builder.commands.output import make_console
    from dimsum.commands.output import make_table

    click.echo(
        f"{document['labels']:,} labels of {document['contexts']:,} contexts, "
        f"{document['valid']:,} valid; {document['missing']:,} labels are of no such pair here."
    )
    click.echo(
        f"On contexts that the fit has not seen: area under the curve {document['area']:.3f}, "
        f"Brier score {document['brier']:.3f}."
    )
    table = make_table("labels", "predicted", "valid", left=0)
    for part in document["reliability"]:
        table.add_row(str(part["labels"]), f"{part['predicted']:.2f}", f"{part['valid']:.2f}")
    make_console().print(table)
    table = make_table("column", "area alone", "area lost without")
    for one in document["columns"]:
        table.add_row(one["column"], f"{one['alone']:.3f}", f"{one['lost']:.3f}")
    make_console().print(table)
    if document["threshold"] is not None:
        click.echo(_format(document["threshold"]))


def _format(found: dict[str, Any]) -> str:
    target = f"{found['target']:.0%}"
    if found["value"] is not None:
        return (
            f"At {found['value']:.3f} and above {found['precision']:.1%} of {found['labels']:,} "
            f"labels are valid, {found['low']:.1%} at least; this keeps {found['kept']:.1%} of the "
            f"pairs and {found['recall']:.1%} of the valid ones."
        )
    best = "" if found["precision"] is None else f": the best seen is {found['precision']:.1%}"
    if found["more"] is None:
        return f"No threshold reaches {target}{best}; more labels of this kind would not change it."
    return (
        f"The labels do not suffice for {target}{best} of {found['labels']:,}; about "
        f"{found['more']:,} more labels in that range would, if that holds."
    )
