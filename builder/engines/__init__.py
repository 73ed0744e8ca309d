"""Engines: where the units of a run are made. One file each; `kind` is its name.

`run.engine.kind` names a module of this package that has `SETTINGS`, a class of settings, or such
a class of one's own as `module:name`.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Annotated, Any

from pydantic import BeforeValidator, SerializeAsAny

from builder.engines.base import Engine, EngineSettings
from dimsum.settings import did_you_mean

__all__ = ["Engine", "EngineChoice", "EngineSettings", "engine_kinds"]


def engine_kinds() -> list[str]:
    """Names of the engines that are shipped."""
    return [module.name for module in iter_modules(__path__) if module.name != "base"]


def _chosen(value: Any) -> Any:
    """A mapping as the settings of the engine that its `kind` names."""
    if isinstance(value, EngineSettings) or not isinstance(value, dict):
        return value
    return _settings_of(str(value.get("kind"))).model_validate(value)


def _settings_of(kind: str) -> type[EngineSettings]:
    known = engine_kinds()
    if ":" in kind:
        module, _, name = kind.partition(":")
    elif kind in known:
        module, name = f"{__name__}.{kind}", "SETTINGS"
    else:
        raise ValueError(
            f"no engine is called {kind!r}{did_you_mean(kind, known)}; engines are "
            f"{', '.join(known)}, one of your own is module:name"
        )
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"the engine {kind} cannot be imported: {error}") from error
    if not (isinstance(found, type) and issubclass(found, EngineSettings)):
        raise ValueError(f"{kind} is no class of engine settings")
    return found


EngineChoice = Annotated[SerializeAsAny[EngineSettings], BeforeValidator(_chosen)]
"""A field that takes the settings of any engine."""
