"""Corpora and readers for audits."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from builder.audit.draw import draw
from builder.audit.key import Key, Pair

Reader = Callable[[Pair], dict[str, bool]]
QUESTIONS = ("faithful", "fluent", "main_point", "valid")


def write_pairs(path: Path, n: int = 120, seed: int = 1) -> Path:
    """A JSONL of pairs whose sources say whether they are valid: 30% of summaries, 60% else."""
    rng = random.Random(seed)
    with path.open("w") as stream:
        for number in range(n):
            task = "paraphrase" if number % 6 == 0 else "summary"
            good = rng.random() < (0.6 if task == "paraphrase" else 0.3)
            row = {
                "source": f"Pair {number} is {'good' if good else 'bad'}, it says here.",
                "target": f"Pair {number} is so.",
                "task": task,
                "control": "paraphrase" if task == "paraphrase" else f"code-{number % 2}",
                "entail_forward": round(rng.random(), 3),
            }
            stream.write(json.dumps(row) + "\n")
    return path


def truth(pair: Pair) -> dict[str, bool]:
    """What a reader without fault answers."""
    if pair.right is not None:
        return pair.right
    return dict.fromkeys(QUESTIONS, "good" in pair.source)


def drawn(folder: Path, n: int = 60, **more: Any) -> tuple[Path, Key]:
    """An audit of such a file."""
    corpus = write_pairs(folder / "pairs.jsonl")
    return folder / "audit", draw(corpus, folder / "audit", n=n, **more)


def lines(audit: Path, reader: str) -> list[dict[str, Any]]:
    """The lines of a reader's sheet."""
    text = (audit / f"reader-{reader}.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def answered(audit: Path, key: Key, reader: str, says: Reader = truth) -> Path:
    """Fill in a sheet and return the file."""
    showings = {showing.item: showing for showing in key.sheets[reader]}
    rows = [{**row, **says(key.pair_of[showings[row["item"]].row])} for row in lines(audit, reader)]
    return write_lines(audit / f"answers-{reader}.jsonl", rows)
