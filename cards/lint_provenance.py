"""The part of the lint that compares what a dataset says of its making in several places."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from cards.facts import FACTS_PATH
from cards.findings import Finding

CONFIGURATION = "provenance/config.yaml"
MODELS = "provenance/models.json"
RULE = "provenance-disagrees"


def check_provenance(folder: Path) -> Iterator[Finding]:
    """That the card's facts name another seed or other models than the provenance beside them."""
    facts = _read(folder / FACTS_PATH)
    if facts is None:
        return
    settings, models = _read(folder / CONFIGURATION), _read(folder / MODELS)
    seed = (facts.get("run") or {}).get("seed")
    if settings is not None and settings.get("seed") != seed:
        message = f"it says seed {settings.get('seed')}, the card's facts {seed}"
        yield Finding("error", RULE, CONFIGURATION, message)
    if models is None:
        return
    said = {str(one.get("role")): one.get("identity") for one in facts.get("models") or ()}
    made = {str(role): one.get("identity") for role, one in models.items()}
    for role in sorted({*said, *made}):
        if said.get(role) != made.get(role):
            message = f"it names another {role} than the card's facts"
            yield Finding("error", RULE, MODELS, message)


def _read(path: Path) -> dict[str, Any] | None:
    """A mapping of a file, None where there is none that can be read."""
    try:
        text = path.read_text(encoding="utf-8")
        found = yaml.safe_load(text) if path.suffix == ".yaml" else json.loads(text)
    except (OSError, ValueError, yaml.YAMLError):
        return None
    return found if isinstance(found, dict) else None
