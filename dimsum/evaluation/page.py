"""Evaluations as one page that needs no network: a table, plots, and outputs side by side.

Whatever comes from the data is escaped by the template, and no script runs on the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from importlib import resources
from typing import Any

import jinja2
from markupsafe import Markup, escape

METRICS = ("rougeL", "bertscore", "bert_ibleu", "entailment", "compression")
"""Of the table and the plots, where a set has them."""
SHOWN = 50
"""Examples of each set whose outputs are shown."""


def render(
    documents: Mapping[str, Mapping[str, Any]],
    outputs: Mapping[str, Sequence[Mapping[str, Any]]],
) -> str:
    """The page.

    Args:
        documents: of `dimsum.evaluation.evaluate`, by the name of the set.
        outputs: source, references and outputs by system of each example, by the name of the set.
    """
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    text = resources.files("dimsum.evaluation").joinpath("page/suite.html.j2").read_text("utf-8")
    sets = [
        {
            "name": name,
            "document": document,
            "metrics": [metric for metric in METRICS if metric in document["signatures"]],
            "plots": _make_plots(document),
            "codes": _describe_codes(document),
            "rows": [_make_row(row) for row in outputs[name][:SHOWN]],
            "total": len(outputs[name]),
        }
        for name, document in documents.items()
    ]
    return environment.from_string(text).render(sets=sets)


def _make_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "source": row["source"],
        "references": row["references"],
        "outputs": {name: mark_words(row["source"], text) for name, text in row["outputs"].items()},
    }


def mark_words(source: str, output: str) -> Markup:
    """An output with words that its source has not in `<ins>`, and those left out in `<del>`."""
    before, after = source.split(), output.split()
    parts: list[Markup] = []
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        kept, gone = " ".join(after[j1:j2]), " ".join(before[i1:i2])
        if kind == "equal":
            parts.append(escape(kept))
            continue
        if gone:
            parts.append(Markup("<del>{}</del>").format(gone))
        if kept:
            parts.append(Markup("<ins>{}</ins>").format(kept))
    return Markup(" ").join(parts)


WIDTH, LINE, LEFT = 640, 18, 250
"""Of a plot, in pixels: all of it, the height of a system, the room for names."""


def _make_plots(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A metric each: a dot with its interval for every system."""
    found = []
    for metric in METRICS:
        if metric not in document["signatures"]:
            continue
        cells = {name: one["metrics"][metric] for name, one in document["systems"].items()}
        low = min(min(0.0, cell["low"]) for cell in cells.values())
        high = max(cell["high"] for cell in cells.values()) or 1.0
        scale = (WIDTH - LEFT - 60) / ((high - low) or 1.0)
        lines = [
            {
                "name": name,
                "y": index * LINE + 12,
                "low": LEFT + (cell["low"] - low) * scale,
                "high": LEFT + (cell["high"] - low) * scale,
                "value": LEFT + (cell["value"] - low) * scale,
                "text": f"{cell['value']:.2f}",
            }
            for index, (name, cell) in enumerate(cells.items())
        ]
        found.append({"metric": metric, "lines": lines, "height": len(lines) * LINE + 6})
    return found


def _describe_codes(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """How well each student obeys each code, as shares; a share that nothing asks for is None."""
    return [
        {"system": name, "code": code, "shares": shares}
        for name, one in document["control"].items()
        for code, shares in one["by_code"].items()
    ]
