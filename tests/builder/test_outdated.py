"""What is finished is replaced, released or mixed only when that was asked for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from builder.cli import run as command
from builder.config import BuildConfig, parse_config
from builder.outdated import MadeOtherwise
from builder.pool import ModelPool
from builder.rescore import apply, compare
from builder.run import build
from builder.store import Run
from dimsum.files import hash_file
from dimsum.lock import hold
from dimsum.settings import name_folder
from tests.builder.test_build import refuse


@pytest.fixture
def finished(toy_run: tuple[Path, BuildConfig], tmp_path: Path) -> Path:
    """A copy of the finished run, which a test may change."""
    shutil.copytree(toy_run[0], tmp_path / "run")
    return tmp_path / "run"


def state(folder: Path) -> dict[str, str]:
    """Every file but the lock, by its bytes."""
    return {
        path.relative_to(folder).as_posix(): hash_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def build_command(document: dict[str, Any], folder: Path, *more: str) -> int:
    path = folder.parent / "asked.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return command(["build", str(path), "--output", str(folder), "--quiet", *more])


@pytest.mark.parametrize(
    ("change", "said", "units"),
    [
        ("seed=1", "seed 0, now 1", "3 of contexts, 3 of candidates"),
        ("rules.summary.entail_forward.min=0.2", "rules.summary.entail_forward.min 0.1, now 0.2",
         "3 of decisions, 3 of duplicates, 3 of shingles, 16 of edges, 1 of clusters, "
         "3 of near_duplicates, 1 of splits"),
        ("contexts.openings=8", "contexts.openings 6, now 8",
         "16 of edges, 1 of clusters, 3 of near_duplicates, 1 of splits"),
        ("candidates.samples=13", "candidates.samples 12, now 13", "3 of candidates, 3 of pairs"),
    ],
)  # fmt: skip
def test_other_settings_are_named_and_replace_nothing(
    toy_document: dict[str, Any], finished: Path, capfd: Any, change: str, said: str, units: str
) -> None:
    before = state(finished)
    assert build_command(toy_document, finished, "--set", change) == 2
    message = capfd.readouterr().err.splitlines()
    assert len(message) == 2
    assert said in message[0]
    assert units in message[0]
    assert "--again" in message[1]
    assert "--output" in message[1]
    assert state(finished) == before
    assert build_command(toy_document, finished) == 0
    assert state(finished) == before


def test_asked_for_again_it_is_what_a_new_run_would_be(
    toy_document: dict[str, Any], finished: Path, tmp_path: Path
) -> None:
    assert build_command(toy_document, finished, "--set", "seed=1", "--again") == 0
    assert build_command(toy_document, tmp_path / "new", "--set", "seed=1") == 0
    rows = "dimsum_plus/data/summary/train-00000-of-00001.parquet"
    assert hash_file(finished / rows) == hash_file(tmp_path / "new" / rows)


def test_a_model_with_other_weights_is_another_model(
    toy_document: dict[str, Any], finished: Path, tmp_path: Path, capfd: Any
) -> None:
    critic = tmp_path / "critic"
    shutil.copytree(toy_document["critic"]["model"], critic)
    config = json.loads((critic / "config.json").read_text())
    (critic / "config.json").write_text(json.dumps({**config, "note": "trained further"}))
    toy_document["critic"]["model"] = str(critic)
    before = state(finished)
    assert build_command(toy_document, finished) == 2
    assert "3 of scores" in capfd.readouterr().err
    assert state(finished) == before


def test_stopped_while_it_is_made_again_it_is_not_finished(
    toy_document: dict[str, Any], finished: Path, capfd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("builder.stages.scores.Ledger", refuse)
        toy_document["scores"] = {"floor": 0.06}
        assert build_command(toy_document, finished, "--again") == 1
    capfd.readouterr()
    assert command(["release", str(finished)]) == 1
    assert "not finished" in capfd.readouterr().err
    assert build_command(toy_document, finished) == 0  # it was asked for: this goes on
    assert command(["release", str(finished)]) == 0


@pytest.mark.parametrize("what", ["critic", "seed", "rules"])
def test_a_header_that_has_moved_on_is_not_released(
    toy_document: dict[str, Any], finished: Path, capfd: Any, what: str
) -> None:
    run = Run.open(finished)
    header = run.header()
    if what == "critic":
        header["models"]["critic"]["reference"] = "somebody/else"
        header["models"]["critic"]["identity"] = "hub:somebody/else@0123"
    elif what == "seed":
        header["config"]["seed"] = 1
    else:
        header["config"]["rules"]["summary"]["entail_forward"]["min"] = 0.3
    run.write_header({k: v for k, v in header.items() if k != "format"})
    before = state(finished)
    assert command(["release", str(finished)]) == 1
    message = capfd.readouterr().err
    assert "moved on" in message
    assert "dimsum build" in message
    assert state(finished) == before
    assert command(["card", "lint", str(finished / "dimsum_plus")]) == 3
    assert "moved-on" in capfd.readouterr().out


def test_openings_that_change_no_row_change_nothing(
    toy_document: dict[str, Any], tmp_path: Path, capfd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    openings = tmp_path / "openings.txt"
    openings.write_text("News:\n")
    toy_document["domains"][0]["file"] = str(openings)
    folder = tmp_path / "run"
    assert build_command(toy_document, folder) == 0
    before = state(folder)
    with monkeypatch.context() as patch:
        patch.setattr(ModelPool, "_once", refuse)
        for same in ("\n\nNews:\n\n", "﻿News:\r\n", None):
            openings.unlink() if same is None else openings.write_text(same)
            assert build_command(toy_document, folder) == 0, same
            assert state(folder) == before
    openings.write_text("News:\nOlds:\n")
    capfd.readouterr()
    assert build_command(toy_document, folder) == 2
    assert "3 of contexts" in capfd.readouterr().err
    assert state(folder) == before


def test_after_rescore_the_same_build_says_that_it_would_undo_it(
    toy_document: dict[str, Any], finished: Path, capfd: Any
) -> None:
    change = "rules.paraphrase.rouge_l.max=0.6"
    assert command(["rescore", str(finished), "--set", change]) == 0
    rescored = state(finished)
    capfd.readouterr()
    assert build_command(toy_document, finished) == 2
    assert "rules.paraphrase.rouge_l.max 0.6, now 0.85" in capfd.readouterr().err
    assert state(finished) == rescored
    assert build_command(toy_document, finished, "--set", change) == 0
    assert state(finished) == rescored


def test_a_rescoring_that_was_cut_short_is_not_finished(
    toy_document: dict[str, Any], finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.open(finished)

    def stop(*arguments: Any) -> None:
        raise KeyboardInterrupt

    changed = compare(run, ("rules.paraphrase.rouge_l.max=0.6",)).config
    with monkeypatch.context() as patch:
        patch.setattr("builder.run.run_stage", stop)
        with pytest.raises(KeyboardInterrupt):
            apply(run, changed)
    assert run.sidecar("splits", 0) is None
    apply(run, changed)
    assert run.sidecar("splits", 0) is not None


def test_what_is_begun_is_kept_from_other_settings_too(
    toy_document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr("builder.stages.scores.Ledger", refuse)
        with pytest.raises(AssertionError):
            build(parse_config(toy_document), folder)
    toy_document["rules"]["summary"]["entail_forward"]["min"] = 0.2
    build(parse_config(toy_document), folder)  # no decision was made yet
    other = tmp_path / "other"
    with monkeypatch.context() as patch:
        patch.setattr("builder.stages.scores.Ledger", refuse)
        with pytest.raises(AssertionError):
            build(parse_config(toy_document), other)
    toy_document["seed"] = 2
    with pytest.raises(MadeOtherwise, match="seed 0, now 2"):
        build(parse_config(toy_document), other)


def test_files_of_one_stem_have_folders_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from builder.config import PRESETS

    monkeypatch.chdir(tmp_path)

    def of(source: str) -> str:
        return str(name_folder(source, PRESETS))

    assert of("mine.yaml") == of(str(tmp_path / "mine.yaml")) == "runs/mine"
    assert of("embedded") == "runs/embedded"
    others = ["a/mine.yaml", "b/mine.yaml", "../mine.yaml", "embedded.yaml", "mine.yml"]
    found = [of(one) for one in others]
    assert len({*found, "runs/mine", "runs/embedded"}) == len(others) + 2
    assert of("a/mine.yaml") == of("./a/../a/mine.yaml")


def test_two_rescorings_or_distillations_in_one_folder(
    finished: Path, tmp_path: Path, capfd: Any
) -> None:
    before = state(finished)
    with hold(finished, "building"):
        assert command(["rescore", str(finished), "--set", "splits.test=0.2"]) == 1
        assert "another process is building" in capfd.readouterr().err
    assert state(finished) == before
    with hold(tmp_path / "rounds", "distilling"):
        assert command(["distill", "embedded", "-o", str(tmp_path / "rounds")]) == 1
        assert "another process is distilling" in capfd.readouterr().err
    assert not (tmp_path / "rounds").exists()
