"""Times a publish to a Hub on loopback against the client's plain upload_folder.

    python scripts/bench/publish.py [--gigabytes 1] [--files 10] [--no-xet] [--json FILE]

Both send the same random bytes to a fresh Hub of their own, in a process of their own; what the
publish does besides (hashing, lint, verification by sha256) is in its time.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "hf_alice_write"
CARD = """---
license: cc0-1.0
language:
- en
task_categories:
- summarization
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*.parquet
dataset_info:
- config_name: default
  features:
  - name: noise
    dtype: binary
  splits:
  - name: train
    num_bytes: {bytes}
    num_examples: {rows}
  download_size: {disk}
  dataset_size: {bytes}
---

# Noise

<!-- written by hand: start -->
<!-- written by hand: end -->
"""
WAYS = {
    "upload_folder": """
from huggingface_hub import HfApi
api = HfApi()
api.create_repo("alice/noise", repo_type="dataset", exist_ok=True)
api.upload_folder(repo_id="alice/noise", repo_type="dataset", folder_path=FOLDER)
""",
    "publish": """
from builder.hub.publish import publish
publish(FOLDER, "alice/noise")
""",
}


def make(folder: Path, size: int, files: int) -> None:
    """Files of random bytes in parquet, which neither compresses nor deduplicates."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    row = 1 << 20
    rows = max(size // files // row, 1)
    (folder / "data").mkdir(parents=True)
    for number in range(files):
        table = pa.table({"noise": [os.urandom(row) for _ in range(rows)]})
        path = folder / f"data/train-{number:05}-of-{files:05}.parquet"
        pq.write_table(table, path, compression="none", use_dictionary=False)
    disk = sum(path.stat().st_size for path in folder.rglob("*.parquet"))
    memory = files * rows * row
    (folder / "README.md").write_text(CARD.format(bytes=memory, rows=files * rows, disk=disk))


def measure(way: str, folder: Path, xet: bool) -> float:
    """Seconds from the start of the way's own work, imports excluded, to its end."""
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.loophub", *([] if xet else ["--no-xet"])],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        endpoint = json.loads(server.stdout.readline())["endpoint"]
        with tempfile.TemporaryDirectory() as home:
            environment = {
                **os.environ,
                "HF_ENDPOINT": endpoint,
                "HF_HOME": home,
                "HF_TOKEN": TOKEN,
                "HF_HUB_DISABLE_XET": "0" if xet else "1",
                "HF_HUB_DISABLE_TELEMETRY": "1",
                "HF_HUB_DISABLE_PROGRESS_BARS": "1",
                "PYTHONPATH": str(ROOT),
            }
            code = f"""
import time
import builder.hub.publish, huggingface_hub.hf_api
FOLDER = {str(folder)!r}
began = time.perf_counter()
{WAYS[way]}
print(time.perf_counter() - began)
"""
            done = subprocess.run(
                [sys.executable, "-c", code],
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            return float(done.stdout.splitlines()[-1])
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    """Measures both ways in turn and prints the ratio of the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--files", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--no-xet", action="store_true")
    parser.add_argument("--json", type=Path, help="write the numbers there")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        original = Path(scratch) / "original"
        make(original, int(asked.gigabytes * 1e9), asked.files)
        times: dict[str, list[float]] = {way: [] for way in WAYS}
        for _ in range(asked.repeats):
            for way in WAYS:
                # A copy, for publish adds the list of hashes to the folder.
                folder = Path(scratch) / "folder"
                shutil.copytree(original, folder)
                times[way].append(measure(way, folder, xet=not asked.no_xet))
                shutil.rmtree(folder)
                print(f"{way}: {times[way][-1]:.1f} s", file=sys.stderr)
    medians = {way: sorted(each)[len(each) // 2] for way, each in times.items()}
    result = {
        "gigabytes": asked.gigabytes,
        "files": asked.files,
        "transfer": "lfs" if asked.no_xet else "xet",
        "seconds": times,
        "ratio": medians["publish"] / medians["upload_folder"],
        "at": time.strftime("%Y-%m-%d"),
    }
    print(json.dumps(result, indent=2))
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
