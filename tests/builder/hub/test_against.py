"""`duplicates.against` with a release on the Hub, and with the same in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from huggingface_hub import HfApi

from builder.config import BuildConfig
from builder.store import Run
from tests.builder.hub.conftest import TOKEN
from tests.builder.hub.test_clients import dimsum
from tests.loophub import LoopHub

NAME = "alice/pairs"


def test_a_build_against_its_own_release_keeps_nothing(
    hub: LoopHub, toy_run: tuple[Path, BuildConfig], toy_yaml: Path, tmp_path: Path
) -> None:
    api = HfApi(endpoint=hub.endpoint, token=TOKEN)
    api.create_repo(NAME, repo_type="dataset")
    released = toy_run[0] / "dimsum_plus"
    commit = api.upload_folder(
        folder_path=released, repo_id=NAME, repo_type="dataset", allow_patterns="data/*"
    ).oid

    def build(reference: str, folder: Path) -> Any:
        words = ["build", str(toy_yaml), "--output", str(folder), "--quiet"]
        words += ["--set", f"duplicates.against={reference}", "--set", "duplicates.max_drop=1"]
        return dimsum(hub, tmp_path / "home", *words)

    for reference in ("alice/none@main", NAME + "@v9", str(tmp_path / "none")):
        done = build(reference, tmp_path / "refused")
        assert done.returncode in (1, 2)
        assert len(done.stderr.splitlines()) == 2 and reference in done.stderr
        assert not (tmp_path / "refused" / "contexts").exists()
    gone = []
    for number, reference in enumerate((f"{NAME}@{commit}", str(released))):
        folder = tmp_path / f"run-{number}"
        done = build(reference, folder)
        assert done.returncode == 3, done.stderr
        assert "no pair passed the filters" in done.stderr
        rows = [
            row
            for path in sorted((folder / "near_duplicates").glob("*.rejects.parquet"))
            for row in pq.read_table(path).to_pylist()
        ]
        assert {row["reason"].partition(".")[2] for row in rows} == {"in_another_release"}
        known = pq.read_table(toy_run[0] / "splits/00000.parquet", columns=["id"])["id"]
        assert {row["earlier_id"] for row in rows} == set(known.to_pylist())
        record = Run.open(folder).sidecar("earlier", 0)
        assert record is not None and record.kept == len(known)
        gone.append(rows)
    assert gone[0] == gone[1]
