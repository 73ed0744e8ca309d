"""`dimsum evaluate`: systems side by side on one data set.

The verb lives on this floor because it brings the critic; everything else is `dimsum.evaluation`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dimsum.commands.tasks import chosen_options, task_options
from dimsum.tasks import TaskDefinition
from dimsum.writing import BATCH_SIZE


@click.command()
@click.argument("models", nargs=-1, metavar="MODEL...")
@click.option("--data", required=True, help="A benchmark's name, a file, a folder or a Hub id.")
@task_options
@click.option("--name", "names", multiple=True, help="Name of a MODEL in the table, in order.")
@click.option("--baseline", "baselines", multiple=True, help="copy, lead or random; repeatable.")
@click.option("--teacher", help="Model asked by prompts, zero-shot and few-shot.")
@click.option(
    "--teacher-sample",
    default=100,
    type=click.IntRange(min=1),
    show_default=True,
    help="Sources to choose its prompts on: those after the judged ones.",
)
@click.option(
    "--matched",
    is_flag=True,
    help="Also each MODEL at the length of the teacher's outputs.",
)
@click.option(
    "--rerank",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Also the best of N samples of each MODEL, by --rerank-critic and P(valid).",
)
@click.option(
    "--rerank-critic",
    default="embedded:critic",
    show_default=True,
    help="It should be another than --critic, which judges.",
)
@click.option("--outputs", multiple=True, metavar="NAME=FILE", help="Outputs made elsewhere.")
@click.option("--critic", help="Entailment critic, such as embedded:critic; none by default.")
@click.option(
    "--bertscore", default="auto", show_default=True, help="Model; none for no BERTScore."
)
@click.option("--source-column", help="Guessed by default.")
@click.option("--references-column", help="Guessed by default.")
@click.option("--where", multiple=True, metavar="A=B", help="Only rows with this value.")
@click.option("--references", multiple=True, type=click.Path(path_type=Path), help="Plain files.")
@click.option("--split", help="Of a folder or Hub data set; test by default.")
@click.option("--config", help="Of a Hub data set.")
@click.option("--limit", type=click.IntRange(min=2), help="Judge on the first so many.")
@click.option(
    "--controls",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Measure control accuracy on the first N sources.",
)
@click.option(
    "--batch-size",
    default=BATCH_SIZE,
    type=click.IntRange(min=1),
    show_default=True,
    help="Outputs written together.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="JSON file to write.")
@click.option("--save-outputs", type=click.Path(path_type=Path), help="Folder for all outputs.")
@click.option(
    "--reuse",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Of an earlier --save-outputs: models that wrote these outputs do not write them again.",
)
@click.option("--device", help="cuda, mps or cpu; the best there is by default.")
@click.option(
    "--dtype",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    default="auto",
    show_default=True,
    help="Of the models; auto: bfloat16 where this machine is faster at it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.option("--quiet", is_flag=True, help="No progress.")
def evaluate(
    data: str,
    task: TaskDefinition,
    critic: str | None,
    output: Path | None,
    save_outputs: Path | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Judge each MODEL (a student's folder or Hub id), baselines and a teacher on one data set.

    The first system is tested against every other by paired bootstrap. Each number carries its
    95% interval and a signature.
    """
    from builder.judges import entailment_critic, pair_judge
    from dimsum.commands.output import print_evaluation, print_json
    from dimsum.data.values import Reading, conditions
    from dimsum.evaluation.data import read_examples, set_aside
    from dimsum.evaluation.run import Wanted, evaluate_systems
    from dimsum.files import try_file, try_folder

    reading = {
        "source": options.pop("source_column"),
        "references": options.pop("references_column"),
        "where": conditions(options.pop("where")),
        "split": options.pop("split"),
        "config": options.pop("config"),
        "reference_files": options.pop("references"),
    }
    limit, referee = options.pop("limit"), options.pop("rerank_critic")
    if options["bertscore"] == "none":
        options["bertscore"] = None
    asked = chosen_options(task, options)
    wanted = Wanted(task=task, options=asked, **options)
    wanted.check(output, save_outputs)
    if output:
        try_file(output)
    if save_outputs:
        try_folder(save_outputs)
    dropped = Reading()
    sample = wanted.teacher_sample if wanted.teacher else 0
    most = limit and limit + sample
    examples = read_examples(data, wanted.task, reading=dropped, limit=most, **reading)
    examples, aside = set_aside(examples, limit, sample)
    say = (lambda line: None) if quiet else (lambda line: click.echo(line, err=True))
    if dropped.dropped and not quiet:
        click.echo(f"left out of {data}: {dropped}", err=True)
    wanted.check_models()
    judge = entailment_critic(critic) if critic else None
    chooser = pair_judge(referee) if wanted.rerank else None
    document = evaluate_systems(
        wanted, data, examples, judge, save_outputs, say, aside=aside, judge=chooser
    )
    document["dropped"] = dropped.as_json()
    if output is not None:
        from dimsum.files import write_json

        write_json(output, document)
    (print_json if as_json else print_evaluation)(document)
