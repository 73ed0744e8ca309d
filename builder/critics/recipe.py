"""Recipes of critics: YAML in, a checked `CriticRecipe` out."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import yaml
from pydantic import ValidationError

from builder.config import apply_override, did_you_mean
from builder.critics.training import CriticRecipe
from builder.errors import ConfigError


def load_recipe(path: Path | None, overrides: tuple[str, ...] = ()) -> CriticRecipe:
    """Read a recipe; without a path, the one that the embedded critic was trained with.

    Raises:
        ConfigError: an unreadable file, an unknown key or a value out of range.
    """
    shipped = resources.files("builder").joinpath("presets/critic.yaml")
    try:
        text = shipped.read_text("utf-8") if path is None else path.read_text("utf-8")
        document = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"the recipe {path} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"the recipe {path} is not a mapping of keys to values")
    for override in overrides:
        apply_override(document, override)
    try:
        return CriticRecipe.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            near = did_you_mean(place, CriticRecipe.model_fields)
            raise ConfigError(f"unknown key {place} in the recipe{near}") from error
        raise ConfigError(f"recipe: {place}: {first['msg']}") from error
