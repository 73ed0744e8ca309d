"""Ordered pairs a second: the stage of pairs against measuring one pair after another.

    python scripts/bench/pairs.py --candidates 100 --contexts 20 --rounds 3
    python scripts/bench/pairs.py --run runs/quickstart --workers 2
    python scripts/bench/pairs.py --memory 2000

Sentences are made up of few words, so that they share words as candidates of one context do. Both
ways read the same candidates, in turns, and must keep the same rows for the same reasons. Where a
preset has an encoder, the embeddings are made before and are nobody's time. Bounds on measures
that came after the one-by-one way are measured there by the registry, one pair at a time.
`--run` takes the sentences of a run, regrouped to contexts of the size asked for; `--workers`
makes as many shards side by side, each in a process, as the engine of processes does.
`--memory` runs a shard of so many contexts and prints the largest memory of the process.
"""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import groupby, pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pyarrow as pa

from builder.config import BuildConfig, load_config
from builder.critics.agreement import find_names, find_numbers, list_words, measure_found
from builder.measures.base import Batch, Sentences
from builder.pool import ModelPool
from builder.stages import pairs
from builder.stages.base import Work
from builder.store import REJECTS, read_table, write_table
from dimsum.metrics.overlap import compression, density, find_fragments, rouge_l
from dimsum.metrics.words import split_words

COMMON = [
    "a",
    "the",
    "of",
    "in",
    "on",
    "and",
    "said",
    "that",
    "officials",
    "people",
    "city",
    "court",
    "police",
    "station",
    "new",
]
BY_HAND = ("compression", "rouge_l", "numbers", "names")
"""Measures that `measure_one_by_one` takes without the registry."""
NAMES = ["Anna", "Paris", "Monday", "Reuters", "London", "Smith", "European", "Union"]
NUMBERS = ["two", "12", "2019", "3.5", "first", "million", "40"]


def make_candidates(contexts: int, each: int) -> pa.Table:
    """Made-up candidates: sentences of 8 to 28 words, out of a small vocabulary a context."""
    rng = random.Random(0)
    columns: dict[str, list[str]] = {
        name: [] for name in ("context_id", "continuation_id", "domain", "context", "sentence")
    }
    for number in range(contexts):
        own = [
            f"{rng.choice('bcdfgl')}{rng.choice('aeiou')}{rng.randrange(99)}x" for _ in range(20)
        ]
        words = [*COMMON, *own, *rng.sample(NAMES, 2), rng.choice(NUMBERS)]
        for _ in range(each):
            text = " ".join(rng.choices(words, k=rng.randint(8, 28)))
            row = (f"n-{number}", f"n-{number // 3}", "news", "x" * 300 + str(number), f"{text}.")
            for name, value in zip(columns, row, strict=True):
                columns[name].append(value)
    return pa.table({**columns, "method": ["parallel"] * (contexts * each)})


class Embedded:
    """The models of a run whose only one is an encoder that has read all texts before."""

    def __init__(self, vectors: dict[str, Any]) -> None:
        self.vectors = vectors

    def encoder(self) -> Embedded | None:
        return self if self.vectors else None

    def encode(self, texts: list[str]) -> Any:
        return np.stack([self.vectors[text] for text in texts])


def embed(config: BuildConfig, table: pa.Table) -> Embedded:
    """Embeddings of all sentences, and of all contexts where these are sources too."""
    encoder = ModelPool(config, {}).encoder()
    columns = ["sentence", *(["context"] if pairs.takes_contexts(config) else [])]
    texts = list({text for name in columns for text in table[name].to_pylist()})
    if encoder is None or not texts:
        return Embedded({})
    return Embedded(dict(zip(texts, encoder.encode(texts), strict=True)))


def measure_others(config: BuildConfig, texts: list[str], models: Embedded) -> Callable[..., Any]:
    """What the bounds name beside what `measure_one_by_one` knows, of one pair at a time."""
    sentences = Sentences(texts, models.encode(texts) if models.vectors else None)
    bounded = {measure for rules in config.pairs.bounds.values() for measure in rules}
    found = {config.registry.of(column).name: config.registry.of(column) for column in bounded}
    others = [m for name, m in found.items() if name not in BY_HAND]

    def measure(i: int, j: int) -> dict[str, float]:
        batch = Batch(sentences, np.array([i]), np.array([j]))
        return {name: float(v[0]) for m in others for name, v in m.of(batch).items()}

    return measure


def measure_one_by_one(
    config: BuildConfig, table: pa.Table, models: Embedded
) -> tuple[list[Any], Counter[str]]:
    """Every pair as a dictionary of its own: how the stage worked before it had columns."""
    bounds = config.pairs.bounds
    kept, reasons = [], Counter[str]()
    pairs_of = pairs.pair_all
    if pairs.takes_contexts(config):
        table, pairs_of = pairs.add_contexts(table), pairs.pair_context
    for _, group in groupby(table.to_pylist(), key=lambda row: row["context_id"]):
        texts = [row["sentence"] for row in group]
        others = measure_others(config, texts, models)
        made = [(split_words(t), find_numbers(t), find_names(t), list_words(t)) for t in texts]
        shared = {
            (i, j): rouge_l(made[i][0], made[j][0])
            for i in range(len(texts))
            for j in range(i + 1, len(texts))
        }
        for i, j in zip(*(side.tolist() for side in pairs_of(len(texts))), strict=True):
            a, b = made[i], made[j]
            values = {
                "compression": compression(texts[i], texts[j]),
                "rouge_l": shared[min(i, j), max(i, j)],
                "numbers_forward": measure_found(b[1], a[1]),
                "numbers_backward": measure_found(a[1], b[1]),
                "names_forward": measure_found(b[2], a[3]),
                "names_backward": measure_found(a[2], b[3]),
                **others(i, j),
            }
            failed = {
                task: [m for m, bound in rules.items() if not bound.holds(values[m])]
                for task, rules in bounds.items()
            }
            if all(failed.values()):
                closest = min(failed, key=lambda task: len(failed[task]))
                reasons[f"{closest}.{failed[closest][0]}"] += 1
            else:
                values["density"] = density(find_fragments(a[0], b[0]), texts[j])
                kept.append({"source": texts[i], "target": texts[j], **values})
    return kept, reasons


def measure_in_columns(config: BuildConfig, table: pa.Table, models: Any) -> Any:
    """The stage as it is."""
    return pairs.make(Work(config, 0, 0, {"candidates": table}, models))


def regroup(run: Path, each: int) -> pa.Table:
    """The candidates of a run, as contexts of `each` sentences; what is left over is dropped."""
    files = sorted((run / "candidates").glob("[0-9]*[0-9].parquet"))
    table = pa.concat_tables([read_table(file) for file in files])
    table = table.slice(0, table.num_rows // each * each)
    numbered = pa.array([f"n-{row // each}" for row in range(table.num_rows)])
    return table.set_column(table.schema.get_field_index("context_id"), "context_id", numbered)


def compare(config: BuildConfig, table: pa.Table, rounds: int) -> None:
    """Both ways in turns on the same candidates; medians, and the ratio of each round."""
    models = embed(config, table)
    spent: dict[str, list[float]] = {"one by one": [], "in columns": []}
    find_numbers("two")  # the library's imports are nobody's time
    for _ in range(rounds):
        for way, measure in (
            ("one by one", measure_one_by_one),
            ("in columns", measure_in_columns),
        ):
            for cached in (find_numbers, find_names):
                cached.cache_clear()
            began = time.perf_counter()
            found = measure(config, table, models)
            spent[way].append(time.perf_counter() - began)
            if way == "one by one":
                kept, reasons = found
        assert found.rejected == dict(reasons)
        rows = found.table.select(["source", "target"]).to_pylist()
        assert rows == [{"source": r["source"], "target": r["target"]} for r in kept]
    count = found.entered
    for way, seconds in spent.items():
        print(f"{way}: {count / statistics.median(seconds):,.0f} ordered pairs/s ({count:,} pairs)")
    ratios = [a / b for a, b in zip(*spent.values(), strict=True)]
    print(f"ratio: {statistics.median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})")
    print(f"kept {found.table.num_rows:,}, rejected {sum(found.rejected.values()):,}, alike")


def measure_side_by_side(
    config: BuildConfig, table: pa.Table, each: int, rounds: int, workers: int
) -> None:
    """A shard for each worker, at the same time; the median of all rounds."""
    contexts = table.num_rows // each
    edges = [contexts * n // workers * each for n in range(workers + 1)]
    parts = [table.slice(a, b - a) for a, b in pairwise(edges)]
    asked = [config] * workers, parts, [embed(config, table)] * workers
    seconds = []
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        entered = sum(pool.map(count_pairs, *asked))  # imports are nobody's time
        for _ in range(rounds):
            began = time.perf_counter()
            list(pool.map(count_pairs, *asked))
            seconds.append(time.perf_counter() - began)
    rate = entered / statistics.median(seconds)
    print(f"in columns, {workers} workers: {rate:,.0f} ordered pairs/s")


def count_pairs(config: BuildConfig, table: pa.Table, models: Embedded) -> int:
    """How many pairs there are; nothing is remembered from an earlier round."""
    find_numbers.cache_clear()
    find_names.cache_clear()
    return int(measure_in_columns(config, table, models).entered)


def measure_memory(config: BuildConfig, contexts: int, each: int) -> None:
    """A whole shard, written as a build writes it."""
    began = time.perf_counter()
    output = measure_in_columns(config, make_candidates(contexts, each), ModelPool(config, {}))
    made = time.perf_counter() - began
    with tempfile.TemporaryDirectory() as folder:
        for name, table in (("pairs", output.table), ("rejects", output.extra[REJECTS])):
            path = Path(folder) / f"{name}.parquet"
            write_table(path, table)
            print(f"{name}: {table.num_rows:,} rows, {path.stat().st_size / 1e6:,.0f} MB")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{output.entered:,} ordered pairs in {made:.0f} s, largest memory {peak:.2f} GB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="news")
    parser.add_argument("--candidates", type=int, default=100)
    parser.add_argument("--contexts", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--run", type=Path, help="whose sentences are taken")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--memory", type=int, metavar="CONTEXTS", help="a shard of so many")
    asked = parser.parse_args()
    config = load_config(asked.preset)
    if asked.memory:
        measure_memory(config, asked.memory, asked.candidates)
    else:
        each = asked.candidates
        table = regroup(asked.run, each) if asked.run else make_candidates(asked.contexts, each)
        compare(config, table, asked.rounds)
        if asked.workers:
            measure_side_by_side(config, table, each, asked.rounds, asked.workers)


if __name__ == "__main__":
    main()
