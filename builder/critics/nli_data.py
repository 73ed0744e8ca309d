"""NLI examples: read from data files, mixed by source, cut into length-bucketed batches."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dimsum.data.dataset import read_rows
from dimsum.data.values import Reading, check_columns, format_value, is_blank
from dimsum.errors import UsageError

LABELS = ("entailment", "neutral", "contradiction")
COLUMNS = ("premise", "hypothesis", "label")
UNLABELLED = "-"
"""What SNLI writes where its annotators did not agree."""
ENTAILMENT = LABELS.index("entailment")


@dataclass(frozen=True, slots=True)
class NliExample:
    """One labelled pair; `label` indexes `LABELS`."""

    premise: str
    hypothesis: str
    label: int
    source: str = ""


def read_nli(
    data: Path, reading: Reading | None = None, split: str | None = None
) -> list[NliExample]:
    """Read data files with premise, hypothesis, label and optionally source.

    A row without a label (null, `-`), a premise or a hypothesis, or with one that shows nothing, is
    dropped and counted.

    Args:
        data: a file, a folder or a Hub id.
        split: of them; None for all.
        reading: where rows and those that were dropped are counted.

    Raises:
        UsageError: a file that cannot be read, a column that is not there, a label of another
            word or kind, with its line, or train is asked of data that is held out.
    """
    counted = reading if reading is not None else Reading()
    known = counted.rows
    examples: list[NliExample] = []
    for row in read_rows(str(data), split, None, counted):
        if counted.rows == known:
            check_columns(row, COLUMNS, str(data), "")
        position = counted.read(row)
        premise = counted.text(row, "premise", position)
        hypothesis = counted.text(row, "hypothesis", position) if premise is not None else None
        label = row.get("label")
        if premise is None or hypothesis is None:
            continue
        if is_blank(premise) or is_blank(hypothesis):
            counted.drop("empty", position)
            continue
        if label in (None, UNLABELLED):
            counted.drop("no_label", f"{position}, column 'label'")
            continue
        if not isinstance(label, str) or label not in LABELS:
            raise UsageError(
                f"{data}, {position}, column 'label': {label!r} is no label",
                hint=f"labels are the words {', '.join(LABELS)}; {UNLABELLED} or null for none",
            )
        source = format_value(row.get("source") or "")
        examples.append(NliExample(premise, hypothesis, LABELS.index(label), source))
    if not examples:
        raise counted.nothing(str(data), "example")
    return examples


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
        cap = _find_longest_match(limit, example.source)
        if cap is not None:
            key, most = cap
            taken[key] = taken.get(key, 0) + 1
            if taken[key] > most:
                continue
        times = _find_longest_match(repeat, example.source)
        mixed.extend([example] * (times[1] if times else 1))
    order.shuffle(mixed)
    return mixed


def _find_longest_match(table: Mapping[str, int], source: str) -> tuple[str, int] | None:
    keys = [key for key in table if source.startswith(key)]
    return (best := max(keys, key=len), table[best]) if keys else None


def draw_length_buckets(
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
