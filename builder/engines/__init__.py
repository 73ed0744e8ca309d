"""Engines: where the units of a run are made, one a file, and all by name."""

from __future__ import annotations

from typing import Annotated

from pydantic import SerializeAsAny

from builder.engines.base import Engine, EngineSettings
from builder.engines.in_process import InProcessSettings
from builder.engines.processes import ProcessesSettings
from builder.engines.ray import RaySettings
from dimsum.plugins import Plugins, expect_subclass

__all__ = ["ENGINES", "Engine", "EngineChoice", "EngineSettings"]

ENGINES = Plugins(
    "engine",
    expect_subclass(EngineSettings),  # type: ignore[type-abstract]
    {"in_process": InProcessSettings, "processes": ProcessesSettings, "ray": RaySettings},
)

EngineChoice = Annotated[SerializeAsAny[EngineSettings], ENGINES.by_kind(lambda settings: settings)]
"""A field that takes the settings of any engine."""
