"""Models are checked before anything works with them: every one of a run by what its files say, and
the critic by its verdicts too."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from builder.config import BuildConfig, ModelConfig
from builder.critics.spec import read_spec
from builder.environment import list_models
from builder.models import explain_loading, resolve
from builder.pool import ModelPool, find_pool
from builder.stages.order import count_units, list_stages
from builder.unit import Opened, list_files
from builder.validity.use import find_model, find_prior
from dimsum.loading import Kind, check_model
from dimsum.objectives.settings import GKD
from dimsum.training.recipe import Recipe

WRITERS = ("teacher", "student")
KINDS: dict[str, Kind] = {"teacher": "causal", "student": "generator", "encoder": "encoder"}


def check_models(opened: Opened, roles: Collection[str], say: Callable[[str], None]) -> None:
    """Refuse models of a run that could only fail, or judge wrongly, after hours.

    Args:
        roles: of the models that units are still to be made with.
        say: gets a line about each model that is loaded for it.

    Raises:
        UsageError, ModelError, BuilderError: as `check_model`, `check_critic`, the critic's own
            checks and `Measure.check`.
    """
    pool = find_pool(opened.config, opened.models)
    for measure in opened.config.registry.measures if roles else ():
        measure.check()
    for role, model in list_models(opened.config).items():
        if role in roles and model.server is not None:
            pool.only((role,), say).teacher()  # asks the server for it
        elif role in roles:
            _check(opened.config, role, model, pool.reference(role, model.model))
    if "critic" in roles:
        _try_critic(pool, say)


def check_ahead(configs: Iterable[BuildConfig]) -> None:
    """Refuse models and files of several builds by what lies there, before the first one begins.

    Raises:
        UsageError, ModelError, BuilderError: as `check_models`; a server is not asked.
    """
    seen: set[str] = set()
    for config in configs:
        find_model(config)
        find_prior(config)
        for role, model in list_models(config).items():
            key = f"{role} {_count_tokens(config, role)} {model.model_dump_json()}"
            if model.server is None and key not in seen:
                _check(config, role, model, model.model)
            seen.add(key)
        for stage in list_stages(config):
            for shard in range(count_units(stage.name, config)):
                for path in list_files(stage, config, shard).values():
                    if stage.content is not None and str(path) not in seen:
                        stage.content(path)
                    seen.add(str(path))


def check_student(recipe: Recipe, device: str | None) -> None:
    """Refuse a student that could not be trained, before there is a corpus for it.

    Raises:
        UsageError, ModelError: as `check_model`, `fit_prompts` and `check_precision`.
    """
    from dimsum.devices import pick_device
    from dimsum.student import Student
    from dimsum.training.data import fit_prompts
    from dimsum.training.recipe import check_precision

    check_model(recipe.student, "generator", device=device, role="student")
    student = Student.from_pretrained(recipe.student, device="cpu")
    check_precision(recipe, student.model.config.model_type, pick_device(device).type)
    fit_prompts(student, recipe)


def check_rounds(
    recipes: Iterable[Recipe], later: BuildConfig, folder: Path, device: str | None
) -> None:
    """Refuse what trainings will learn from and later corpora be judged by, before the first one.

    Args:
        recipes: of the students.
        later: of the corpora after the first, in which students write.
        folder: of the rounds; what lies in it is made by them.

    Raises:
        UsageError, ModelError, BuilderError: as `check_teacher_files` and `check_critic`.
    """
    from dimsum.training.teacher import check_teacher_files

    for role, model in list_models(later).items():
        if role not in WRITERS:
            _check(later, role, model, model.model)

    for recipe in recipes:
        objective = recipe.objective
        if not isinstance(objective, GKD):
            continue
        if not Path(objective.teacher).resolve().is_relative_to(folder.resolve()):
            check_teacher_files(recipe, device)
        if objective.reward is not None:
            for critic in (objective.reward.critic, objective.reward.held_out):
                if critic is not None:
                    check_critic(critic)


def _check(config: BuildConfig, role: str, model: ModelConfig, reference: str) -> None:
    if model.vllm is not None:
        from builder.teachers.vllm import require_vllm

        require_vllm()
    if role == "critic":
        check_critic(reference, model.device)
    else:
        tokens = _count_tokens(config, role)
        check_model(reference, KINDS[role], device=model.device, tokens=tokens, role=role)


def _count_tokens(config: BuildConfig, role: str) -> int:
    """Positions that a model of a role needs: of a teacher a token and all that it writes at once,
    of another none that are known."""
    if role != "teacher":
        return 0
    longest: int = max(
        [config.contexts.sampling.max_new_tokens]
        + [getattr(method, "max_new_tokens", 0) for method in config.candidates.methods]
    )
    return 1 + longest


def _try_critic(pool: ModelPool, say: Callable[[str], None]) -> None:
    """Load the critic, which tries it on pairs whose verdict is known."""
    pool.only(("critic",), say).critic()


def check_critic(reference: str, device: str | None = None) -> None:
    """Refuse a critic by what its files say: weights, tokenizer, labels.

    Raises:
        UsageError, ModelError: as `check_model`.
        BuilderError: no label says entailment.
    """
    from builder.critics.nli_model import find_label_columns
    from dimsum.hub import find_models

    find_models(reference)
    from transformers import AutoConfig

    resolved = resolve(reference)
    spec = read_spec(Path(resolved.path))
    if spec is None:
        check_model(reference, "classifier", device=device, role="critic")
        with explain_loading(reference):
            config = AutoConfig.from_pretrained(resolved.path, **resolved.arguments())
        find_label_columns(config.id2label)
        return
    for one in (spec, spec.second):
        if one is not None and one.over_base:
            kind: Kind = "causal" if one.template else "encoder"
            check_model(one.base, kind, device=device, role="critic's base")
