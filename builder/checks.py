"""Models are checked before anything works with them: every one of a run by what its files say, and
the critic by its verdicts too."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from builder.critics.nli_model import label_columns
from builder.critics.spec import read_spec
from builder.environment import models_of
from builder.models import loading, resolve
from builder.pool import ModelPool, pool_of
from builder.unit import Opened
from dimsum.loading import Kind, check_model

KINDS: dict[str, Kind] = {"teacher": "causal", "student": "generator", "encoder": "encoder"}


def check_models(opened: Opened, roles: Collection[str], say: Callable[[str], None]) -> None:
    """Refuse models of a run that could only fail, or judge wrongly, after hours.

    Args:
        roles: of the models that units are still to be made with.
        say: gets a line about each model that is loaded for it.

    Raises:
        UsageError, ModelError, BuilderError: as `check_model`, `check_critic` and the critic's
            own checks.
    """
    pool = pool_of(opened.config, opened.models)
    settings = opened.config
    longest = max(
        [settings.contexts.sampling.max_new_tokens]
        + [getattr(method, "max_new_tokens", 0) for method in settings.candidates.methods]
    )
    for role, model in models_of(settings).items():
        reference = pool.reference(role, model.model)
        if role in roles and role == "critic":
            check_critic(reference, model.device)
        elif role in roles and model.server is not None:
            pool.only((role,), say).teacher()  # asks the server for it
        elif role in roles:
            tokens = 1 + longest if role == "teacher" else 0
            check_model(reference, KINDS[role], device=model.device, tokens=tokens, role=role)
    if "critic" in roles:
        _judge(pool, say)


def _judge(pool: ModelPool, say: Callable[[str], None]) -> None:
    """Load the critic, which tries it on pairs whose verdict is known."""
    pool.only(("critic",), say).critic()


def check_critic(reference: str, device: str | None = None) -> None:
    """Refuse a critic by what its files say: weights, tokenizer, labels.

    Raises:
        UsageError, ModelError: as `check_model`.
        BuilderError: no label says entailment.
    """
    from transformers import AutoConfig

    resolved = resolve(reference)
    spec = read_spec(Path(resolved.path))
    if spec is None:
        check_model(reference, "classifier", device=device, role="critic")
        with loading(reference):
            config = AutoConfig.from_pretrained(resolved.path, **resolved.arguments())
        label_columns(config.id2label)
        return
    for one in (spec, spec.second):
        if one is not None and one.over_base:
            kind: Kind = "causal" if one.template else "encoder"
            check_model(one.base, kind, device=device, role="critic's base")
