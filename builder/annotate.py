"""A configuration as YAML in which every value is explained by its field's description."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from builder.config import PRESETS, BuildConfig, DomainConfig, load_config
from builder.domains import read_openings
from builder.errors import ConfigError
from dimsum.settings import did_you_mean


def annotate_preset(preset: str, domain: str, openings: Path | None) -> str:
    """The YAML of a preset, its domains replaced by one of the user's own if openings are given.

    Raises:
        ConfigError: an unknown preset, openings that no build could read, or a domain's name that
            cannot be used.
    """
    if preset not in PRESETS.names:
        raise ConfigError(
            f"no preset is called {preset!r}{did_you_mean(preset, PRESETS.names)}",
            hint=f"presets: {', '.join(PRESETS.names)}",
        )
    config = load_config(preset)
    if openings is not None:
        read_openings(openings)
        try:
            own = DomainConfig(name=domain, kind="file", file=openings.absolute())
        except ValueError as error:
            raise ConfigError(
                f"{domain!r} cannot be the name of a domain", hint="letters, digits, - and _ can"
            ) from error
        config = config.model_copy(update={"domains": (own,)})
    head = f"# A build of dimsum-plus, begun from the preset {preset}.\n"
    return head + "\n".join(_lines(config, BuildConfig, 0)) + "\n"


def _lines(value: BaseModel, model: type[BaseModel], depth: int) -> Iterator[str]:
    pad = "  " * depth
    for name, field in model.model_fields.items():
        item = getattr(value, name)
        comment = f"  # {field.description}" if field.description else ""
        if isinstance(item, BaseModel):
            note = (type(item).__doc__ or "").splitlines()[0]
            yield f"{pad}{name}:  # {note}"
            yield from _lines(item, type(item), depth + 1)
        elif isinstance(item, tuple) and item and isinstance(item[0], BaseModel):
            yield f"{pad}{name}:{comment}"
            for entry in item:
                first, *rest = _lines(entry, type(entry), depth + 2)
                yield f"{pad}  - {first.strip()}"
                yield from rest
        elif isinstance(item, dict):
            yield f"{pad}{name}:{comment}"
            yield from _mapping(item, depth + 1)
        else:
            yield f"{pad}{name}: {_scalar(item)}{comment}"


def _mapping(items: dict[str, Any], depth: int) -> Iterator[str]:
    """Rules and bounds: a task, its measures, their ends."""
    pad = "  " * depth
    for name, item in items.items():
        if isinstance(item, BaseModel):
            ends = item.model_dump(exclude_none=True)
            yield f"{pad}{name}: {{{', '.join(f'{k}: {v:g}' for k, v in ends.items())}}}"
        else:
            yield f"{pad}{name}:"
            yield from _mapping(item, depth + 1)


def _scalar(item: Any) -> str:
    if item is None:
        return "null"
    plain = list(item) if isinstance(item, tuple) else str(item) if isinstance(item, Path) else item
    text: str = yaml.safe_dump(plain, default_flow_style=True, allow_unicode=True, width=10_000)
    return text.removesuffix("\n").removesuffix("\n...")
