"""Numbers between 0 and 1 on the command line."""

from __future__ import annotations

from math import isnan
from typing import Any

import click


class Share(click.FloatRange):
    """A share; `nan`, which lies on neither side of any end, is none."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number.

        Raises:
            click.BadParameter: it is none, or beyond the ends.
        """
        found = float(super().convert(value, param, ctx))
        if isnan(found):
            self.fail(f"{value} is not a number", param, ctx)
        return found
