"""Numbers with their signatures, read from whatever list of them a corpus carries.

A record is a mapping with a name and a value; `interval`, `signature`, `group` and `references`
are shown where they are there, whatever else the document holds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from builder.report.model import Statistic

NAMES = ("name", "metric", "measure")
DASH = "–"
MOST = 400


def statistics(document: Any) -> tuple[Statistic, ...]:
    """The records of a document, in its order; none where there is no list of them."""
    return tuple(_statistic(record, group) for record, group in _records(document, ""))[:MOST]


def _records(node: Any, group: str) -> Iterator[tuple[dict[str, Any], str]]:
    if isinstance(node, list):
        for item in node:
            if isinstance(item, dict) and _name(item) and "value" in item:
                yield item, group
            else:
                yield from _records(item, group)
    elif isinstance(node, dict):
        for key, item in node.items():
            if isinstance(item, list | dict):
                yield from _records(item, group if key in GENERIC else str(key))


GENERIC = frozenset({"measures", "metrics", "statistics", "records", "values", "rows"})


def _name(record: dict[str, Any]) -> str:
    return next((str(record[key]) for key in NAMES if record.get(key)), "")


def _statistic(record: dict[str, Any], group: str) -> Statistic:
    known = record.get("references")
    references = known if isinstance(known, dict) else {}
    return Statistic(
        name=", ".join(filter(None, (_name(record), str(record.get("side") or "")))),
        group=str(record.get("group") or record.get("config") or group),
        value=number(record["value"]),
        interval=_interval(record),
        signature=_words(record.get("signature") or record.get("definition") or ""),
        references={
            str(key): number(value.get("value") if isinstance(value, dict) else value)
            for key, value in references.items()
        },
    )


def number(value: Any) -> str:
    """A number as a reader writes it; a dash for what is none or not finite."""
    if isinstance(value, bool) or value is None:
        return DASH
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        if not math.isfinite(value):
            return DASH
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return str(value)


def _interval(record: dict[str, Any]) -> str:
    ends = record.get("interval")
    if isinstance(ends, dict):
        ends = [ends.get("low"), ends.get("high")]
    if ends is None:
        ends = [record.get("low"), record.get("high")]
    if not isinstance(ends, list) or len(ends) != 2:
        return ""
    low, high = map(number, ends)
    return "" if DASH in (low, high) else f"{low} to {high}"


def _words(signature: Any) -> str:
    if isinstance(signature, dict):
        return ", ".join(f"{key}: {_words(value)}" for key, value in signature.items())
    if isinstance(signature, list):
        return ", ".join(map(_words, signature))
    return str(signature)
