"""Memory and time of splits and release by the number of rows, each part in a process of its own.

    python scripts/bench/release.py --rows 20000 40000 80000

Rows are made up: a source of 20 words and a target of 10, drawn by Zipf's law from 50,000 words,
four rows to a context. Peak memory is the largest resident size of the process, less that of the
same process with 1,000 rows: what grows. A line through the sizes gives bytes a row.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

SHARD = 10_000
PARTS = ("splits", "data", "counts", "statistics")


def make_table(rows: int, start: int, schema: pa.Schema) -> pa.Table:
    rng = np.random.default_rng(start)
    words = np.asarray([f"w{i}" for i in range(50_000)])
    drawn = words[np.minimum(rng.zipf(1.3, (rows, 30)), 50_000) - 1]
    columns: dict[str, Any] = {}
    for field in schema:
        if field.type == pa.float32():
            columns[field.name] = rng.random(rows, np.float32)
        elif pa.types.is_boolean(field.type):
            columns[field.name] = np.ones(rows, bool)
        elif pa.types.is_integer(field.type):
            columns[field.name] = np.ones(rows, np.int32)
        else:
            columns[field.name] = [f"{field.name} {(start + i) // 4}" for i in range(rows)]
    columns["source"] = [" ".join(line[:20]) + "." for line in drawn]
    columns["target"] = [f"{' '.join(line[20:])} {start + i}." for i, line in enumerate(drawn)]
    columns["task"] = [("paraphrase", "summary")[i % 2] for i in range(rows)]
    return pa.table(columns).cast(schema)


def begin(folder: Path, rows: int) -> None:
    from builder.config import BuildConfig
    from builder.stages import contexts, decisions
    from builder.store import Output
    from scripts.bench.made_run import begin_run

    shards = -(-rows // SHARD)
    run = begin_run(folder, shards)
    config = BuildConfig.model_validate(run.header()["config"])
    for shard in range(shards):
        count = min(SHARD, rows - shard * SHARD)
        table = make_table(count, shard * SHARD, decisions.list_columns(config))
        run.commit("near_duplicates", shard, "given", Output(table, entered=count), 0.0)
        ids = table["context_id"].unique()
        blank = {f.name: pa.nulls(len(ids), f.type) for f in contexts.SCHEMA}
        blank |= {"context_id": ids, "sentences": pa.array([2] * len(ids), pa.int32())}
        run.commit("contexts", shard, "given", Output(pa.table(blank, contexts.SCHEMA)), 0.0)


def run_part(name: str, folder: Path) -> None:
    from builder.release import write_data
    from builder.statistics.counts import count_rows
    from builder.statistics.study import study_release
    from builder.stored import Stored
    from builder.unit import open_run, run_unit

    opened = open_run(folder)
    rows = Stored([opened.run.path("splits", 0)])
    began, cpu = time.monotonic(), time.process_time()
    if name == "splits":
        run_unit(folder, "splits", 0)
    elif name == "data":
        write_data(folder / "out", rows, opened.config.registry.schema(), opened.config.file_rows)
    elif name == "counts":
        count_rows(rows, opened.config.registry)
    else:
        study_release(folder / "out" / "data")
    # ru_maxrss would count what the parent held when it started this process.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = 1024 * int(status.partition("VmHWM:")[2].split()[0])
    spent = {"wall": time.monotonic() - began, "cpu": time.process_time() - cpu}
    print(json.dumps({"peak": peak, **spent}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[20_000, 40_000, 80_000])
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    if asked.part:
        run_part(asked.part, asked.folder)
        return
    peaks: dict[str, list[tuple[int, int]]] = {name: [] for name in PARTS}
    for rows in (1000, *asked.rows):
        with tempfile.TemporaryDirectory(prefix="dimsum-bench-", dir=asked.folder) as scratch:
            folder = Path(scratch) / "run"
            begin(folder, rows)
            for name in PARTS:
                words = [sys.executable, __file__, "--part", name, "--folder", str(folder)]
                found = json.loads(subprocess.run(words, check=True, stdout=-1).stdout)
                peaks[name].append((rows, found["peak"]))
                print(
                    f"{name} {rows} rows: {found['cpu']:.1f} CPU s, {found['wall']:.1f} s, "
                    f"peak {found['peak'] / 1e6:.0f} MB",
                    flush=True,
                )
    for name, found in peaks.items():
        sizes, memory = np.asarray(found, float).T
        slope, constant = np.polyfit(sizes[1:], memory[1:], 1) if len(sizes) > 2 else (0, 0)
        print(
            f"{name}: {slope:.0f} bytes a row over {constant / 1e6:.0f} MB, so "
            f"{(constant + slope * 1e7) / 1e9:.1f} GB at 10 million rows"
        )


if __name__ == "__main__":
    main()
