"""`--where column=value`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from dimsum.errors import UsageError


def conditions(texts: Iterable[str]) -> dict[str, Any]:
    """Column to wanted value, read as YAML: `round=1` is a number, `task=summary` a text.

    Raises:
        UsageError: a text that is not of the form column=value.
    """
    found: dict[str, Any] = {}
    for text in texts:
        column, equals, value = text.partition("=")
        if not equals or not column:
            raise UsageError(f"--where {text!r} is not of the form column=value")
        try:
            found[column] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise UsageError(f"--where {text!r} cannot be read") from error
    return found
