"""What a corpus was made by: models, texts of others, the run, and how good its critic is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from builder.config import BuildConfig
from builder.environment import SERVER, VLLM
from builder.measures.entailment import FORWARD
from builder.models import make_public_name, resolve
from builder.statistics.funnel import Step
from builder.versions import collect_versions
from cards.facts import CriticPrecision, ModelUse, RunFacts, StageCost, TextUse
from dimsum.errors import DimsumError

EVALUATION_FILE = "evaluation.json"


def list_models(header: dict[str, Any]) -> list[ModelUse]:
    """Role, revision, licence and identity of each model of a run's header."""
    return [
        ModelUse(
            role=role,
            reference=make_public_name(model["reference"]),
            revision=model["revision"],
            licence=model["licence"],
            identity=model["identity"],
        )
        for role, model in header["models"].items()
    ]


def describe_texts(config: BuildConfig) -> list[TextUse]:
    """What openings are made of that others wrote."""
    found = [
        TextUse(
            name=f"openings of the user's own ({domain.file.name})",
            use=f"openings of {domain.name}",
        )
        for domain in config.domains
        if domain.file is not None
    ]
    if any(domain.kind == "news" for domain in config.domains):
        found.append(
            TextUse(
                name="GeoNames place names",
                use="datelines of news openings",
                licence="cc-by-4.0",
                source="https://www.geonames.org",
            )
        )
    return found


def collect_run_facts(
    config: BuildConfig, header: dict[str, Any], steps: Sequence[Step]
) -> RunFacts:
    """Seed, cost and environments of a run."""
    newest = (header.get("environments") or [{}])[-1]
    devices = {role: newest.get(role, "") for role in header["models"]}
    dtypes = ", ".join(
        f"{role} on {devices[role]}"
        if devices[role].startswith((SERVER, VLLM))
        else f"{role} in {model['dtype']}"
        for role, model in header["models"].items()
    )
    return RunFacts(
        seed=config.seed,
        seconds=round(sum(step.seconds for step in steps), 1),
        tokens=sum(step.counters.get("tokens", 0) for step in steps),
        rounds=1 + (config.round.number if config.round else 0),
        device=dtypes,
        versions=collect_versions(header.get("environments", ())),
        configuration="provenance/config.yaml",
        stages=tuple(
            StageCost(stage=s.stage, seconds=s.seconds, tokens=s.counters.get("tokens"))
            for s in steps
        ),
    )


def read_critic_precision(config: BuildConfig, header: dict[str, Any]) -> list[CriticPrecision]:
    """What the critic's own evaluation says at the loosest threshold that a rule uses.

    Nothing where the critic that judged is not there any more, or is another by now.
    """
    try:
        critic = resolve(config.critic.model)
    except DimsumError:
        return []
    path = Path(critic.path) / EVALUATION_FILE
    judged = str(header["models"]["critic"]["identity"])
    if not path.is_file() or not judged.startswith(critic.identity):
        return []
    used = [rules[FORWARD].lowest for rules in config.rules.values() if FORWARD in rules]
    if not used:
        return []
    found = []
    for data in json.loads(path.read_text(encoding="utf-8"))["data"]:
        point = next(
            (p for p in data["thresholds"] if abs(p["threshold"] - min(used)) < 1e-9), None
        )
        if point and point["passed"]:
            found.append(
                CriticPrecision(
                    critic=make_public_name(config.critic.model),
                    data=data["name"],
                    n=point["passed"],
                    precision=point["precision"],
                    low=point["low"],
                    high=point["high"],
                    threshold=point["threshold"],
                )
            )
    return found
