"""Self-distillation: a corpus makes a student, the student makes more corpus and a better student.

    RUN/round-0/    corpus D0, drawn from the teacher (or a finished run somewhere else)
    RUN/student-1/  M1, trained on D0
    RUN/round-1/    M1 rewrites the teacher's sentences, the same critics filter: D1, with D0
    RUN/student-2/  M2: M1 trained further on D1

Source: arXiv 2305.16635, section 3.3. Every part resumes by its own rules, so the whole does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, model_validator

from builder.checks import check_rounds, check_student
from builder.config import (
    PRESETS,
    BuildConfig,
    ModelConfig,
    RewritingConfig,
    RoundConfig,
    load_config,
    parse_config,
)
from builder.errors import ConfigError
from builder.outdated import MadeOtherwise
from builder.progress import Progress
from builder.run import BuildResult, build
from builder.store import RUN_FILE, Run
from dimsum.hub import find_models
from dimsum.lock import hold
from dimsum.settings import PathInFile, Presets, Settings, begin_from, load, place_in_folder
from dimsum.spec import SPEC_FILE
from dimsum.training.recipe import PRESETS as RECIPES
from dimsum.training.recipe import Recipe, load_recipe
from dimsum.training.train import list_models

ROUNDS = Presets("builder", ("embedded",), folder="presets/rounds")


def _find_config(source: str) -> BuildConfig:
    """Of a preset, a YAML file, or a run."""
    if source not in PRESETS.names and (Path(source) / RUN_FILE).is_file():
        return parse_config(Run.open(Path(source)).header()["config"])
    return load_config(source)


class DistillConfig(Settings):
    """The rounds; what is left out is as in the paper."""

    corpus: Annotated[BuildConfig, begin_from(_find_config, PRESETS.names)] = Field(
        description="D0: a preset, a YAML of `dimsum build` or a run; or {from: one of them, and "
        "values that differ}. A finished run without such values is taken as it is"
    )
    student: Annotated[Recipe, begin_from(load_recipe, RECIPES.names)] = Field(
        description="M1: a preset or a YAML of `dimsum train`, or {from: ..., and values}"
    )
    rounds: int = Field(1, ge=0, description="0 trains M1 and stops")
    rewriting: RewritingConfig = RewritingConfig()
    later_corpora: Annotated[
        BuildConfig | None, begin_from(_find_config, PRESETS.names, otherwise="corpus")
    ] = Field(None, description="what differs in the rounds' corpora, such as rules")
    later_students: Annotated[
        Recipe | None, begin_from(load_recipe, RECIPES.names, otherwise="student")
    ] = Field(None, description="what differs in the trainings after M1")
    finished: PathInFile | None = Field(None, description="set where corpus is a run")

    @model_validator(mode="before")
    @classmethod
    def _run_named(cls, document: Any, info: ValidationInfo) -> Any:
        corpus = document.get("corpus") if isinstance(document, Mapping) else None
        if not isinstance(corpus, str) or corpus in PRESETS.names:
            return document
        path = place_in_folder(Path(corpus), info).absolute()
        return {**document, "finished": path} if (path / RUN_FILE).is_file() else document

    @model_validator(mode="after")
    def _codes_known(self) -> DistillConfig:
        known = [code for task in self.corpus.definitions for code in task.code_names]
        for code in self.rewriting.codes:
            if code not in known:
                raise ConfigError(
                    f"rewriting.codes: {code!r} is no control code of the corpus' tasks",
                    hint=f"known: {', '.join(known)}",
                )
        return self

    @model_validator(mode="after")
    def _is_of_a_teacher(self) -> DistillConfig:
        run = self.finished
        if run is None:
            return self
        there = (run / self.corpus.name / "README.md").is_file()
        if not there or self.corpus.round is not None:
            raise ConfigError(
                f"{run} is no finished run of a teacher", hint="`dimsum build` makes one"
            )
        return self


@dataclass(frozen=True)
class Distilled:
    """Where everything lies.

    Attributes:
        corpora: the runs, from D0 on.
        datasets: the released folder of each.
        students: M1 and on.
    """

    corpora: list[Path]
    datasets: list[Path]
    students: list[Path]


def load_distill(source: str, overrides: tuple[str, ...] = ()) -> DistillConfig:
    """A preset or a YAML file with `a.b=c` overrides.

    Raises:
        UsageError: as in `dimsum.settings.load`.
    """
    return load(DistillConfig, source, overrides, presets=ROUNDS)


def distill(
    config: DistillConfig,
    folder: Path,
    *,
    device: str | None = None,
    progress: Progress | None = None,
    quiet: bool = True,
    say: Callable[[str], None] = lambda line: None,
) -> Distilled:
    """Run the rounds, or go on with them.

    Raises:
        ConfigError, UsageError: settings that cannot be used, or a folder that holds others.
        BuilderError: a part failed; what is finished is kept.
        Busy: another process is at work in the folder.
    """
    with hold(folder, "distilling"):
        return _distill(config, folder, device, progress, quiet, say)


def _distill(
    config: DistillConfig,
    folder: Path,
    device: str | None,
    progress: Progress | None,
    quiet: bool,
    say: Callable[[str], None],
) -> Distilled:
    settings, later = config.corpus, config.later_corpora or config.corpus
    later_recipe = config.later_students or config.student
    find_models(*list_models(config.student), *list_models(later_recipe)[1:])
    if not (folder / "student-1" / SPEC_FILE).is_file():
        check_student(config.student, device)
        check_rounds([config.student, later_recipe], later, folder, device)
    folder.mkdir(parents=True, exist_ok=True)
    run = config.finished or _build(settings, (folder / "round-0").absolute(), progress).run
    corpora, datasets, students = [run], [run / settings.name], []
    students.append(
        _train_student(config.student, datasets[0], folder / "student-1", None, device, quiet, say)
    )
    for number in range(1, config.rounds + 1):
        settings = _make_round(config, later, number, corpora, students[-1], device)
        say(f"round {number}: {students[-1].name} writes")
        result = _build(settings, folder / f"round-{number}", progress)
        corpora.append(result.run)
        datasets.append(result.dataset)
        further = later_recipe.model_copy(update={"student": str(students[-1])})
        output = folder / f"student-{number + 1}"
        students.append(_train_student(further, result.dataset, output, number, device, quiet, say))
    return Distilled(corpora, datasets, students)


def _build(settings: BuildConfig, folder: Path, progress: Progress | None) -> BuildResult:
    """A corpus of the rounds; nothing that is finished is made again."""
    try:
        return build(settings, folder, progress=progress)
    except MadeOtherwise as error:
        raise ConfigError(
            error.message, hint="name another folder with --output: rounds are never made again"
        ) from error


def _make_round(
    config: DistillConfig,
    settings: BuildConfig,
    number: int,
    corpora: list[Path],
    student: Path,
    device: str | None,
) -> BuildConfig:
    """The first corpus' configuration with a student in the teacher's place."""
    return settings.model_copy(
        update={
            "run": settings.run.model_copy(update={"pairs": None, "shards": None}),
            "round": RoundConfig(
                number=number,
                corpus=corpora[0],
                earlier=corpora[-1],
                student=ModelConfig(
                    model=str(student.absolute()), device=device, dtype=settings.teacher.dtype
                ),
                rewriting=config.rewriting,
            ),
        }
    )


def _train_student(
    recipe: Recipe,
    dataset: Path,
    output: Path,
    number: int | None,
    device: str | None,
    quiet: bool,
    say: Callable[[str], None],
) -> Path:
    """Train on a dataset, or only on the rows of one round of it."""
    from builder.rewards import open_judge
    from dimsum.pairs import Columns, Data
    from dimsum.training.train import train

    where = {} if number is None else {"round": number}
    say(f"{output.name}: training")
    data = Data(str(dataset), Columns(where=where))
    train(data, recipe, output, device=device, quiet=quiet, say=say, open_judge=open_judge)
    return output
