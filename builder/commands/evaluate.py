"""`dimsum evaluate`: systems side by side on one data set.

The verb lives on this floor because it brings the critic; everything else is `dimsum.evaluation`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dimsum.commands.tasks import (
    add_optional_task_options,
    add_rerank_by,
    add_writing_options,
    take_chosen_options,
)
from dimsum.errors import UsageError
from dimsum.tasks import TaskDefinition

if TYPE_CHECKING:
    from dimsum.data.values import Reading
    from dimsum.evaluation.data import Example
    from dimsum.evaluation.suite import SuiteSet


@click.command()
@click.argument("models", nargs=-1, metavar="MODEL...")
@click.option("--data", help="A benchmark's name, a file, a folder or a Hub id.")
@click.option(
    "--suite",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="YAML of several data sets, instead of --data and --task.",
)
@add_optional_task_options
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
    help="Also the first MODEL at the length of the teacher's outputs.",
)
@click.option(
    "--rerank",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Also the best of N samples of the first MODEL, and of the teacher, by --rerank-critic "
    "and --rerank-by.",
)
@add_rerank_by
@click.option(
    "--rerank-critic",
    default="embedded:critic",
    show_default=True,
    help="It should be another than --critic, which judges.",
)
@click.option(
    "--beams",
    type=click.IntRange(2, 64),
    metavar="N",
    help="Also the likeliest of N beams of the first MODEL, and the likeliest that obeys its code; "
    "with --rerank choices in addition to the samples, of the length that is asked for, which "
    "then comes first.",
)
@click.option(
    "--no-copies",
    is_flag=True,
    help="Also the first MODEL, and the teacher, with the likeliest of eight beams that is no copy "
    "in the place of a copy.",
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
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="JSON file to write; a folder with --suite.",
)
@click.option("--save-outputs", type=click.Path(path_type=Path), help="Folder for all outputs.")
@click.option(
    "--reuse",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Of an earlier --save-outputs, or --output of a --suite: models that wrote these outputs "
    "do not write them again.",
)
@add_writing_options
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.option("--quiet", is_flag=True, help="No progress.")
def evaluate(
    data: str | None,
    suite: Path | None,
    task: TaskDefinition | None,
    output: Path | None,
    save_outputs: Path | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Judge each MODEL (a student's folder or Hub id), baselines and a teacher on one data set.

    The first system is tested against every other by paired bootstrap. Each number carries its
    95% interval and a signature.

    With --suite FILE, over several data sets: FILE is YAML, `sets` with a name each, and of each
    `data`, `task`, `options`, `where`, `limit`. --output is then a folder for a JSON file a set,
    all outputs, and a page, suite.html. The same command goes on after an interruption.
    """
    from dimsum.commands.output import print_evaluation, print_json
    from dimsum.data.values import parse_conditions
    from dimsum.evaluation.suite import SuiteSet

    say = (lambda line: None) if quiet else (lambda line: click.echo(line, err=True))
    of_set = ("source_column", "references_column", "where", "references", "split", "config")
    given = {name: options.pop(name) for name in (*of_set, "limit")}
    if suite is not None:
        clash = [name for name, value in {**given, "data": data, "task": task}.items() if value]
        if clash or output is None or save_outputs is not None:
            raise UsageError(
                "--suite takes data sets and their settings from its file, and needs --output "
                "FOLDER for all that it writes",
                hint=f"leave out --{clash[0].replace('_', '-')}"
                if clash
                else "give --output, and leave out --save-outputs",
            )
        documents = _evaluate_suite(suite, output, options, say)
        if as_json:
            print_json(documents)
        else:
            for document in documents.values():
                print_evaluation(document)
        return
    if data is None or task is None:
        raise UsageError(
            "evaluate needs --data and --task, or --suite",
            hint="give --data FILE --task NAME for one data set, --suite FILE for several",
        )
    one = SuiteSet(
        data=data,
        task=task.name,
        source=given["source_column"],
        references=given["references_column"],
        where=parse_conditions(given["where"]),
        split=given["split"],
        config=given["config"],
        limit=given["limit"],
    )
    document = _evaluate(one, task, options, given["references"], output, save_outputs, say)
    if output is not None:
        from dimsum.files import write_json

        write_json(output, document)
    (print_json if as_json else print_evaluation)(document)


def _evaluate_suite(
    path: Path, folder: Path, options: dict[str, Any], say: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    """The documents of all sets, written into the folder with the page."""
    from builder.models import pin, resolve
    from dimsum.data.values import Reading
    from dimsum.evaluation.page import render
    from dimsum.evaluation.saved_outputs import are_saved
    from dimsum.evaluation.suite import (
        collect_outputs,
        evaluate_suite,
        load_suite,
        name_outputs_folder,
    )
    from dimsum.files import open_whole_file, try_folder
    from dimsum.tasks import task_of

    suite = load_suite(path)
    earlier: Path | None = options["reuse"]
    if earlier and not any(are_saved(earlier / name_outputs_folder(name)) for name in suite.sets):
        raise UsageError(
            f"{earlier} holds no outputs of these sets",
            hint="--reuse takes what an earlier --suite wrote with --output",
        )
    try_folder(folder)
    for name, wanted in suite.sets.items():  # data before models
        if not (folder / f"{name}.json").is_file():
            _read(wanted, task_of(wanted.task), options, (), Reading())
    judges = [options["critic"], options["rerank_critic"] if options["rerank"] else None]
    models = [*options["models"], *filter(None, [options["teacher"], *judges])]
    asked = {
        **options,
        "reuse": None,
        "identities": [pin(resolve(model)).identity for model in models],
    }

    def one(wanted: SuiteSet, outputs: Path) -> dict[str, Any]:
        task = task_of(wanted.task)
        if not are_saved(outputs):
            shutil.rmtree(outputs, ignore_errors=True)
            saved = earlier and earlier / outputs.name
            reuse = saved if saved and are_saved(saved) else None
            return _evaluate(wanted, task, {**options, "reuse": reuse}, (), None, outputs, say)
        before = outputs.with_name(f"{outputs.name}.before")  # interrupted after they were saved
        outputs.replace(before)
        found = _evaluate(wanted, task, {**options, "reuse": before}, (), None, outputs, say)
        shutil.rmtree(before)
        return found

    documents = evaluate_suite(suite, folder, asked, one, say)
    rows = {name: collect_outputs(folder, name) for name in documents}
    with open_whole_file(folder / "suite.html") as stream:
        stream.write(render(documents, rows))
    say(str(folder / "suite.html"))
    return documents


def _evaluate(
    one: SuiteSet,
    task: TaskDefinition,
    options: Mapping[str, Any],
    reference_files: Sequence[Path],
    output: Path | None,
    save_outputs: Path | None,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """The document of one data set."""
    from builder.judges import JUDGES, load_entailment_critic
    from builder.models import find_models
    from builder.writing import open_student
    from dimsum.data.values import Reading
    from dimsum.evaluation.run import evaluate_systems
    from dimsum.evaluation.wanted import Wanted
    from dimsum.files import try_file, try_folder

    rest = dict(options)
    critic = rest.pop("critic")
    rest.pop("teacher_sample")  # is set aside where examples are read
    if rest["bertscore"] == "none":
        rest["bertscore"] = None
    asked = {**take_chosen_options(task, rest), **one.options}
    wanted = Wanted(task=task, options=asked, **rest)
    wanted.check(output, save_outputs)
    if output:
        try_file(output)
    if save_outputs:
        try_folder(save_outputs)
    dropped = Reading()
    examples, aside = _read(one, task, options, reference_files, dropped)
    if dropped.dropped:
        say(f"left out of {one.data}: {dropped}")
    scorer = rest["bertscore"] if rest["bertscore"] != "auto" else None
    referee = wanted.rerank_critic if wanted.rerank else None
    find_models(*wanted.models, wanted.teacher, critic, scorer, referee)
    wanted.check_models()
    document = evaluate_systems(
        wanted,
        one.data,
        examples,
        load_entailment_critic(critic) if critic else None,
        save_outputs,
        say,
        aside=aside,
        judge=JUDGES[wanted.rerank_by](wanted.rerank_critic) if wanted.rerank else None,
        open_student=open_student,
    )
    return {**document, "dropped": dropped.as_json()}


def _read(
    one: SuiteSet,
    task: TaskDefinition,
    options: Mapping[str, Any],
    reference_files: Sequence[Path],
    reading: Reading,
) -> tuple[list[Example], list[Example]]:
    """The examples that are judged, and those that a teacher's prompts are chosen on."""
    from dimsum.evaluation.data import read_examples, set_aside

    sample = options["teacher_sample"] if options["teacher"] else 0
    examples = read_examples(
        one.data,
        task,
        source=one.source,
        references=one.references,
        where=one.where,
        split=one.split,
        config=one.config,
        reference_files=reference_files,
        limit=one.limit and one.limit + sample,
        reading=reading,
    )
    return set_aside(examples, one.limit, sample)
