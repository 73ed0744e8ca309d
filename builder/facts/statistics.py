"""Numbers of a release that its card shows, beside those that papers print."""

from __future__ import annotations

from typing import Any

from builder.statistics.definitions import DEFINITIONS
from builder.statistics.published import load_tables, match_published
from cards.facts import ReferenceCorpus, StatisticsRow
from dimsum import __version__

CARD_MEASURES = (
    ("msttr_1000", "target"),
    ("jaccard", "pair"),
    ("h2", "target"),
    ("h3", "target"),
    ("distinct_2", "target"),
    ("self_bleu", "target"),
)
"""(measure, side) of the study that a card shows; provenance/statistics.json has all of them."""


def describe_statistics(statistics: dict[str, Any]) -> list[StatisticsRow]:
    """Measures of each task beside the values that papers print, then the means of each task."""
    found = []
    for task, document in statistics["tasks"].items():
        published = _match_published(document, task)
        values = {(m["measure"], m["side"]): m for m in document["measures"]}
        for name, side in CARD_MEASURES:
            if (name, side) in values:
                definition = DEFINITIONS[name]
                grows = "; grows with the corpus" if definition.grows else ""
                found.append(
                    StatisticsRow(
                        metric=f"{name} of {side}s",
                        config=task,
                        value=values[name, side]["value"],
                        signature=f"{definition.text} (tokens: {definition.tokens}){grows}",
                        references=published.get(name, {}),
                    )
                )
    means = [
        StatisticsRow(
            metric=f"mean {measure}",
            config=task,
            value=value,
            signature=f"mean of the column (dimsum-plus {__version__}, all splits)",
        )
        for task, values in statistics["means"].items()
        for measure, value in values.items()
    ]
    return found + means


def _match_published(document: dict[str, Any], task: str) -> dict[str, dict[str, float | None]]:
    """Measure -> corpus -> printed value, for the measures whose definition matches ours.

    Tables of another task would not compare.
    """
    found: dict[str, dict[str, float | None]] = {}
    for table in match_published([{**document, "name": ""}]):
        if table["task"] != task:
            continue
        for name in table["columns"]:
            if name not in table["not_compared"]:
                found[name] = {row["corpus"]: row[name] for row in table["published"]}
    return found


def list_reference_corpora() -> list[ReferenceCorpus]:
    """The corpora whose printed values stand beside ours."""
    return [
        ReferenceCorpus(
            name=row["corpus"], pairs=row["pairs"], source=f"values as printed in {table['source']}"
        )
        for table in load_tables()
        for row in table["rows"]
    ]
