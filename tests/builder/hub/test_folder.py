"""`load_dataset("dimsum_plus")` on the folder itself, also after it was made again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.builder.hub.releases import ROWS, make_dataset

LOAD = """
import json
from datasets import load_dataset
read = {}
for config in ("default", "paraphrase", "summary"):
    for split, rows in load_dataset("dimsum_plus", config).items():
        read[f"{config}/{split}"] = list(rows["source"])
print(json.dumps(read))
"""


def load(folder: Path, cache: Path) -> dict[str, list[str]]:
    environment = {**os.environ, "HF_HOME": str(cache), "HF_HUB_OFFLINE": "1"}
    environment.pop("HF_DATASETS_CACHE", None)
    done = subprocess.run(
        [sys.executable, "-c", LOAD],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def expected(word: str) -> dict[str, list[str]]:
    rows = {
        f"{task}/{split}": [f"{word} {task} {split} {row} source" for row in range(count)]
        for (task, split), count in ROWS.items()
    }
    for split in ("train", "validation", "test"):
        rows[f"default/{split}"] = [
            source for (task, s), _ in ROWS.items() if s == split for source in rows[f"{task}/{s}"]
        ]
    return rows


def test_all_configs_and_splits_and_no_stale_rows(tmp_path: Path) -> None:
    """The second folder has as many rows, of the same length, under the same names."""
    make_dataset(tmp_path / "dimsum_plus", word="first")
    assert load(tmp_path, tmp_path / "cache") == expected("first")
    make_dataset(tmp_path / "dimsum_plus", word="other")
    assert load(tmp_path, tmp_path / "cache") == expected("other")
