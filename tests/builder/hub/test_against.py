"""`duplicates.against` with a release on the Hub, and with the same in a folder."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfApi

from builder.cli import run as command
from builder.config import BuildConfig
from builder.store import Run
from tests.builder.hub.conftest import TOKEN
from tests.builder.hub.test_clients import dimsum
from tests.loophub import LoopHub

NAME = "alice/pairs"


def test_a_build_against_its_own_release_keeps_nothing(
    hub: LoopHub,
    toy_run: tuple[Path, BuildConfig],
    toy_yaml: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    api = HfApi(endpoint=hub.endpoint, token=TOKEN)
    api.create_repo(NAME, repo_type="dataset")
    released = toy_run[0] / "dimsum_plus"
    commit = api.upload_folder(
        folder_path=released, repo_id=NAME, repo_type="dataset", allow_patterns="data/*"
    ).oid

    def build(reference: str, folder: Path) -> tuple[int, str]:
        """Exit code and errors; only what asks the Hub needs a process of its own for it."""
        words = ["build", str(toy_yaml), "--output", str(folder), "--quiet"]
        words += ["--set", f"duplicates.against={reference}", "--set", "duplicates.max_drop=1"]
        if not reference.startswith("alice/"):
            capfd.readouterr()
            return command(words), capfd.readouterr().err
        done = dimsum(hub, tmp_path / "home", *words)
        return done.returncode, done.stderr

    for reference in ("alice/none@main", NAME + "@v9", str(tmp_path / "none")):
        code, errors = build(reference, tmp_path / "refused")
        assert code in (1, 2)
        assert len(errors.splitlines()) == 2 and reference in errors
        assert not (tmp_path / "refused" / "contexts").exists()
    gone = []
    for number, reference in enumerate((f"{NAME}@{commit}", str(released))):
        folder = tmp_path / f"run-{number}"
        code, errors = build(reference, folder)
        assert code == 3, errors
        assert "no pair passed the filters" in errors
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
