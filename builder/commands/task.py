"""`dimsum task`: write a task's definition, and try it on pairs given by hand."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

import click


@click.group()
def task() -> None:
    """Write a definition of a task of your own, or try one before any model runs."""


@task.command()
@click.argument("name")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Python file to write; NAME.py by default.",
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def new(name: str, output: Path | None, as_json: bool) -> None:
    """Write a commented definition of the task NAME to start from."""
    from builder.errors import ConfigError
    from builder.task_check import write_definition
    from dimsum.commands.output import print_json
    from dimsum.files import write_text

    file = output or Path(f"{name}.py")
    text = write_definition(name, file)
    if file.exists():
        raise ConfigError(f"{file} exists", hint="choose another --output")
    write_text(file, text)
    reference = f"{file.stem}:{name.upper()}"
    if as_json:
        print_json({"file": str(file), "task": reference})
    else:
        there = "" if file.resolve().parent == Path.cwd() else f"cd {quote(str(file.parent))}; "
        click.echo(f"{file} written; try it with: {there}dimsum task check {reference} PAIRS.jsonl")


@task.command()
@click.argument("definition", metavar="TASK")
@click.argument("pairs", type=click.Path(path_type=Path))
@click.option(
    "--with",
    "others",
    multiple=True,
    metavar="TASK",
    help="Another task of the same build: pairs that satisfy both are shown.",
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def check(definition: str, pairs: Path, others: tuple[str, ...], as_json: bool) -> None:
    """Try the rules of TASK, a name or module:NAME, on PAIRS given by hand; no model runs.

    PAIRS is a table with the columns source and target, such as twenty good and bad examples.
    """
    from builder.commands.output import print_task_check
    from builder.task_check import check_task
    from dimsum.commands.output import print_json
    from dimsum.data.files import read_file_rows
    from dimsum.data.values import Reading, check_columns, is_blank

    reading = Reading()
    texts = []
    for row in read_file_rows(pairs):
        if reading.rows == 0:
            check_columns(row, ("source", "target"), str(pairs), "")
        position = reading.read(row)
        source = reading.text(row, "source", position)
        if source is None:
            continue
        for target in reading.texts(row, "target", position):
            if is_blank(source) or is_blank(target):
                reading.drop("empty", position)
            else:
                texts.append((source, target))
    if not texts:
        raise reading.nothing(str(pairs), "pair to try", {})
    found = check_task(definition, texts, others)
    if as_json:
        print_json({**found.as_json(), "dropped": reading.as_json()})
        return
    print_task_check(found)
    if reading.dropped:
        click.echo(f"left out: {reading}")
