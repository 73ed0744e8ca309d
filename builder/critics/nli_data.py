"""NLI examples: read from JSONL, mixed by source, cut into length-bucketed batches."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.errors import BuilderError

LABELS = ("entailment", "neutral", "contradiction")
ENTAILMENT = LABELS.index("entailment")


@dataclass(frozen=True, slots=True)
class NliExample:
    """One labelled pair; `label` indexes `LABELS`."""

    premise: str
    hypothesis: str
    label: int
    source: str = ""


def read_nli(path: Path) -> list[NliExample]:
    """Read a `.jsonl` or `.jsonl.gz` file with premise, hypothesis, label and optionally source.

    Raises:
        BuilderError: a missing file, a line that is not JSON, a missing field or an unknown label,
            with the line's number.
    """
    if not path.is_file():
        raise BuilderError(f"no NLI file at {path}", hint="give a .jsonl or .jsonl.gz file")
    opener = gzip.open if path.suffix == ".gz" else open
    examples: list[NliExample] = []
    with opener(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                examples.append(_parse(line, f"{path}:{number}"))
    if not examples:
        raise BuilderError(f"{path} holds no examples")
    return examples


def _parse(line: str, where: str) -> NliExample:
    try:
        row = json.loads(line)
        return NliExample(
            premise=str(row["premise"]),
            hypothesis=str(row["hypothesis"]),
            label=LABELS.index(row["label"]),
            source=str(row.get("source", "")),
        )
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise BuilderError(
            f"{where} is not an NLI example: {error}",
            hint=f"each line needs premise, hypothesis and label (one of {', '.join(LABELS)})",
        ) from error


def mix(
    examples: Sequence[NliExample],
    repeat: Mapping[str, int],
    limit: Mapping[str, int],
    seed: int,
) -> list[NliExample]:
    """Shuffle, keep at most `limit[source]` of a source, and repeat scarce sources.

    A key matches every source that starts with it, so `mnli` covers `mnli_train` and the like;
    the longest matching key wins.
    """
    order = random.Random(seed)
    shuffled = list(examples)
    order.shuffle(shuffled)
    taken: dict[str, int] = {}
    mixed: list[NliExample] = []
    for example in shuffled:
        cap = _longest_match(limit, example.source)
        if cap is not None:
            key, most = cap
            taken[key] = taken.get(key, 0) + 1
            if taken[key] > most:
                continue
        times = _longest_match(repeat, example.source)
        mixed.extend([example] * (times[1] if times else 1))
    order.shuffle(mixed)
    return mixed


def _longest_match(table: Mapping[str, int], source: str) -> tuple[str, int] | None:
    keys = [key for key in table if source.startswith(key)]
    return (best := max(keys, key=len), table[best]) if keys else None


def length_buckets(
    lengths: Sequence[int], batch_size: int, seed: int, window: int = 50
) -> Iterator[list[int]]:
    """Yield batches of indices, alike in length within a batch and random in order.

    Indices are taken `window` batches at a time, sorted by length inside the window, and the
    window's batches are shuffled: padding stays small and the order stays close to random.
    """
    order = random.Random(seed)
    span = batch_size * window
    for start in range(0, len(lengths), span):
        inside = sorted(range(start, min(start + span, len(lengths))), key=lengths.__getitem__)
        batches = [inside[i : i + batch_size] for i in range(0, len(inside), batch_size)]
        order.shuffle(batches)
        yield from batches
