"""Numbers with their signatures: of a release's `statistics.json`, or of `dimsum stats --json`.

Of a document about several `corpora` the first is the one reported on and the others stand beside
it, and so do `published` tables where a value of the corpus may be compared with theirs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from builder.report.model import Statistic

DASH = "–"
Key = tuple[str, str]
"""(measure, side)."""
MOST = 400


def list_statistics(document: Any) -> tuple[Statistic, ...]:
    """The measures of the corpus, then those of each task; none where the document has none."""
    if not isinstance(document, Mapping):
        return ()
    first, *others = document.get("corpora") or [document.get("corpus") or {}]
    own = first.get("measures", [])
    references: dict[Key, dict[str, str]] = {}
    for corpus in others:
        for record in corpus["measures"]:
            references.setdefault(_make_key(record), {})[corpus["name"]] = format_number(
                record["value"]
            )
    for key, name, value in _list_published(document.get("published", []), own):
        references.setdefault(key, {})[name] = value
    found = [
        _make_statistic(record, record["group"], references.get(_make_key(record), {}))
        for record in own
    ]
    for task, corpus in document.get("tasks", {}).items():
        found += [_make_statistic(one, f"{task}: {one['group']}", {}) for one in corpus["measures"]]
    return tuple(found[:MOST])


def _make_key(record: Mapping[str, Any]) -> Key:
    return record["measure"], record["side"]


def _list_published(
    tables: list[dict[str, Any]], records: list[dict[str, Any]]
) -> Iterator[tuple[Key, str, str]]:
    """(record's key, corpus, value) of published values that ours may stand beside.

    A table gives our value under a measure's name where the definition is the same.
    """
    for table in tables:
        for record in records:
            name = record["measure"]
            ours = table["ours"][0].get(name)
            if ours is None or ours != record["value"]:
                continue
            for row in table["published"]:
                if row.get(name) is not None:
                    yield _make_key(record), row["corpus"], format_number(row[name])


def _make_statistic(record: Mapping[str, Any], group: str, references: dict[str, str]) -> Statistic:
    low, high = record["low"], record["high"]
    return Statistic(
        name=f"{record['measure']}, {record['side']}",
        group=group,
        value=format_number(record["value"]),
        interval=""
        if low is None or high is None
        else f"{format_number(low)} to {format_number(high)}",
        signature=record["signature"],
        references=references,
    )


def format_number(value: Any) -> str:
    """A number as a reader writes it; a dash for none."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else DASH if value is None else str(value)
