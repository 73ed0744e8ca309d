"""Made-up corpora: sentences of a small language, with repeats and odd texts."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

SPEECH = (
    "the a of to in council road bridge mayor Friday said closed opened new old river school 42 "
    "3.5 people city workers strike plan vote money Paris London after before because report"
)
WORDS = SPEECH.split()
ODD = (
    {"source": "", "target": "x"},
    {"source": "The same.", "target": "The same."},
    {"source": "The road closed.", "target": ""},
    {"source": "مرحبا بالعالم", "target": "שלום עולם"},
    {"source": "🙂 🙃 🙂", "target": "🙂"},
    {"source": "İstanbul K ſtraße", "target": "istanbul k strasse"},
    {"source": "a\u0000b \ufffd", "target": "line\u2028two\nthree\r\nfour"},
    {"source": "これは文です。", "target": "Ceci n'est pas une phrase anglaise du tout."},
)


def sentence(rng: random.Random) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(3, 14))).capitalize() + "."


def made(rows: int, seed: int = 0) -> list[dict[str, Any]]:
    """Pairs that share words; every tenth repeats an earlier one, some with one word changed."""
    rng = random.Random(seed)
    found: list[dict[str, Any]] = []
    for number in range(rows):
        if number % 10 == 9:
            row = dict(rng.choice(found))
            if number % 20 == 19:
                row["target"] += " Really."
        else:
            source = sentence(rng)
            words = source.rstrip(".").split()
            kept = [w if rng.random() < 0.7 else rng.choice(WORDS) for w in words]
            row = {"source": source, "target": " ".join(kept[: rng.randint(1, len(kept))]) + "."}
        row["split"] = rng.choice(("train", "train", "validation", "test"))
        found.append(row)
    return found


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
