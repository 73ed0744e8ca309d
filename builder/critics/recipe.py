"""Recipes of critics: YAML in, a checked `CriticRecipe` out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from builder.critics.training import CriticRecipe
from dimsum.settings import Presets, load

PRESETS = Presets("builder", ("critic", "critic-encoder"))


def load_recipe(source: str | Path = "critic", overrides: Iterable[str] = ()) -> CriticRecipe:
    """A preset or a YAML file with `a.b=c` overrides; by default the embedded critic's recipe.

    Raises:
        UsageError: as in `dimsum.settings.load`.
    """
    return load(CriticRecipe, source, overrides, presets=PRESETS)
