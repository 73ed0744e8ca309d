"""Settings files of this package: YAML mappings, presets by name, `a=b` overrides."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from dimsum.errors import UsageError


class Frozen(BaseModel):
    """Unknown keys are errors and values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Model = TypeVar("Model", bound=Frozen)


def read_mapping(source: str, presets: Iterable[str]) -> dict[str, Any]:
    """The mapping of a preset or of a YAML file.

    Raises:
        UsageError: no such file, or no mapping in it.
    """
    known = list(presets)
    if source in known:
        text = resources.files("dimsum").joinpath(f"presets/{source}.yaml").read_text("utf-8")
    else:
        path = Path(source)
        if not path.is_file():
            raise UsageError(
                f"no settings at {source}",
                hint=f"give a YAML file or a preset: {', '.join(known)}",
            )
        text = path.read_text(encoding="utf-8", errors="replace")
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"{source} is not valid YAML") from error
    if not isinstance(document, dict):
        raise UsageError(f"{source} is not a mapping of keys to values")
    return document


def checked(kind: type[Model], document: dict[str, Any], overrides: Iterable[str] = ()) -> Model:
    """A mapping with `a=b` overrides, as checked settings.

    Raises:
        UsageError: an unknown key (with the nearest known one) or a value that does not fit.
    """
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key:
            raise UsageError(f"--set {override!r} is not of the form a=b")
        try:
            document[key.strip()] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise UsageError(f"--set {override!r} does not fit") from error
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            near = difflib.get_close_matches(place, kind.model_fields, n=1, cutoff=0.5)
            more = f"; did you mean {near[0]!r}?" if near else ""
            raise UsageError(f"unknown key {place}{more}") from error
        text = str(first["ctx"]["error"]) if first["type"] == "value_error" else first["msg"]
        raise UsageError(f"{place}: {text}" if place else text) from error
