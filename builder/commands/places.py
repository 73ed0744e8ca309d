"""Arguments of commands that are a folder of this machine or one in a store."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import click

from dimsum.errors import UsageError
from dimsum.places import parse_place


class _Place(click.ParamType[Path]):
    """A path, or an address such as `s3://bucket/run`."""

    name = "path"

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> Path:
        """As in click."""
        return parse_place(value)


class _Here(click.ParamType[Path]):
    """A path of this machine alone."""

    name = "path"

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> Path:
        """As in click."""
        if "://" in str(value):
            raise UsageError(f"{value} is no folder of this machine", hint="give a path")
        return Path(value)


class Fetched(click.ParamType[str]):
    """A corpus by its name; one in a store is fetched here until the command ends.

    Args:
        stages: of a run that the command reads; None is all.
    """

    name = "text"

    def __init__(self, stages: Collection[str] | None = None) -> None:
        self.stages = stages

    def convert(self, value: Any, param: Any, ctx: click.Context | None) -> str:
        """As in click."""
        if "://" not in str(value) or ctx is None:
            return str(value)
        from builder.fetched import bring_here

        return ctx.with_resource(bring_here(value, self.stages))


PLACE = _Place()
HERE = _Here()
