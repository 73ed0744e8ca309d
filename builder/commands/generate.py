"""`dimsum generate`: sentences in, what a student makes of them out.

The verb lives on this floor because it may bring the critic; everything else is `dimsum.generate`.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import click

from dimsum.commands.tasks import (
    add_rerank_by,
    add_task_options,
    add_writing_options,
    take_chosen_options,
)
from dimsum.interrupt import explain_resuming
from dimsum.tasks import TaskDefinition


@click.command()
@click.argument("model")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@add_task_options
@click.option(
    "-n",
    "--number",
    default=1,
    type=click.IntRange(min=1),
    show_default=True,
    help="Outputs of each sentence.",
)
@click.option(
    "--rerank",
    default=0,
    type=click.IntRange(min=0),
    metavar="N",
    help="The best of N samples of each sentence, by --critic and --rerank-by; where a tree is "
    "asked for, the nearest to it of those that are wanted.",
)
@add_rerank_by
@click.option(
    "--beams",
    type=click.IntRange(2, 64),
    metavar="N",
    help="Of N beams the likeliest text that is what the options ask for; with --rerank choices "
    "in addition to the samples, of the length that is asked for, which then comes first.",
)
@click.option(
    "--no-copies",
    is_flag=True,
    help="Where an output is its own sentence, the likeliest of eight beams that is not.",
)
@click.option("--critic", default="embedded:critic", show_default=True, help="Of --rerank.")
@click.option("--syntax", default="", metavar="TEXT|TREE", help="Built like this sentence or tree.")
@click.option(
    "--syntax-column", default="", metavar="NAME", help="Of a table: one such for each sentence."
)
@click.option("--column", default="source", show_default=True, help="Of a table: the sentences.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="File instead of stdout.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["auto", "plain", "jsonl"]),
    default="auto",
    show_default=True,
    help="Of what is written: lines of text, or JSON lines; auto: as FILE.",
)
@click.option("--json", "form", flag_value="jsonl", help="The same as --format jsonl.")
@click.option(
    "--seed",
    default=0,
    type=click.IntRange(min=0),
    show_default=True,
    help="Of the sampling (with -n above 1).",
)
@add_writing_options
@click.option("--quiet", is_flag=True, help="No progress.")
def generate(
    model: str,
    file: Path | None,
    task: TaskDefinition,
    number: int,
    rerank: int,
    rerank_by: str,
    beams: int | None,
    no_copies: bool,
    critic: str,
    syntax: str,
    syntax_column: str,
    column: str,
    output: Path | None,
    form: str,
    batch_size: int,
    seed: int,
    device: str | None,
    dtype: str,
    quiet: bool,
    **options: Any,
) -> None:
    """Write with MODEL for each line of FILE; without one, or with -, of standard input.

    FILE is plain text, one sentence a line, or a table: JSONL, JSON, CSV, TSV, parquet. Plain text
    gives one line for each output; a table gives JSON lines, which keep its fields and add `output`
    (or `outputs`). An empty line has an empty output.
    """
    from builder.judges import JUDGES
    from dimsum.generate import Job, generate_file

    job = Job(
        task=task,
        options=take_chosen_options(task, options),
        number=number,
        rerank=rerank,
        beams=beams,
        referee=critic if rerank else "",
        by=rerank_by,
        syntax=syntax.strip(),
        syntax_column=syntax_column,
        column=column,
        copies=not no_copies,
        form=form,
        batch_size=batch_size,
        seed=seed,
    )
    say = (lambda line: None) if quiet else (lambda line: click.echo(line, err=True))
    source = None if file == Path("-") else file
    goes_on = output is not None and source is not None
    with explain_resuming() if goes_on else nullcontext():
        generate_file(
            model,
            job,
            source,
            output,
            device=device,
            dtype=dtype,
            say=say,
            open_judge=partial(JUDGES[rerank_by], critic) if rerank else None,
        )
