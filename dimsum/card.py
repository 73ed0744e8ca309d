"""A student's card: what `student.json` and the data's own facts say, rendered by `cards`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cards.facts import (
    FACTS_PATH,
    ControlFacts,
    DatasetFacts,
    Link,
    ModelFacts,
    ModelUse,
    RunFacts,
    Setting,
)
from cards.languages import add_article, describe
from cards.licenses import find_licence, list_inputs
from cards.render import render_model_card
from cards.text import read_text
from dimsum import __version__
from dimsum.files import open_whole_file
from dimsum.models import make_public_name
from dimsum.objectives.reward_settings import ENTAILMENT
from dimsum.spec import StudentSpec
from dimsum.tasks import TaskDefinition, find_tasks
from dimsum.tasks.words import group_by_source, join_and, join_or

CAUSAL_PIPELINE = "text-generation"


def read_data_facts(reference: str) -> DatasetFacts | None:
    """The facts of a released data set in a folder; None for other data."""
    path = Path(reference).expanduser() / FACTS_PATH
    try:
        return DatasetFacts.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def write_card(folder: Path, spec: StudentSpec, reference: str) -> None:
    """Write README.md and the facts that it was rendered from.

    Args:
        reference: of the data that the student was trained on.

    Raises:
        CardError: the README.md there has lost its section for text written by hand.
    """
    facts = describe_student(folder.name, spec, reference)
    card = folder / "README.md"
    previous = read_text(card) if card.is_file() else None
    with open_whole_file(folder / FACTS_PATH) as stream:
        stream.write(facts.model_dump_json(indent=2) + "\n")
    with open_whole_file(card) as stream:
        stream.write(render_model_card(facts, previous))


def describe_student(name: str, spec: StudentSpec, reference: str) -> ModelFacts:
    """What a card says of a student that was just trained, before any evaluation."""
    training = spec.training
    data = read_data_facts(reference)
    codes = ", ".join(f"{count:,} {code}" for code, count in sorted(spec.trained.items()) if count)
    tasks = _list_tasks(spec)
    languages = _find_languages(spec, data)
    whole = "all weights" if not training["recipe"]["lora_rank"] else "LoRA, merged"
    return ModelFacts(
        name="".join(c if c.isalnum() or c in "-._" else "-" for c in name).lstrip("-.") or "s",
        title=name,
        version=__version__,
        summary=_describe_use(tasks, languages)
        + (" under control codes." if spec.prompts.control else "."),
        purpose=join_or(
            group_by_source(
                tasks,
                lambda some: join_or([task.verb for task in some]),
                lambda task: add_article(languages, task.reads[0]),
            )
        ),
        reads=join_or([task.texts_in(describe(languages)) for task in tasks]),
        language=languages,
        architecture=spec.architecture,
        parameters=training["parameters"],
        pipeline_tag=tasks[0].hub.pipeline if spec.architecture == "seq2seq" else CAUSAL_PIPELINE,
        tags=(*dict.fromkeys(task.hub.model_tag for task in tasks), "distillation"),
        base=ModelUse(
            role="base",
            reference=training["from"],
            licence=training["licence"],
            identity=training["weights"],
        ),
        dataset=_make_link(reference, data),
        models=(*_list_teachers(training), *(data.models if data else ())),
        texts=data.texts if data else (),
        method=(
            f"Fine-tuned ({whole}) {_describe_method(training)} {codes} pairs"
            f"{_describe_reward(training)}."
        ),
        settings=_list_settings(training["recipe"]),
        generation=_list_settings(spec.generation.model_dump()),
        controls=tuple(
            ControlFacts(code=code, meaning=spec.prompts.codes[code].meaning or code)
            for code in spec.codes
        ),
        example_prompt=spec.prompts.render(_choose_example(spec, tasks), spec.codes[0]),
        run=RunFacts(
            seed=training["recipe"]["seed"],
            seconds=training["seconds_of_last_start"],
            tokens=training["tokens"],
            device=training["device"],
            versions=training["versions"],
        ),
    )


def _list_teachers(training: dict[str, Any]) -> tuple[ModelUse, ...]:
    """The model that it was distilled from, if there is one."""
    found = training.get("teacher")
    if found is None:
        return ()
    return (
        ModelUse(
            role="distilled from",
            reference=found["reference"],
            licence=found["licence"],
            identity=found["identity"],
        ),
    )


def _describe_method(training: dict[str, Any]) -> str:
    """What was minimised, in words."""
    objective = training["recipe"].get("objective", {})
    if objective.get("kind") != "gkd":
        smoothing = objective.get("smoothing")
        # The earlier name is in the records of students that were trained under it.
        column = objective.get("weight_column") or objective.get("weights")
        smoothed = f", smoothed by {smoothing:g}," if smoothing else ""
        weighted = f", each weighted by its column {column}," if column else ""
        return f"with cross-entropy{smoothed} on the targets{weighted} of"
    teacher = training["teacher"]["reference"]
    if objective["loss"] == "cross_entropy":
        return f"with cross-entropy on targets that {teacher} wrote for the sources of"
    share, beta = objective["lambda"], objective["beta"]
    kind = {0: "forward KL", 1: "reverse KL"}.get(beta, f"generalised JSD, beta {beta:g},")
    written = f", written by {teacher}," if objective["sequence_level"] else ""
    return (
        f"by generalised knowledge distillation (arXiv 2306.13649): the {kind} from the next-token "
        f"distributions of {teacher}, {share:.0%} on outputs that the student sampled itself and "
        f"{1 - share:.0%} on the targets{written} of"
    )


def _describe_reward(training: dict[str, Any]) -> str:
    """What was rewarded beside, in words."""
    found = training["recipe"].get("objective", {}).get("reward")
    if found is None or found["alpha"] == 1:
        return ""
    by = (
        f"{found['value']} by {found['critic']}" if found["value"] == ENTAILMENT else found["value"]
    )
    return f", and with the weight {1 - found['alpha']:g} a reward of its own outputs ({by})"


def _list_tasks(spec: StudentSpec) -> tuple[TaskDefinition, ...]:
    """Those that it was trained on, in the order of its recipe."""
    known = {spec.prompts.codes[code].task for code in spec.codes}
    named = find_tasks(spec.training["recipe"]["tasks"])
    return tuple(task for task in named if task.name in known)


def _choose_example(spec: StudentSpec, tasks: Sequence[TaskDefinition]) -> str:
    """A source for the first control code."""
    asked = spec.prompts.codes[spec.codes[0]].task
    return next(task.example for task in tasks if task.name == asked)


def _find_languages(spec: StudentSpec, data: DatasetFacts | None) -> tuple[str, ...]:
    """As the recipe says, as the data's own card says, or as training found them."""
    if given := spec.training["recipe"]["language"]:
        return (given,)
    return data.language if data else tuple(spec.training["data"]["language"])


def _describe_use(tasks: Sequence[TaskDefinition], languages: Sequence[str]) -> str:
    language = describe(languages)
    text = join_and(
        group_by_source(
            tasks,
            lambda some: join_and([task.verbs for task in some]),
            lambda task: task.texts_in(language),
        )
    )
    return text[0].upper() + text[1:]


def _make_link(reference: str, data: DatasetFacts | None) -> Link:
    if data is not None:
        licence = find_licence(list_inputs(data)).id
        return Link(title=data.title, repo_id=data.repo_id, licence=licence)
    name, _, revision = reference.partition("@")
    shown = make_public_name(name)
    if Path(name).expanduser().exists() or name.count("/") != 1:
        return Link(title=shown)
    return Link(title=shown, repo_id=name, revision=revision or None)


def _list_settings(values: dict[str, Any], within: str = "") -> tuple[Setting, ...]:
    found: list[Setting] = []
    for name, value in values.items():
        label = f"{within}{name.replace('_', ' ')}"
        if isinstance(value, dict):
            found += _list_settings(value, f"{label} ")
        elif name != "language":  # the card says it in words
            found.append(Setting(name=label, value="none" if value is None else str(value)))
    return tuple(found)
