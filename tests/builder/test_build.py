"""A whole build on toy models: the funnel, the release, resuming, rescoring."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from builder.config import BuildConfig, load_config, parse_config
from builder.errors import BuilderError, ConfigError, GateError
from builder.measures.registry import load_registry
from builder.pool import ModelPool
from builder.progress import Progress
from builder.rescore import apply, compare
from builder.run import build
from builder.stages.order import STAGES, count_units
from builder.statistics.funnel import count_funnel
from builder.store import REJECTS, Run
from dimsum.errors import DimsumError, UsageError
from dimsum.files import hash_file
from dimsum.lock import Busy
from dimsum.models import _identify_weights as resolve
from tests.forked import start_command


@pytest.fixture(scope="module")
def finished(toy_run: tuple[Path, BuildConfig]) -> tuple[Run, BuildConfig]:
    folder, config = toy_run
    return Run.open(folder), config


@pytest.fixture
def copied(toy_run: tuple[Path, BuildConfig], tmp_path: Path) -> Path:
    """A copy of the finished run, which a test may change."""
    shutil.copytree(toy_run[0], tmp_path / "run")
    return tmp_path / "run"


def refuse(*arguments: Any) -> None:
    raise AssertionError("a model was asked for")


def released_hashes(run: Path) -> dict[str, str]:
    data = run / "dimsum_plus" / "data"
    return {p.relative_to(data).as_posix(): hash_file(p) for p in sorted(data.rglob("*.parquet"))}


def all_rows(run: Run, config: BuildConfig, stage: str, name: str | None = None) -> list[Any]:
    return [
        row
        for shard in range(count_units(stage, config))
        for row in run.read(stage, shard, name).to_pylist()
    ]


def test_the_funnel_adds_up_from_rows_on_disk(finished: tuple[Run, BuildConfig]) -> None:
    run, config = finished
    steps = {step.stage: step for step in count_funnel(run, config)}
    assert list(steps) == [stage.name for stage in STAGES if stage.counted]
    for name, step in steps.items():
        rejected = Counter(row["reason"] for row in all_rows(run, config, name, REJECTS))
        assert step.kept == len(all_rows(run, config, name))
        assert step.rejected == dict(rejected)
        assert step.entered == step.kept + sum(rejected.values())
    contexts, candidates = steps["contexts"], steps["candidates"]
    assert candidates.entered == contexts.kept * config.candidates.samples
    per_context = Counter(row["context_id"] for row in all_rows(run, config, "candidates"))
    assert steps["pairs"].entered == sum(n * (n - 1) for n in per_context.values())
    order = ["pairs", "scores", "decisions", "duplicates", "near_duplicates", "splits"]
    for earlier, later in pairwise(order):
        assert steps[later].entered == steps[earlier].kept
    assert steps["splits"].kept > 20


def test_rows_obey_the_rules_they_were_kept_by(finished: tuple[Run, BuildConfig]) -> None:
    run, config = finished
    tasks = Counter()
    for row in all_rows(run, config, "decisions"):
        tasks[row["task"]] += 1
        for measure, bound in config.rules[row["task"]].items():
            assert bound.holds(row[measure]), (measure, row)
    assert set(tasks) == {"paraphrase", "summary"}


def test_the_release_opens_with_load_dataset(
    finished: tuple[Run, BuildConfig], tmp_path: Path
) -> None:
    from datasets import load_dataset

    run, config = finished
    folder = run.folder / config.name
    rows = all_rows(run, config, "splits")
    for name in ("default", "paraphrase", "summary"):
        loaded = load_dataset(str(folder), name, cache_dir=str(tmp_path / "cache"))
        wanted = [row for row in rows if name in ("default", row["task"])]
        assert sum(split.num_rows for split in loaded.values()) == len(wanted)
        for split_name, split in loaded.items():
            assert split.column_names == load_registry().schema().names
            expected = {row["id"] for row in wanted if row["split"] == split_name}
            assert set(split["id"]) == expected
    sums = json.loads((folder / "provenance/checksums.json").read_text())
    assert all(hash_file(folder / path) == value for path, value in sums.items())
    assert yaml.safe_load((folder / "provenance/config.yaml").read_text())["seed"] == config.seed


def test_a_second_build_has_nothing_to_do(
    finished: tuple[Run, BuildConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ModelPool, "_once", refuse)
    run, config = finished
    stamps = {p: p.stat().st_mtime_ns for p in run.folder.rglob("*.parquet")}
    build(config, run.folder)
    assert {p: p.stat().st_mtime_ns for p in run.folder.rglob("*.parquet")} == stamps


def test_the_same_configuration_gives_the_same_bytes(
    finished: tuple[Run, BuildConfig], tmp_path: Path
) -> None:
    run, config = finished
    build(config, tmp_path / "again")
    assert released_hashes(tmp_path / "again") == released_hashes(run.folder)
    other = config.model_copy(update={"seed": 1})
    build(other, tmp_path / "other")
    assert released_hashes(tmp_path / "other") != released_hashes(run.folder)


def test_a_preview_shows_the_first_pairs_and_changes_no_row(
    finished: tuple[Run, BuildConfig], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, config = finished
    document = config.model_dump(mode="json")
    document["run"]["preview"] = True
    build(parse_config(document), tmp_path / "shown", progress=Progress())
    said = capsys.readouterr().err
    first = Run.open(tmp_path / "shown").read("duplicates", 0).slice(0, 1).to_pylist()[0]
    before, _, after = said.partition("The first pairs, ")
    assert "duplicates 1/1" in before
    assert "candidates 3/3" not in before
    assert first["source"] in after
    assert "candidates 3/3" in after
    for stage in ("candidates", "scores", "splits"):
        tables = (Run.open(folder).read(stage, 0) for folder in (run.folder, tmp_path / "shown"))
        assert next(tables).equals(next(tables))
    build(parse_config(document), tmp_path / "shown", progress=Progress())
    assert "The first pairs" not in capsys.readouterr().err


def test_a_larger_run_keeps_what_is_done(toy_document: dict[str, Any], copied: Path) -> None:
    folder = copied
    before = hash_file(folder / "scores/00002.parquet")
    stamp = (folder / "scores/00002.parquet").stat().st_mtime_ns
    toy_document["contexts"]["openings"] = 8
    build(parse_config(toy_document), folder, again=True)
    assert (folder / "scores/00003.parquet").is_file()
    assert (folder / "scores/00002.parquet").stat().st_mtime_ns == stamp
    assert hash_file(folder / "scores/00002.parquet") == before


def test_changing_a_threshold_loads_no_model(
    toy_document: dict[str, Any], copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, folder = parse_config(toy_document), copied
    run = Run.open(folder)
    kept = len(all_rows(run, config, "decisions"))
    comparison = compare(run, ("rules.paraphrase.rouge_l.max=0.6",))
    assert comparison.moved > 0
    assert sum(comparison.before.values()) == sum(comparison.after.values())
    with monkeypatch.context() as patch:
        patch.setattr(ModelPool, "_once", refuse)
        result = apply(run, comparison.config)
    after = all_rows(run, comparison.config, "decisions")
    assert len(after) == kept - comparison.moved
    assert result.rows == len(all_rows(run, comparison.config, "splits"))
    toy_document["rules"]["paraphrase"]["rouge_l"]["max"] = 0.6
    fresh = build(parse_config(toy_document), tmp_path / "fresh")
    assert released_hashes(fresh.run) == released_hashes(folder)


def test_rescoring_takes_scores_as_they_are(toy_document: dict[str, Any], tmp_path: Path) -> None:
    critic = tmp_path / "critic"
    shutil.copytree(toy_document["critic"]["model"], critic)
    toy_document["critic"]["model"] = str(critic)
    config = parse_config(toy_document)
    build(config, tmp_path / "run")
    run = Run.open(tmp_path / "run")
    before = run.header()["models"]["critic"]["identity"]
    (critic / "vocab.txt").write_text("of another day")
    resolve.cache_clear()
    assert resolve(critic) != before
    apply(run, compare(run, ("splits.test=0.2",)).config)
    assert run.header()["models"]["critic"]["identity"] == before
    run.sidecar_path("scores", 1).unlink()
    with pytest.raises(BuilderError, match="are not scored yet"):
        apply(run, config)


def test_rescore_refuses_what_needs_a_model(finished: tuple[Run, BuildConfig]) -> None:
    run, _ = finished
    with pytest.raises(ConfigError, match="contexts cannot be changed"):
        compare(run, ("contexts.openings=3",))
    with pytest.raises(UsageError, match="looser than"):
        compare(run, ("rules.paraphrase.rouge_l.max=0.95",))


def test_a_damaged_shard_is_made_again(toy_document: dict[str, Any], copied: Path) -> None:
    config, folder = parse_config(toy_document), copied
    before = released_hashes(folder)
    whole = (folder / "candidates/00001.parquet").read_bytes()
    (folder / "candidates/00001.parquet").write_bytes(whole[: len(whole) // 2])
    flipped = bytearray((folder / "pairs/00000.parquet").read_bytes())
    flipped[len(flipped) // 2] ^= 1
    (folder / "pairs/00000.parquet").write_bytes(flipped)
    (folder / "scores/00002.json").write_text("{")
    (folder / "dimsum_plus/data/summary/train-00000-of-00001.parquet").unlink()
    build(config, folder)
    assert (folder / "candidates/00001.parquet").read_bytes() == whole
    assert released_hashes(folder) == before


def test_an_empty_result_is_a_gate_and_not_a_traceback(
    toy_document: dict[str, Any], tmp_path: Path
) -> None:
    toy_document["rules"]["paraphrase"]["entail_forward"]["min"] = 1.0
    toy_document["rules"]["summary"]["entail_forward"]["min"] = 1.0
    with pytest.raises(GateError, match="no pair passed the filters") as caught:
        build(parse_config(toy_document), tmp_path / "run")
    assert caught.value.exit_code == 3


def test_an_opening_is_seen_by_the_teacher_and_stored_on_demand(
    finished: tuple[Run, BuildConfig], toy_document: dict[str, Any], tmp_path: Path
) -> None:
    run, config = finished
    toy_document["domains"][0]["strip_opening"] = False
    build(parse_config(toy_document), tmp_path / "run")
    other = Run.open(tmp_path / "run")
    for name in ("contexts", "candidates", "splits"):
        without, with_it = all_rows(run, config, name), all_rows(other, config, name)
        assert without
        for one, two in zip(without, with_it, strict=True):
            assert two["context"] == f"News: {one['context']}"
            assert not one["context"].startswith("News:")
            changed = {"context", "opening"}
            assert {k: v for k, v in one.items() if k not in changed} == {
                k: v for k, v in two.items() if k not in changed
            }


def test_no_contexts_at_all_is_an_empty_result(
    toy_document: dict[str, Any], tmp_path: Path
) -> None:
    toy_document["contexts"]["max_characters"] = 20
    toy_document["contexts"]["min_sentences"] = 3
    with pytest.raises(GateError, match="no pair passed the filters"):
        build(parse_config(toy_document), tmp_path / "run")


def test_one_folder_one_process_one_purpose(toy_document: dict[str, Any], tmp_path: Path) -> None:
    config = parse_config(toy_document)
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.tex").write_text("mine")
    with pytest.raises(ConfigError, match="not a run"):
        build(config, other)
    assert [p.name for p in other.iterdir()] == ["thesis.tex"]
    run = Run.create(tmp_path / "run")
    with run.lock(), pytest.raises(Busy, match="another process"):
        build(config, run.folder)


def test_a_full_disk_loses_nothing(
    finished: tuple[Run, BuildConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, config = finished
    folder = tmp_path / "run"
    real = os.fsync
    room = [25]

    def fsync(handle: int) -> None:
        room[0] -= 1
        if room[0] < 0:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr("dimsum.files.os.fsync", fsync)
    with pytest.raises(DimsumError, match="no room left"):
        build(config, folder)
    assert not list(folder.rglob(".*parquet*"))
    done = {p: p.stat().st_mtime_ns for p in folder.rglob("*.json") if p.name != "run.json"}
    assert done
    room[0] = 10**6
    build(config, folder)
    assert all(p.stat().st_mtime_ns == stamp for p, stamp in done.items())
    assert released_hashes(folder) == released_hashes(whole.folder)


def test_a_critic_without_memory_rejects_with_the_reason(
    toy_document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from builder.critics.nli_model import NliModel

    real = NliModel.logits
    sizes = []

    def cramped(self: NliModel, batch: Any) -> Any:
        sizes.append(len(batch))
        if len(batch) > 4 or any(
            "garden" in self.tokenizer.decode(row["input_ids"]) for row in batch
        ):
            raise RuntimeError("DefaultCPUAllocator: not enough memory")
        return real(self, batch)

    monkeypatch.setattr(NliModel, "logits", cramped)
    config = parse_config(toy_document)
    build(config, tmp_path / "run")
    steps = {step.stage: step for step in count_funnel(Run.open(tmp_path / "run"), config)}
    assert max(sizes) > 4
    assert steps["scores"].rejected.get("out_of_memory", 0) > 0
    assert steps["splits"].kept > 0


def words(config: Path, folder: Path) -> list[str]:
    return ["build", str(config), "--output", str(folder)]


def kill_at_random(
    arguments: list[str], folder: Path, rng: random.Random, within: float, kills: int
) -> int:
    """Start again and again, SIGKILL after a random time; the last start runs to its end."""
    killed = 0
    for _ in range(kills):
        process = start_command(arguments)
        process.join(rng.uniform(0.2, 1.0) * within)
        if process.is_alive():
            process.kill()
            process.join()
            killed += 1
    said = folder.parent / "said"
    final = start_command(arguments, output=said)
    final.join()
    assert final.exitcode == 0, said.read_text()
    return killed


def test_killed_at_random_points_it_ends_with_the_same_bytes(
    finished: tuple[Run, BuildConfig], toy_yaml: Path, tmp_path: Path
) -> None:
    start_command(["doctor"]).join()  # so that the time of a build is not that of the imports
    began = time.monotonic()
    once = start_command(words(toy_yaml, tmp_path / "once"), output=tmp_path / "said")
    once.join()
    assert once.exitcode == 0, (tmp_path / "said").read_text()
    whole = time.monotonic() - began
    arguments = words(toy_yaml, tmp_path / "run")
    assert kill_at_random(arguments, tmp_path / "run", random.Random(7), whole, kills=4) >= 2
    assert released_hashes(tmp_path / "run") == released_hashes(finished[0].folder)


@pytest.mark.parametrize("after", [0, 1, 4, 9, 16, 19, 22, 23])
def test_killed_after_any_write_it_ends_with_the_same_bytes(
    finished: tuple[Run, BuildConfig],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    after: int,
) -> None:
    run, config = finished

    class Killed(BaseException):
        pass

    count = [0]
    real = Path.replace

    def replace(self: Path, target: Any) -> Any:
        if count[0] == after * 3:
            raise Killed
        count[0] += 1
        return real(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(Killed):
        build(config, tmp_path / "run")
    monkeypatch.setattr(Path, "replace", real)
    build(config, tmp_path / "run")
    assert released_hashes(tmp_path / "run") == released_hashes(run.folder)


def test_interrupted_it_says_how_to_go_on(toy_document: dict[str, Any], tmp_path: Path) -> None:
    toy_document["contexts"]["openings"] = 100  # long enough to be caught at work
    toy_yaml = tmp_path / "long.yaml"
    toy_yaml.write_text(yaml.safe_dump(toy_document))
    process = start_command(words(toy_yaml, tmp_path / "run"), output=tmp_path / "said")
    while not list((tmp_path / "run").glob("contexts/*.json")):
        time.sleep(0.02)
        assert process.is_alive(), (tmp_path / "said").read_text()
    os.kill(process.pid or 0, signal.SIGINT)
    process.join()
    errors = (tmp_path / "said").read_text()
    assert process.exitcode == 130, errors
    assert f"dimsum build {toy_yaml} --output {tmp_path / 'run'}" in errors
    assert "Traceback" not in errors


def test_presets_open() -> None:
    for name in ("embedded", "news", "reddit", "biomedical"):
        expected = 0.9 if name == "embedded" else 0.75
        assert load_config(name).rules["paraphrase"]["entail_forward"].min == expected
