"""Numbers with their signatures, read from whatever list of them a corpus carries.

A record is a mapping with a name and a value; `interval`, `signature`, `group` and `references`
are shown where they are there, whatever else the document holds. Of a document about several
`corpora` the first is the one reported on and the others stand beside it, and so do `published`
tables where a value of the corpus may be compared with theirs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from builder.report.model import Statistic

NAMES = ("name", "metric", "measure")
DASH = "–"
Key = tuple[str, str]
"""(measure, side)."""
MOST = 400


def statistics(document: Any) -> tuple[Statistic, ...]:
    """The records of a document, in its order; none where there is no list of them."""
    references: dict[Key, dict[str, str]] = {}
    if isinstance(document, dict) and isinstance(document.get("corpora"), list):
        first, *others = document["corpora"] or [None]
        for corpus in others:
            for record, _ in _records(corpus, ""):
                references.setdefault(_key(record), {})[_name(corpus)] = number(record["value"])
        own = [record for record, _ in _records(first, "")]
        for key, name, value in _list_published(document.get("published"), own):
            references.setdefault(key, {})[name] = value
        document = first
    found = [(_statistic(record, group), _key(record)) for record, group in _records(document, "")]
    return tuple(
        replace(one, references={**one.references, **references.get(key, {})}) for one, key in found
    )[:MOST]


def _key(record: dict[str, Any]) -> Key:
    return _name(record), str(record.get("side") or "")


def _list_published(tables: Any, records: list[dict[str, Any]]) -> Iterator[tuple[Key, str, str]]:
    """(record's key, corpus, value) of published values that ours may stand beside.

    A table gives our value under a measure's name where the definition is the same.
    """
    for table in tables if isinstance(tables, list) else ():
        ours = (table.get("ours") or [{}])[0]
        for record in records:
            name = _name(record)
            if ours.get(name) is None or ours[name] != record["value"]:
                continue
            for row in table.get("published") or ():
                if row.get(name) is not None:
                    yield _key(record), str(row.get("corpus", "published")), number(row[name])


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
