"""Self-distillation: a corpus makes a student, the student makes more corpus and a better student.

    RUN/round-0/    corpus D0, drawn from the teacher (or a finished run somewhere else)
    RUN/student-1/  M1, trained on D0
    RUN/round-1/    M1 rewrites the teacher's sentences, the same critics filter: D1, with D0
    RUN/student-2/  M2: M1 trained further on D1

Source: arXiv 2305.16635, section 3.3. Every part resumes by its own rules, so the whole does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from builder.config import (
    PRESETS,
    BuildConfig,
    ModelConfig,
    RoundConfig,
    load_config,
    parse_config,
)
from builder.errors import ConfigError
from builder.progress import Progress
from builder.run import build
from builder.store import RUN_FILE, Run
from dimsum.settings import Presets, Settings, load, overridden
from dimsum.training.recipe import Recipe, load_recipe

ROUNDS = Presets("builder", ("embedded",), folder="presets/rounds")


class DistillConfig(Settings):
    """The rounds; what is left out is as in the paper."""

    corpus: str = Field("embedded", description="a preset, a YAML of `dimsum build`, or a run")
    corpus_set: tuple[str, ...] = Field((), description="overrides of it, a.b=c")
    student: str = Field("embedded", description="a preset or a YAML of `dimsum train`")
    student_set: tuple[str, ...] = Field((), description="overrides of it, a=b")
    round_student_set: tuple[str, ...] = Field(
        (), description="further overrides for the students after M1, a=b"
    )
    rounds: int = Field(1, ge=0, description="0 trains M1 and stops")
    per_context: int = Field(1, ge=1, description="sentences of each context that are rewritten")
    samples: int = Field(10, ge=1, description="of each sentence under each code")
    round_set: tuple[str, ...] = Field((), description="overrides of the rounds' corpora, a.b=c")
    temperature: float = Field(0.7, gt=0, le=5)
    top_p: float = Field(0.9, gt=0, le=1)
    max_new_tokens: int = Field(100, ge=4, le=1024)
    no_repeat_ngram: int = Field(3, ge=0, le=10)
    batch_size: int = Field(256, ge=1)


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
    """
    recipe = load_recipe(config.student, config.student_set)
    later_recipe = load_recipe(config.student, config.student_set + config.round_student_set)
    finished, settings = _first_corpus(config)
    later = overridden(settings, config.round_set)  # a fault in it shows before anything runs
    folder.mkdir(parents=True, exist_ok=True)
    run = finished or build(settings, (folder / "round-0").absolute(), progress=progress).run
    corpora, datasets, students = [run], [run / settings.name], []
    students.append(_student(recipe, datasets[0], folder / "student-1", None, device, quiet, say))
    for number in range(1, config.rounds + 1):
        settings = _round(config, later, number, corpora, students[-1], device)
        say(f"round {number}: {students[-1].name} writes")
        result = build(settings, folder / f"round-{number}", progress=progress)
        corpora.append(result.run)
        datasets.append(result.dataset)
        further = later_recipe.model_copy(update={"student": str(students[-1])})
        place = folder / f"student-{number + 1}"
        students.append(_student(further, result.dataset, place, number, device, quiet, say))
    return Distilled(corpora, datasets, students)


def _first_corpus(config: DistillConfig) -> tuple[Path | None, BuildConfig]:
    """The run of D0 if it is finished, which is taken as it is, and its configuration."""
    there = Path(config.corpus).expanduser()
    if config.corpus in PRESETS.names or not (there / RUN_FILE).is_file():
        return None, load_config(config.corpus, config.corpus_set)
    settings = parse_config(Run.open(there).header()["config"])
    if settings.round is not None or not (there / settings.name / "README.md").is_file():
        raise ConfigError(
            f"{there} is no finished run of a teacher", hint="`dimsum build` makes one"
        )
    return there.absolute(), settings


def _round(
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
            "round": RoundConfig(
                number=number,
                corpus=corpora[0],
                earlier=corpora[-1],
                student=ModelConfig(model=str(student.absolute()), device=device, dtype="auto"),
                per_context=config.per_context,
                samples=config.samples,
                temperature=config.temperature,
                top_p=config.top_p,
                max_new_tokens=config.max_new_tokens,
                no_repeat_ngram=config.no_repeat_ngram,
                batch_size=config.batch_size,
            )
        }
    )


def _student(
    recipe: Recipe,
    dataset: Path,
    output: Path,
    number: int | None,
    device: str | None,
    quiet: bool,
    say: Callable[[str], None],
) -> Path:
    """Train on a dataset, or only on the rows of one round of it."""
    from dimsum.pairs import Columns
    from dimsum.training.train import Data, train

    where = {} if number is None else {"round": number}
    say(f"{output.name}: training")
    data = Data(str(dataset), Columns(where=where))
    train(data, recipe, output, device=device, quiet=quiet, say=say)
    return output
