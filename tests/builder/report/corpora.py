"""Released folders written by hand, for reports to read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from builder.measures.registry import load_registry
from dimsum.metrics.overlap import compression, rouge_l
from dimsum.metrics.words import split_words

HOSTILE = (
    "</script><script>window.hacked = 1</script>",
    '<img src=x onerror="window.hacked = 2">',
    "'\"><svg/onload=window.hacked=3>",
    "{{ 7 * 7 }} ${7 * 7} <!-- --> ]]> &amp;",
    "A 👩‍👩‍👧‍👦 family of 🧑🏽‍🚀 and a flag 🇳🇱.",
    "هذه جملة عربية قصيرة. \u202eevil\u202d reversed",
    "זה משפט בעברית with English inside.",
    "\x00\x07\x1b[31mred\ufffe and a lone \u2028 separator",
    "$\\frac{1}{2}$ and $unclosed math",
    "word" * 250_000,
    "many words " * 90_000,
    "",
)


def row(number: int, source: str, target: str, **more: Any) -> dict[str, Any]:
    """A released row; measures that need no model are the true ones."""
    task = "paraphrase" if number % 2 else "summary"
    return {
        "id": f"{number:016x}",
        "source": source,
        "target": target,
        "task": task,
        "control": "paraphrase" if task == "paraphrase" else "short-abstractive",
        "domain": "news",
        "method": "parallel",
        "round": 0,
        "context": "A context.",
        "entail_forward": 0.95,
        "entail_backward": 0.5,
        "rouge_l": rouge_l(split_words(source)[:50], split_words(target)[:50]),
        "compression": compression(source, target),
        "density": 1.0,
        "context_id": f"news-00000-000-000-{1 + number % 3}",
        "teacher": "toy",
        **more,
    }


def write_release(folder: Path, rows: list[dict[str, Any]], statistics: Any = None) -> Path:
    """A released folder with these rows in train and nothing else but statistics."""
    for task in ("paraphrase", "summary"):
        some = [one for one in rows if one["task"] == task]
        path = folder / f"data/{task}/train-00000-of-00001.parquet"
        path.parent.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(some, schema=load_registry().schema()), path)
    if statistics is not None:
        (folder / "provenance").mkdir()
        (folder / "provenance/statistics.json").write_text(json.dumps(statistics))
    return folder


def hostile_rows() -> list[dict[str, Any]]:
    """Every hostile text as a source, a target, and a domain."""
    rows = []
    for number, text in enumerate(HOSTILE):
        domain = text[:200] or "news"
        rows.append(row(2 * number, text, "A plain target.", domain=domain))
        rows.append(row(2 * number + 1, "A plain source.", text, control=domain))
    return rows
