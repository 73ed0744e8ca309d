"""`dimsum teacher-logits`: what a teacher says of a training's targets, on disk."""

from __future__ import annotations

from pathlib import Path

import click

from dimsum.interrupt import explain_resuming


@click.command("teacher-logits")
@click.argument("dataset")
@click.option("--student", help="Model that is to be trained.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder.")
@click.option("--preset", default="paper", show_default=True, help="paper, embedded or a YAML.")
@click.option("--set", "overrides", multiple=True, metavar="A=B", help="Override one value.")
@click.option(
    "--top",
    default=64,
    type=click.IntRange(min=1),
    show_default=True,
    help="Tokens retained at each position; all others count as one.",
)
@click.option("--device", help="cuda, mps or cpu; the best there is by default.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.option("--quiet", is_flag=True, help="No progress.")
def teacher_logits(
    dataset: str,
    student: str | None,
    output: Path,
    preset: str,
    overrides: tuple[str, ...],
    top: int,
    device: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Write the teacher's likeliest tokens at each target token of DATASET, or go on with it.

    The recipe is that of the training, which is then given the folder as
    objective.teacher_logits and has no teacher in memory.
    """
    from dimsum.commands.output import print_facts, print_json
    from dimsum.pairs import Data
    from dimsum.training.recipe import load_recipe

    changes = (*overrides, f"student={student}") if student else overrides
    recipe = load_recipe(preset, changes)
    from dimsum.training.teacher_logits import prepare_logits

    say = (lambda line: None) if quiet else (lambda line: click.echo(line, err=True))
    with explain_resuming():
        found = prepare_logits(Data(dataset), recipe, output, top, device=device, say=say)
    (print_json if as_json else print_facts)(found)
