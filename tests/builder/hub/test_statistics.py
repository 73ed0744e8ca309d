"""`dimsum stats NS/NAME@REVISION`: a dataset on the Hub, at the commit that a revision names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi

from builder.statistics.study import Settings, study
from tests.builder.hub.conftest import TOKEN
from tests.builder.hub.test_clients import dimsum
from tests.builder.statistics.corpora import made, write
from tests.loophub import LoopHub

NAME = "alice/pairs"


def measured(hub: LoopHub, home: Path, reference: str) -> dict[str, Any]:
    arguments = ["--json", "--quiet", "--processes", "1", "--measures", "strategy"]
    done = dimsum(hub, home, "stats", reference, *arguments)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["corpora"][0]
    return found


def test_a_hub_dataset_is_read_at_its_revision(hub: LoopHub, tmp_path: Path) -> None:
    api = HfApi(endpoint=hub.endpoint, token=TOKEN)
    api.create_repo(NAME, repo_type="dataset")
    commits = [
        api.upload_file(
            path_or_fileobj=write(tmp_path / "train.jsonl", made(rows)),
            path_in_repo="data/train.jsonl",
            repo_id=NAME,
            repo_type="dataset",
        ).oid
        for rows in (30, 20)
    ]
    settings = Settings(measures=frozenset({"strategy"}))
    local = study([str(write(tmp_path / "local.jsonl", made(30)))], settings)["corpora"][0]
    found = measured(hub, tmp_path / "home", f"{NAME}@{commits[0]}")
    assert (found["kind"], found["revision"], found["rows"]) == ("hub", commits[0], 30)
    assert (found["digest"], found["measures"]) == (local["digest"], local["measures"])
    done = dimsum(hub, tmp_path / "home", "stats", "alice/none")
    assert done.returncode == 1
    assert "the dataset alice/none could not be fetched" in done.stderr
