"""Memory and time of the statistics of a release behind their pass over the rows, by the rows.

    python scripts/bench/frames.py --rows 100000 1000000 10000000 [--folder DIR]

The pass itself holds a piece of 8,192 rows at a time, whatever there are, and takes longest
(`scripts/bench/release.py` times it). What follows works on its files, so these are made here
without texts: a source of 20 tokens and a target of 10, each token one of 50,000 by Zipf's law with
exponent 1, their word 3-shingles, and columns by chance; one row in 1,000 is another one again, its
first and its last word changed. Each size is measured in a process of its own. Memory is the peak
of its resident size (VmHWM), the libraries and pages of mapped files included.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pyarrow as pa

from builder.statistics.corpus import Columns as Names
from builder.statistics.corpus import Corpus, Rows
from builder.statistics.frame import TEXTS, Columns, Frame
from builder.statistics.offensive import OffensiveWords
from builder.statistics.pairs import Options, measure_piece
from builder.statistics.study import Settings, measure_frame
from builder.statistics.words import Array, hash_ngrams, hash_text, mark_changes, mix
from dimsum.data.values import Reading

WORDS, SOURCE, TARGET = 50_000, 20, 10
PIECE = 1 << 14
SPLITS = ("test", "train", "validation")


def make_frame(folder: Path, rows: int) -> Frame:
    """A frame of so many rows, as a pass over a corpus leaves it."""
    columns, keys, lengths = (Columns(folder / n) for n in ("columns", "keys", "lengths"))
    made = [f"Text {n} of some words that are here again." for n in range(PIECE)]
    known = measure_piece(
        Rows(made[:64], made[1:65], ["train"] * 64), Options(OffensiveWords("none", frozenset()))
    ).columns
    hashes = mix(np.arange(WORDS, dtype=np.uint64), 3)
    rng = np.random.default_rng(rows)
    streams = {name: (folder / f"{name}.u64").open("wb") for name in ("source", "target")}
    shingles = (folder / "shingles.u64").open("wb")
    with (
        pa.OSFile(str(folder / "texts-0.arrow"), "wb") as sink,
        pa.ipc.new_file(sink, TEXTS) as texts,
    ):
        for start in range(0, rows, PIECE):
            count = min(PIECE, rows - start)
            ids = (WORDS ** rng.random((count, SOURCE + TARGET))).astype(np.int64) - 1
            again = rng.random(count) < 0.001
            again[:1] = False
            ids[again] = ids[np.flatnonzero(again) - 1]
            ids[again, 0], ids[again, -1] = 7, 7
            tokens = hashes[ids]
            sides = {"source": tokens[:, :SOURCE], "target": tokens[:, SOURCE:]}
            for name, side in sides.items():
                streams[name].write(np.ascontiguousarray(side).tobytes())
                keys.append(name, mix(side.sum(axis=1, dtype=np.uint64)))
                lengths.append(name, np.full(count, side.shape[1]))
            keys.append("opening", mix(sides["target"][:, :3].sum(axis=1, dtype=np.uint64)))
            drawn = rng.choice(np.asarray([hash_text(s) for s in SPLITS], np.uint64), count)
            keys.append("split", drawn)
            found, sizes = _make_shingles(sides["source"], sides["target"])
            shingles.write(found.tobytes())
            lengths.append("shingles", sizes)
            for name, values in known.items():
                by_chance = rng.random(count)
                columns.append(name, by_chance < 0.01 if values.dtype == bool else by_chance)
            texts.write_batch(pa.record_batch([made[:count], made[:count]], schema=TEXTS))
    for file in (*streams.values(), shingles):
        file.close()
    for held in (columns, keys, lengths):
        held.close()
    names = {hash_text(name): name for name in SPLITS}
    corpus = Corpus("made", "files", (), Names())
    return Frame(corpus, folder, columns, keys, lengths, names, Reading(), 0)


def _make_shingles(source: Array, target: Array) -> tuple[Array, Array]:
    """Keys of the word 3-grams of each row, each once, and how many each row has."""
    found, rows = [], []
    for salt, side in enumerate((source, target), 1):
        keys, of = hash_ngrams(side.ravel(), np.full(len(side), side.shape[1]), 3)
        found.append(mix(keys, salt))
        rows.append(of)
    keys, of = np.concatenate(found), np.concatenate(rows)
    order = np.lexsort((keys, of))
    keys, of = keys[order], of[order]
    new = mark_changes(keys, of)
    return keys[new], np.bincount(of[new], minlength=len(source))


def read_status(name: str) -> int:
    """VmHWM or VmRSS of this process, bytes."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(text.partition(f"{name}:")[2].split()[0])


def measure(rows: int, folder: str | None) -> dict[str, Any]:
    """Seconds and peak of the statistics of so many rows."""
    with tempfile.TemporaryDirectory(prefix="dimsum-bench-", dir=folder) as place:
        frame = make_frame(Path(place), rows)
        before, began, cpu = read_status("VmHWM"), time.monotonic(), time.process_time()
        found = measure_frame(frame, Settings(), "none", lambda line: None)
        values = {f"{m['measure']} {m['side']}": m["value"] for m in found["measures"]}
        return {
            "rows": rows,
            "seconds": round(time.monotonic() - began, 1),
            "processor_seconds": round(time.process_time() - cpu, 1),
            "peak_bytes": read_status("VmHWM"),
            "peak_bytes_before": before,
            "near_duplicates": values["near_duplicates pair"],
            "unique_3 of sources": values["unique_3 source"],
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument(
        "--folder", help="where scratch files go; TMPDIR is where temporary ones do"
    )
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measure(asked.rows[0], asked.folder)))
        return
    found: list[dict[str, Any]] = []
    for rows in asked.rows:
        words = [sys.executable, __file__, "--one", "--rows", str(rows)]
        words += ["--folder", asked.folder] if asked.folder else []
        found.append(json.loads(subprocess.run(words, check=True, stdout=-1).stdout))
        print(json.dumps(found[-1]), flush=True)
    for small, large in pairwise(found):
        times = large["rows"] / small["rows"]
        spent = large["processor_seconds"] / small["processor_seconds"]
        more = large["peak_bytes"] - small["peak_bytes"]
        each = more / (large["rows"] - small["rows"])
        print(
            f"{small['rows']:,} to {large['rows']:,} rows: processor seconds grow as rows to the "
            f"power of {math.log(spent) / math.log(times):.2f}, memory by {each:.0f} bytes a row"
        )


if __name__ == "__main__":
    main()
