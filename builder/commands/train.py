"""`dimsum train`: pairs and a model in, a student out.

The verb lives on this floor because it may bring a reward; everything else is `dimsum.training`.
"""

from __future__ import annotations

from pathlib import Path

import click

from dimsum.interrupt import explain_resuming


@click.command()
@click.argument("dataset")
@click.option("--student", help="Model to train: embedded:NAME, Hub id, folder, .gguf.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder of the student.")
@click.option("--preset", default="paper", show_default=True, help="paper, embedded or a YAML.")
@click.option("--set", "overrides", multiple=True, metavar="A=B", help="Override one value.")
@click.option("--no-control", is_flag=True, help="Train without control codes.")
@click.option("--config", help="Of a Hub dataset.")
@click.option("--source-column", default="source", show_default=True, help="Texts to rewrite.")
@click.option("--target-column", default="target", show_default=True, help="What they become.")
@click.option("--task-column", default="task", show_default=True, help="Of each row's task.")
@click.option("--where", multiple=True, metavar="A=B", help="Only rows with this value.")
@click.option("--device", help="cuda, mps or cpu; the best there is by default.")
@click.option("--plan", "plan_only", is_flag=True, help="Memory and time instead of training.")
@click.option(
    "--steps",
    default=3,
    type=click.IntRange(min=0),
    show_default=True,
    help="Measured by --plan; 0 for none.",
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.option("--quiet", is_flag=True, help="No progress.")
def train(
    dataset: str,
    student: str | None,
    output: Path | None,
    preset: str,
    overrides: tuple[str, ...],
    no_control: bool,
    config: str | None,
    source_column: str,
    target_column: str,
    task_column: str,
    where: tuple[str, ...],
    device: str | None,
    plan_only: bool,
    steps: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Train a student on DATASET, or go on with a training that was interrupted.

    DATASET is a folder (of a release, or of files named after their splits), a JSONL, parquet or
    CSV file, or a Hub id with an optional @revision.
    """
    from dimsum.commands.output import print_facts, print_json
    from dimsum.data.values import parse_conditions
    from dimsum.errors import UsageError
    from dimsum.hub import find_models
    from dimsum.models import is_on_hub
    from dimsum.pairs import Columns, Data, check_data
    from dimsum.training.recipe import load_recipe

    if student:
        overrides = (*overrides, f"student={student}")
    if no_control:
        overrides = (*overrides, "control=false")
    recipe = load_recipe(preset, overrides)
    columns = Columns(source_column, target_column, task_column, parse_conditions(where))
    data = Data(dataset, columns, config)
    if plan_only:
        if is_on_hub(recipe.student):  # before torch is imported
            check_data(dataset, columns, config, recipe.definitions)
            find_models(recipe.student)
        from dimsum.training.plan import plan

        found = plan(data, recipe, device=device, steps=steps)
        (print_json if as_json else print_facts)(found)
        return
    if output is None:
        raise UsageError("where should the student go?", hint="name a folder with --output")
    from builder.rewards import open_judge
    from dimsum.training.train import train as run

    say = (lambda line: None) if quiet else (lambda line: click.echo(line, err=True))
    with explain_resuming():
        trained = run(
            data, recipe, output, device=device, quiet=quiet, say=say, open_judge=open_judge
        )
    facts = {"student": str(output), "trained": trained.spec.trained, **trained.spec.training}
    (print_json if as_json else print_facts)(facts)
