"""What the stages over a whole corpus cost, and how much of it their near-duplicates find.

    python scripts/bench/corpus.py cost --rows 100000 1000000 4000000 [--workers 2]
    python scripts/bench/corpus.py recall --rows 100000
    python scripts/bench/corpus.py peers --rows 100000
    python scripts/bench/corpus.py families --rows 4000000

cost    seconds, processor seconds and peak memory of each stage, and the exponent e with which
        processor seconds grow as rows ** e. Memory is that of all processes together, the driver's
        included, looked at five times a second; pages that they share count for each. Of up to
        `--planted` rows that are variants of another row, and alike to it at the threshold or
        above, it says how many still stand beside that row: recall at sizes without exact search.
recall  the pairs that an exact search finds (every pair with a Jaccard similarity of 0.8 or more:
        prefix filtering, `builder/near_duplicates/join.py`), and which of them still stand side by
        side in what is kept; and of those just above the threshold how many met under a key.
peers   the same question to datatrove and semhash where they are installed, with their times.
        datatrove compares MinHash signatures of words; semhash compares vectors, for which the
        mean of MiniLM's word vectors serves, as model2vec makes them, without its weights.
families the part of `edges` that grows faster than the corpus: of ten families that grow with it,
        and of one of 2,000 rows, how many pairs are compared and in which time, with the sketches
        that keep most sets apart and without.

The rows are those of `scripts/bench/made_pairs.py`, in shards of `--shard` rows.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import itertools

import numpy as np
import psutil
import pyarrow as pa

from builder.config import BuildConfig
from builder.near_duplicates import buckets
from builder.near_duplicates.join import find_near_pairs
from builder.near_duplicates.minhash import choose_bands, hash_bands, make_signatures
from builder.near_duplicates.shingles import make_sets
from builder.progress import Progress
from builder.stages.decisions import list_columns
from builder.stages.order import count_units
from builder.stages.shingles import as_table
from builder.statistics.words import Array, find_offsets, gather
from builder.store import Output, Run
from scripts.bench.made_pairs import REPEATED, TAILED, Maker
from scripts.bench.made_run import begin_run

STAGES = ("shingles", "edges", "clusters", "near_duplicates")
THRESHOLD = 0.8


def begin(folder: Path, rows: int, shard: int, workers: int, changes: Sequence[str]) -> Run:
    """A run that has come to its duplicates."""
    run = begin_run(folder, -(-rows // shard), workers, changes)
    config = load_config(run)
    starts = range(0, rows, shard)
    tasks = [(folder, n, start, min(rows, start + shard), config) for n, start in enumerate(starts)]
    with ProcessPoolExecutor(max(1, workers), get_context("spawn")) as pool:
        list(pool.map(_write, tasks))
    return run


def _write(task: tuple[Path, int, int, int, BuildConfig]) -> None:
    """A shard of pairs; columns that no stage here reads have numbers by chance."""
    folder, number, start, end, config = task
    maker, rng = Maker(), np.random.default_rng(number)
    wanted = list_columns(config)
    made = [maker.row(n) for n in range(start, end)]
    columns: dict[str, Any] = {}
    for field in wanted:
        if field.name in made[0]:
            columns[field.name] = pa.array([row[field.name] for row in made], field.type)
        elif pa.types.is_floating(field.type):
            columns[field.name] = pa.array(rng.random(len(made)), field.type)
        elif pa.types.is_boolean(field.type):
            columns[field.name] = pa.array(rng.random(len(made)) < 0.5)
        else:
            columns[field.name] = pa.array([f"{row['source']} And so on." for row in made])
    table = pa.table(columns, wanted)
    Run(folder).commit("duplicates", number, "given", Output(table, entered=len(made)), 0.0)


class Meter:
    """Processor seconds and memory of this process and those that it started."""

    def __init__(self) -> None:
        self.me = psutil.Process()
        self.peak = 0
        self.over = threading.Event()

    def tree(self) -> list[psutil.Process]:
        return [self.me, *self.me.children(recursive=True)]

    def look(self) -> tuple[float, int]:
        """(processor seconds, bytes) now."""
        seconds, size = 0.0, 0
        for process in self.tree():
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    seconds += times.user + times.system
                    size += process.memory_info().rss
            except psutil.Error:
                continue
        return seconds, size

    @contextmanager
    def running(self) -> Iterator[None]:
        self.peak = self.look()[1]
        self.over.clear()
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self.over.set()
            thread.join()

    def _watch(self) -> None:
        while not self.over.wait(0.2):
            self.peak = max(self.peak, self.look()[1])


def measure_cost(rows: int, args: argparse.Namespace) -> dict[str, Any]:
    """Seconds, processor seconds and peak memory of each stage."""
    meter = Meter()
    found: dict[str, Any] = {"rows": rows, "shard": args.shard, "workers": args.workers}
    with tempfile.TemporaryDirectory(dir=args.folder) as scratch:
        began = time.monotonic()
        run = begin(Path(scratch) / "run", rows, args.shard, args.workers, args.set)
        found["seconds_to_make_rows"] = time.monotonic() - began
        config = load_config(run)
        stages: dict[str, Any] = {}
        counters: dict[str, int] = {}
        with config.run.engine.start() as engine:
            for stage in STAGES:
                units = range(count_units(stage, config))
                began, used = time.monotonic(), meter.look()[0]
                with meter.running():
                    for made in engine.map(run.folder, stage, units, Progress(quiet=True)):
                        for name, count in made.record.counters.items():
                            counters[name] = counters.get(name, 0) + count
                    used = meter.look()[0] - used
                stages[stage] = {
                    "seconds": round(time.monotonic() - began, 1),
                    "processor_seconds": round(used, 1),
                    "peak_bytes": meter.peak,
                }
                print(f"{rows:>9,} {stage:<16} {stages[stage]}", file=sys.stderr, flush=True)
        disk = {
            stage: sum(p.stat().st_size for p in (run.folder / stage).iterdir())
            for stage in ("duplicates", *STAGES)
        }
        records = [run.sidecar("near_duplicates", n) for n in range(len(units))]
        kept = sum(record.kept for record in records if record)
        near = count_planted(rows, mark_kept(run, rows, args.shard), args.planted)
    return {
        **found,
        "stages": stages,
        "kept": kept,
        "planted": near,
        "counters": counters,
        "disk_bytes": disk,
        "seconds": sum(s["seconds"] for s in stages.values()),
        "processor_seconds": sum(s["processor_seconds"] for s in stages.values()),
        "peak_bytes": max(s["peak_bytes"] for s in stages.values()),
    }


def count_planted(rows: int, kept: Array, most: int) -> dict[str, Any]:
    """What is left of pairs whose similarity is known because they were made so.

    Args:
        kept: of each row whether it stays.
        most: variants that are looked at, drawn by chance.
    """
    maker, rng = Maker(), np.random.default_rng(0)
    pairs = []
    for number in rng.permutation(rows)[: 20 * most].tolist():
        base = maker._base(number)
        if base != number:
            pairs.append((base, number))
        if len(pairs) == most:
            break
    texts = [maker.row(number) for pair in pairs for number in pair]
    elements, lengths = make_sets(
        *([row[n] for row in texts] for n in ("task", "source", "target"))
    )
    sets = [frozenset(elements[a:b].tolist()) for a, b in itertools.pairwise(find_offsets(lengths))]
    sides = zip(sets[::2], sets[1::2], strict=True)
    alike = np.asarray([len(a & b) / len(a | b) for a, b in sides])
    both = np.asarray(pairs).T
    left = kept[both[0]] & kept[both[1]]
    near, edge = alike >= THRESHOLD, (alike >= THRESHOLD) & (alike < THRESHOLD + 0.02)
    return {
        "variants": len(pairs),
        "at_the_threshold": int(near.sum()),
        "of_them_left": int((near & left).sum()),
        "at_0.80_to_0.82": int(edge.sum()),
        "of_these_left": int((edge & left).sum()),
    }


def mark_kept(run: Run, rows: int, shard: int) -> Array:
    """Of each row whether it stays, bool."""
    kept = np.ones(rows, bool)
    goes = run.read("clusters", 0)
    kept[goes["shard"].to_numpy() * shard + goes["row"].to_numpy()] = False
    return kept


def load_config(run: Run) -> BuildConfig:
    """The configuration in a run's header."""
    return BuildConfig.model_validate(run.header()["config"])


def make_texts(rows: int) -> list[dict[str, Any]]:
    maker = Maker()
    return [maker.row(number) for number in range(rows)]


def find_exact(rows: Sequence[dict[str, Any]]) -> tuple[Array, Array, tuple[Array, Array], float]:
    """All pairs at the threshold or above, their similarities, sets, and seconds that it took."""
    began = time.process_time()
    elements, lengths = make_sets(*([row[n] for row in rows] for n in ("task", "source", "target")))
    pairs = find_near_pairs(elements, lengths, THRESHOLD)
    took = time.process_time() - began
    starts = find_offsets(lengths)
    sets = [frozenset(elements[a:b].tolist()) for a, b in itertools.pairwise(starts)]
    likeness = np.asarray([len(sets[a] & sets[b]) / len(sets[a] | sets[b]) for a, b in pairs.T])
    assert (likeness >= THRESHOLD - 1e-9).all()
    return pairs, likeness, (elements, lengths), took


def judge(pairs: Array, kept: Array) -> dict[str, Any]:
    """Of exact pairs those of which one went, and of rows that went those that had no such pair."""
    has_pair = np.zeros(len(kept), bool)
    has_pair[pairs.ravel()] = True
    parted = ~(kept[pairs[0]] & kept[pairs[1]])
    return {
        "recall": float(parted.mean()),
        "pairs_left": int((~parted).sum()),
        "rows_that_went": int((~kept).sum()),
        "of_them_without_a_pair": int((~kept & ~has_pair).sum()),
    }


def measure_recall(rows: int, args: argparse.Namespace) -> dict[str, Any]:
    """What the stages leave of the pairs that an exact search finds."""
    texts = make_texts(rows)
    pairs, likeness, sets, took = find_exact(texts)
    with tempfile.TemporaryDirectory(dir=args.folder) as scratch:
        run = begin(Path(scratch) / "run", rows, args.shard, 1, args.set)
        config = load_config(run)
        began = time.process_time()
        with config.run.engine.start() as engine:
            for stage in STAGES:
                units = range(count_units(stage, config))
                list(engine.map(run.folder, stage, units, Progress(quiet=True)))
        ours = time.process_time() - began
        kept = mark_kept(run, rows, args.shard)
    bands = choose_bands(THRESHOLD)
    met = hash_bands(make_signatures(*sets, bands.count * bands.rows), bands)
    meet = np.concatenate(
        [
            (met[part[0]] == met[part[1]]).any(axis=1)
            for part in np.array_split(pairs, max(1, pairs.shape[1] // 10_000), axis=1)
        ]
    )
    edge = likeness < THRESHOLD + 0.02
    return {
        "rows": rows,
        "exact_pairs": int(pairs.shape[1]),
        "exact_processor_seconds": round(took, 1),
        "ours_processor_seconds": round(ours, 1),
        **judge(pairs, kept),
        "bands": [bands.count, bands.rows],
        "pairs_at_0.80_to_0.82": int(edge.sum()),
        "of_them_met": float(meet[edge].mean()),
        "of_all_met": float(meet.mean()),
    }


def measure_peers(rows: int, args: argparse.Namespace) -> list[dict[str, Any]]:
    """What datatrove and semhash leave of the same pairs, where they are installed."""
    from scripts.bench.near_peers import by_datatrove, by_semhash

    made = make_texts(rows)
    texts = [f"{row['source']} {row['target']}" for row in made]
    pairs = find_exact(made)[0]
    bands = choose_bands(THRESHOLD)
    found = []
    for name, ask in {
        "datatrove": lambda: by_datatrove(texts, bands.count, bands.rows),
        "semhash": lambda: by_semhash(texts, args.cosine),
    }.items():
        if name not in args.only:
            continue
        try:
            kept, took, how = ask()
        except ImportError as error:
            print(f"{name} is not installed: {error}", file=sys.stderr)
            continue
        found.append({"how": how, "processor_seconds": round(took, 1), **judge(pairs, kept)})
        print(found[-1], file=sys.stderr, flush=True)
    return found


class OfFamilies(Maker):
    """Rows behind the first thousand that are variants of the rows they are told to be of."""

    def __init__(self, bases: Sequence[int]) -> None:
        super().__init__()
        self.bases = bases

    def _base(self, number: int) -> int:
        return number if number < 1000 else self.bases[number - 1000]


def measure_families(rows: int, args: argparse.Namespace) -> list[dict[str, Any]]:
    """Pairs that are compared within large families, and processor seconds, by turns."""
    each = round(rows * (1 - TAILED) / REPEATED)
    maker = OfFamilies([*(family for family in range(10) for _ in range(each)), *[100] * 2000])
    made = [maker.row(1000 + number) for number in range(len(maker.bases))]
    elements, lengths = make_sets(*([row[n] for row in made] for n in ("task", "source", "target")))
    bands = choose_bands(THRESHOLD)
    keys = hash_bands(make_signatures(elements, lengths, bands.count * bands.rows), bands)
    digests, starts = as_table(elements, lengths)["digest"].to_numpy(), find_offsets(lengths)
    owners = np.repeat(np.arange(len(made)), bands.count)

    def sets(numbers: Array) -> tuple[Array, Array]:
        tokens, sizes = gather(elements, starts, numbers)
        return tokens, find_offsets(sizes)

    sketched, compared = buckets.may_be_alike, 0

    def count(sketch: Array, sizes: Array, a: Array, b: Array, threshold: float) -> Array:
        nonlocal compared
        open_ = sketched(sketch, sizes, a, b, threshold) if with_sketches else np.ones(len(a), bool)
        compared += int(open_.sum())
        return open_

    buckets.may_be_alike = count
    found = []
    for with_sketches in (False, True, False, True):
        compared, began = 0, time.process_time()
        edges = buckets.find_bucket_edges(
            keys.ravel(), owners, lambda of: digests[of], sets, THRESHOLD, 1000
        )
        found.append(
            {
                "rows": len(made),
                "sketches": with_sketches,
                "compared": compared,
                "processor_seconds": round(time.process_time() - began, 2),
                "edges": len(edges.first),
            }
        )
    buckets.may_be_alike = sketched
    return found


def measure_growth(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The exponent of growth from each size to the next."""
    return [
        {
            "rows": [small["rows"], large["rows"]],
            "exponent": round(
                math.log(large["processor_seconds"] / small["processor_seconds"])
                / math.log(large["rows"] / small["rows"]),
                3,
            ),
        }
        for small, large in itertools.pairwise(found)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("what", choices=("cost", "recall", "peers", "families"))
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000])
    parser.add_argument("--shard", type=int, default=10_000, help="rows in a shard")
    parser.add_argument("--workers", type=int, default=2, help="of cost; 1 is this process")
    parser.add_argument("--set", action="append", default=[], help="as `dimsum build` has it")
    parser.add_argument("--planted", type=int, default=20_000, help="variants looked at by cost")
    parser.add_argument("--cosine", type=float, default=0.9, help="threshold of semhash")
    parser.add_argument("--only", nargs="+", default=["datatrove", "semhash"], help="peers")
    parser.add_argument("--folder", help="where scratch files go")
    args = parser.parse_args()
    if args.what == "cost":
        found = [measure_cost(rows, args) for rows in args.rows]
        result: Any = {"cost": found, "growth": measure_growth(found)}
    else:
        ask = {"recall": measure_recall, "peers": measure_peers, "families": measure_families}[
            args.what
        ]
        result = [ask(rows, args) for rows in args.rows]
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
