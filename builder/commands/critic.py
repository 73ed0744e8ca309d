"""`dimsum critic`: train an entailment critic, or measure one."""

from __future__ import annotations

from pathlib import Path

import click

from builder.commands.share import Share
from dimsum.interrupt import explain_resuming


@click.group()
def critic() -> None:
    """Train or evaluate an entailment critic on NLI data."""


@critic.command()
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of the critic.",
)
@click.option("--recipe", default="critic", show_default=True, help="A preset or a YAML file.")
@click.option("--set", "overrides", multiple=True, metavar="A=B", help="Override one value.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def train(
    data: tuple[Path, ...],
    output: Path,
    recipe: str,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Train a critic on the training rows of DATA, which have premise, hypothesis and label.

    DATA is a file, a folder or a Hub id, as for `dimsum train`. A label is entailment, neutral or
    contradiction. The recipe decides the base model and the hyper-parameters. Interrupt it at any
    time: the same command goes on where it stopped.
    """
    from builder.critics import checkpoint
    from builder.critics.nli_data import read_nli
    from builder.critics.recipe import load_recipe
    from builder.errors import ConfigError
    from builder.models import find_models
    from dimsum.data.values import Reading
    from dimsum.lock import hold

    if not checkpoint.is_usable(output):
        raise ConfigError(f"{output} is not empty", hint="choose a new folder")
    settings = load_recipe(recipe, overrides)
    with explain_resuming(), hold(output, "training"):
        examples = []
        for path in data:
            reading = Reading()
            examples += read_nli(path, reading, "train")
            if reading.dropped:
                click.echo(f"left out of {path}: {reading}", err=True)
        find_models(settings.base, settings.start)
        from builder.critics.training import Step
        from builder.critics.training import train as run

        def report(at: Step) -> None:
            click.echo(
                f"step {at.step}/{at.steps}  loss {at.loss:.3f}  accuracy {at.accuracy:.3f}  "
                f"{at.rate:.0f} examples/s",
                err=True,
            )

        run(settings, examples, output, report)
    _print_folder(output, as_json)


@critic.command()
@click.argument("first")
@click.argument("second")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of the ensemble.",
)
@click.option(
    "--alone-below",
    type=Share(0, 1),
    default=0.0,
    show_default=True,
    help="where SECOND gives entailment less than this, FIRST is not asked",
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def join(first: str, second: str, output: Path, alone_below: float, as_json: bool) -> None:
    """Make an ensemble of two critics, FIRST and SECOND.

    SECOND is one that was trained with method full and frozen embeddings.
    """
    from builder.critics.join import join as run

    run(first, second, output, alone_below)
    _print_folder(output, as_json)


def _print_folder(output: Path, as_json: bool) -> None:
    from dimsum.commands.output import print_json

    if as_json:
        print_json({"critic": str(output)})
    else:
        click.echo(str(output))


@critic.command()
@click.argument("model")
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--pass-rate",
    type=Share(0, 1, min_open=True),
    default=0.01,
    show_default=True,
    help="Share of the pairs that a build lets pass: so many are the surest.",
)
@click.option(
    "--save", is_flag=True, help="Save the result as evaluation.json in the folder of the model."
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def evaluate(
    model: str, data: tuple[Path, ...], pass_rate: float, save: bool, as_json: bool
) -> None:
    """Measure MODEL, a critic folder or any NLI model, on labelled DATA.

    Precision among the surest pairs is the number to compare critics by: a build keeps few of its
    pairs, and those are the ones that the critic is surest of, rightly or not.
    """
    from builder.commands.output import print_evaluations
    from builder.config import CriticConfig
    from builder.critics.nli_data import read_nli
    from builder.critics.windows import describe_long
    from builder.models import find_models
    from dimsum.commands.output import print_json
    from dimsum.data.values import Reading
    from dimsum.files import try_file, write_json

    readings = [Reading() for _ in data]
    files = [(path, read_nli(path, one)) for path, one in zip(data, readings, strict=True)]
    find_models(model)
    if save:
        try_file(_find_evaluation(model))
    from builder.critics.entailment import EntailmentCritic
    from builder.critics.evaluation import evaluate as measure

    loaded = EntailmentCritic.load(CriticConfig(model=model))
    for note in loaded.notes:
        click.echo(note, err=True)
    found, rows = [], []
    for (path, examples), reading in zip(files, readings, strict=True):
        name = path.name.partition(".")[0]
        found.append(measure(loaded, examples, name, pass_rate))
        if said := describe_long(loaded.long):
            click.echo(f"{path}: {said}", err=True)
        rows.append({**found[-1].as_json(), "dropped": reading.as_json()})
        if reading.dropped:
            click.echo(f"left out of {path}: {reading}", err=True)
    for one in found:
        if one.is_far_from_a_build:
            click.echo(
                f"{one.base_rate:.0%} of the pairs of {one.name} are entailed, and a build lets "
                f"{pass_rate:.0%} pass: precision at a threshold is not that of a build",
                err=True,
            )
    document = {"model": model, "data": rows}
    if save:
        write_json(_find_evaluation(model), document)
    if as_json:
        print_json(document)
    else:
        print_evaluations(found)


def _find_evaluation(model: str) -> Path:
    """Where the evaluation of a critic is kept.

    Raises:
        ConfigError: it lies on the Hub.
    """
    from builder.errors import ConfigError
    from builder.facts import EVALUATION_FILE
    from builder.models import resolve

    folder = Path(resolve(model).path)
    if not folder.is_dir():
        raise ConfigError(
            f"{model} is on the Hub, where --save writes nothing",
            hint="leave --save out, or download the model and name its folder",
        )
    return folder / EVALUATION_FILE
