"""`dimsum shrink`: some of a student's layers, to be distilled."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("student")
@click.option("--layers", type=click.IntRange(min=1), required=True, help="That are retained.")
@click.option(
    "--encoder-layers",
    type=click.IntRange(min=1),
    help="Retained of an encoder; all by default, and --layers are then the decoder's.",
)
@click.option("--data", help="Keep the layers that do most to the states of these pairs.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder of the smaller student.",
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def shrink(
    student: str,
    layers: int,
    encoder_layers: int | None,
    data: str | None,
    output: Path,
    as_json: bool,
) -> None:
    """Write a smaller STUDENT, with some of its layers, that is to be trained.

    Layers are retained at even distances, or with --data by their influence. A training with an
    objective whose teacher is STUDENT makes it write again.
    """
    from dimsum.commands.output import print_facts, print_json
    from dimsum.training.shrink import shrink as run

    found = run(student, output, layers, encoder_layers=encoder_layers, data=data)
    (print_json if as_json else print_facts)(found)
