"""A configuration as YAML in which every value is explained by its field's description."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from builder.config import PRESETS, BuildConfig, DomainConfig, load_config
from builder.domains import read_openings
from builder.errors import ConfigError
from dimsum.settings import suggest_word


def annotate_preset(
    preset: str | None, domain: str, openings: Path | None, tasks: Sequence[str] = ()
) -> str:
    """The YAML of a preset, its domains replaced by one of the user's own if openings are given.

    Args:
        preset: empty: the task's own where one task is named that has one, else `embedded`.
        tasks: that are built instead of the preset's, by name or as `module:name`; what the preset
            says of none of them is as their definitions say.

    Raises:
        ConfigError: an unknown preset, openings that no build could read, or a domain's name that
            cannot be used.
        UsageError: no such task, or tasks that cannot be built together.
    """
    if preset is None:
        preset = tasks[0] if len(tasks) == 1 and tasks[0] in PRESETS.names else "embedded"
    if preset not in PRESETS.names:
        raise ConfigError(
            f"no preset is called {preset!r}{suggest_word(preset, PRESETS.names)}",
            hint=f"presets: {', '.join(PRESETS.names)}",
        )
    config = load_config(preset, [f"tasks={json.dumps(list(tasks))}"] if tasks else [])
    if tasks and config.scores.prior is not None:
        built = {task.name for task in config.definitions}
        bounds = {name: one for name, one in config.scores.prior.tasks.items() if name in built}
        # A model that bounds none of the tasks chooses nothing.
        prior = config.scores.prior.model_copy(update={"tasks": bounds}) if bounds else None
        scores = config.scores.model_copy(update={"prior": prior})
        config = config.model_copy(update={"scores": scores})
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
    for task in config.definitions if tasks else ():
        head += f"# {task.name}: {task.meaning[:1].lower()}{task.meaning[1:]}.\n"
    lines = _write_lines(config, BuildConfig, 0, config.registry.meanings)
    return head + "\n".join(lines) + "\n"


def _write_lines(
    value: BaseModel, model: type[BaseModel], depth: int, meanings: Mapping[str, str]
) -> Iterator[str]:
    pad = "  " * depth
    for name, field in model.model_fields.items():
        item = getattr(value, name)
        comment = f"  # {field.description}" if field.description else ""
        if isinstance(item, BaseModel):
            note = (type(item).__doc__ or "").splitlines()[0]
            yield f"{pad}{name}:  # {note}"
            yield from _write_lines(item, type(item), depth + 1, meanings)
        elif isinstance(item, tuple) and item and isinstance(item[0], BaseModel):
            yield f"{pad}{name}:{comment}"
            for entry in item:
                first, *rest = _write_lines(entry, type(entry), depth + 2, meanings)
                yield f"{pad}  - {first.strip()}"
                yield from rest
        elif isinstance(item, dict) and item:
            yield f"{pad}{name}:{comment}"
            yield from _write_mapping(item, depth + 1, meanings)
        else:
            yield f"{pad}{name}: {_format_scalar(item)}{comment}"


def _write_mapping(items: dict[str, Any], depth: int, meanings: Mapping[str, str]) -> Iterator[str]:
    """Rules and bounds: a task, its measures with what they are, their ends."""
    pad = "  " * depth
    for name, item in items.items():
        if isinstance(item, BaseModel):
            ends = item.model_dump(exclude_none=True)
            comment = f"  # {meanings[name]}" if name in meanings else ""
            yield f"{pad}{name}: {{{', '.join(f'{k}: {v:g}' for k, v in ends.items())}}}{comment}"
        else:
            yield f"{pad}{name}:"
            yield from _write_mapping(item, depth + 1, meanings)


def _format_scalar(item: Any) -> str:
    if item is None:
        return "null"
    plain = list(item) if isinstance(item, tuple) else str(item) if isinstance(item, Path) else item
    text: str = yaml.safe_dump(plain, default_flow_style=True, allow_unicode=True, width=10_000)
    return text.removesuffix("\n").removesuffix("\n...")
