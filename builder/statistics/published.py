"""Values of the papers' tables, and which of ours may stand beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("published.yaml")


@cache
def load_tables() -> tuple[dict[str, Any], ...]:
    """The tables as they are shipped: source, measures with their conditions, rows."""
    import yaml

    return tuple(yaml.safe_load(FILE.read_text(encoding="utf-8")))


def match_published(corpora: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each published table with our values where the definition matches.

    Args:
        corpora: of a study's document.

    Returns:
        For each table its source, the names of its columns, the published rows, our rows with
        None where a value does not match, cautions on those that do, and why others do not.
    """
    found = []
    for table in load_tables():
        matching: dict[str, bool] = {}
        ours = []
        for corpus in corpora:
            row: dict[str, Any] = {"corpus": corpus["name"], "pairs": corpus["rows"]}
            for name, rule in table["measures"].items():
                value = _find_value(corpus, name, rule)
                row[name] = value
                matching[name] = matching.get(name, False) or value is not None
            ours.append(row)
        rules = table["measures"]
        found.append(
            {
                "source": table["source"],
                "task": table["task"],
                "citation": table["citation"],
                "columns": {name: rule["name"] for name, rule in rules.items()},
                "published": table["rows"],
                "ours": ours,
                "cautions": {
                    name: rules[name]["caution"]
                    for name in rules
                    if matching.get(name) and "caution" in rules[name]
                },
                "not_compared": {
                    name: rules[name].get("why_not", "not measured")
                    for name in rules
                    if not matching.get(name)
                },
            }
        )
    return found


def _find_value(corpus: Mapping[str, Any], name: str, rule: Mapping[str, Any]) -> float | None:
    condition = rule["condition"]
    if condition.get("never"):
        return None
    for measured in corpus["measures"]:
        if (measured["measure"], measured["side"]) == (name, rule["side"]):
            signature = measured["signature"].lower()
            if condition.get("signature", "") in signature:
                value: float | None = measured["value"]
                return value
    return None
