"""Where units come from: versions, devices, and files from outside the run."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations, islice
from pathlib import Path
from typing import Any

import pytest

from builder import environment
from builder.config import BuildConfig, parse_config
from builder.errors import BuilderError, ConfigError
from builder.outdated import MadeOtherwise, check_proven
from builder.pool import ModelPool
from builder.run import build, resolve_header
from builder.stages.base import Stage
from builder.stages.order import ROUND_STAGES, find_stage, list_stages
from builder.stages.scores import Ledger
from builder.store import Run
from builder.unit import MOST_SETS, Opened, list_fingerprints, make_fingerprint, open_run
from dimsum.files import hash_file
from dimsum.settings import apply_overrides


def fails(*arguments: Any) -> None:
    raise BuilderError("no critic today")


@pytest.fixture
def begun(
    toy_document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, BuildConfig]:
    """A run that has everything up to its pairs."""
    config = parse_config(toy_document)
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "score", fails)
        with pytest.raises(BuilderError, match="no critic today"):
            build(config, tmp_path / "run")
    return tmp_path / "run", config


FIRST = ("contexts", "candidates", "pairs")


def changed(patch: pytest.MonkeyPatch, library: str) -> None:
    real = environment._find_version
    patch.setattr(environment, "_find_version", lambda n: "99" if n == library else real(n))


def stamps(folder: Path) -> dict[Path, int]:
    return {
        path: path.stat().st_mtime_ns
        for path in folder.glob("*/*.parquet")
        if path.parent.name in FIRST
    }


def test_another_version_does_not_join_unless_it_may(
    begun: tuple[Path, BuildConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, config = begun
    before = stamps(folder)
    changed(monkeypatch, "torch")
    with pytest.raises(ConfigError, match=r"computed with torch \d.*, and this is torch 99") as e:
        build(config, folder)
    assert "run.mixed=true" in e.value.hint
    assert stamps(folder) == before
    result = build(apply_overrides(config, ["run.mixed=true"]), folder)
    assert stamps(folder) == before
    known = Run.open(folder).header()["environments"]
    assert [one["torch"] == "99" for one in known] == [False, True]
    facts = json.loads((result.dataset / "provenance/facts.json").read_text())
    assert any("torch 99" in line and known[0]["torch"] in line for line in facts["limits"])
    monkeypatch.undo()
    build(config, folder)  # nothing is left to be made, so nothing is mixed
    assert stamps(folder) == before


def test_another_device_is_another_environment(
    begun: tuple[Path, BuildConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, config = begun

    class Elsewhere:
        type = "cuda"

    monkeypatch.setattr(environment, "pick_device", lambda wanted: Elsewhere)
    with pytest.raises(ConfigError, match=r"the critic on cpu, the teacher on cpu.* on cuda"):
        build(config, folder)


def test_what_nothing_was_made_with_yet_may_change(
    begun: tuple[Path, BuildConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, config = begun
    for unit in (*folder.glob("contexts/*.json"), *folder.glob("candidates/*.json")):
        unit.unlink()
    changed(monkeypatch, "spacy")
    build(config, folder)
    (known,) = Run.open(folder).header()["environments"]
    assert known["spacy"] == "99"


def noted(config: BuildConfig, *names: str) -> dict[str, set[str]]:
    """Which of some libraries each stage depends on."""
    here = environment.read_environment_here(config)
    used = {
        stage.name: set(names) & set(environment.take_part(stage, config, here))
        for stage in list_stages(config)
    }
    return {name: found for name, found in used.items() if found}


def test_what_a_method_or_a_measure_imports_is_noted_where_it_is_used(
    toy_document: dict[str, Any],
) -> None:
    assert "yake" not in environment.read_environment_here(parse_config(toy_document))
    toy_document["candidates"]["methods"][0]["share"] = 0.5
    toy_document["candidates"]["methods"].append({"kind": "sequential", "share": 0.5})
    toy_document["measures"] = ["ease"]
    config = parse_config(toy_document)
    assert noted(config, "yake", "wordfreq") == {"candidates": {"yake"}, "pairs": {"wordfreq"}}


SPLITTING = {"contexts": {"spacy"}, "candidates": {"spacy"}}


def test_numbers_and_near_duplicates_depend_on_their_libraries(
    toy_document: dict[str, Any],
) -> None:
    config = parse_config(toy_document)
    assert noted(config, "numerizer", "datasketch", "spacy", "rapidfuzz") == {
        **SPLITTING,
        "pairs": {"numerizer"},
        "shingles": {"datasketch"},
    }
    toy_document["duplicates"] = {"against": "NS/NAME@main"}
    found = noted(parse_config(toy_document), "datasketch")
    assert found == {"shingles": {"datasketch"}, "earlier": {"datasketch"}}


@pytest.mark.parametrize("measure", ["words", "claims", "lost", "passage", "ease"])
def test_what_spacy_finds_in_a_sentence_is_noted_with_the_pairs(
    measure: str, toy_document: dict[str, Any]
) -> None:
    toy_document["measures"] = [measure]
    assert noted(parse_config(toy_document), "spacy") == {**SPLITTING, "pairs": {"spacy"}}


def test_trees_depend_on_spacy_where_it_is_their_parser(toy_document: dict[str, Any]) -> None:
    toy_document["measures"] = ["tree_distance"]
    assert noted(parse_config(toy_document), "spacy") == {**SPLITTING, "scores": {"spacy"}}
    toy_document["syntax"] = {}
    found = noted(parse_config(toy_document), "spacy")
    assert found == {**SPLITTING, "scores": {"spacy"}, "splits": {"spacy"}}
    toy_document["syntax"] = {"parser": "tests.dimsum.syntax.parsers:flat"}
    assert noted(parse_config(toy_document), "spacy") == SPLITTING


def test_a_round_notes_what_its_pairs_and_trees_depend_on(toy_document: dict[str, Any]) -> None:
    toy_document |= {"measures": ["words"], "syntax": {}}
    config = parse_config(toy_document)
    found = {stage.name: set(stage.libraries_of(config)) for stage in ROUND_STAGES}
    assert {name: libraries for name, libraries in found.items() if libraries} == {
        "pairs": {"numerizer", "spacy"},
        "shingles": {"datasketch"},
        "placement": {"spacy"},
        "splits": {"spacy"},
    }


def test_a_run_that_noted_less_goes_on_and_notes_what_is_made_now(
    toy_run: tuple[Path, BuildConfig],
) -> None:
    """Pairs of an earlier version, made without a note, stay what they were."""
    folder, config = toy_run
    here = environment.read_environment_here(config)
    known = [{n: v for n, v in here.items() if n not in ("numerizer", "datasketch")}]
    now = environment.check_environments(
        Run.open(folder), config, find_stage("shingles", config), known, here
    )
    assert now == [{**known[0], "datasketch": here["datasketch"]}]


def test_a_finished_run_that_noted_less_is_released_and_not_replaced_unasked(
    toy_run: tuple[Path, BuildConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, config = toy_run
    real = Stage.libraries_of

    def more(self: Stage, c: BuildConfig) -> tuple[str, ...]:
        return (*real(self, c), *(["spacy"] if self.name == "pairs" else []))

    monkeypatch.setattr(Stage, "libraries_of", more)
    check_proven(Run.open(folder))
    with pytest.raises(MadeOtherwise, match="pairs came from other files or another version"):
        build(config, folder)


def stage_with(
    folder: Path, config: BuildConfig, *libraries: str
) -> tuple[Opened, Stage, dict[str, str]]:
    """A run whose environment names some libraries, and its pairs as depending on them."""
    opened = open_run(folder)
    stage = replace(
        find_stage("pairs", config), libraries=libraries, further_libraries=lambda c: ()
    )
    named = {name: "1" for name in libraries if not name.startswith("absent")}
    return replace(opened, environments=({**opened.environments[-1], **named},)), stage, named


def test_a_unit_of_an_earlier_version_may_have_noted_any_of_its_libraries(
    toy_run: tuple[Path, BuildConfig],
) -> None:
    opened, stage, named = stage_with(*toy_run, "a", "absent", "b", "c")
    found = [*list_fingerprints(opened, stage, 0, {}, [stage.version])]
    sets = [named.keys() - left_out for n in range(4) for left_out in combinations(named, n)]
    assert set(found) == {
        make_fingerprint(opened, stage, 0, {}, dict.fromkeys(noted, "1")) for noted in sets
    }
    assert len(found) == len(sets) == 8
    assert found[:1] == [*list_fingerprints(opened, stage, 0, {})]
    assert found[0] == make_fingerprint(opened, stage, 0, {}, named)


def test_many_libraries_are_tried_in_few_sets(toy_run: tuple[Path, BuildConfig]) -> None:
    opened, stage, named = stage_with(*toy_run, *(f"library{n}" for n in range(40)))
    found = [*islice(list_fingerprints(opened, stage, 0, {}, [stage.version]), 2 * MOST_SETS)]
    assert len(found) == len(set(found)) == MOST_SETS
    for missing in named:
        less = {name: version for name, version in named.items() if name != missing}
        assert make_fingerprint(opened, stage, 0, {}, less) in found


def test_a_finished_run_stays_finished_under_another_version(
    toy_run: tuple[Path, BuildConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, config = toy_run
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}
    changed(monkeypatch, "transformers")
    build(config, folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")} == before


def test_an_openings_file_is_known_by_its_bytes(
    toy_document: dict[str, Any], tmp_path: Path
) -> None:
    openings = tmp_path / "openings.txt"
    openings.write_text("News:\n")
    toy_document["domains"][0]["file"] = str(openings)
    folder = tmp_path / "run"
    build(parse_config(toy_document), folder)
    record = Run.open(folder).sidecar("contexts", 1)
    assert record is not None
    assert record.inputs == {"openings": hash_file(openings)}
    before = stamps(folder)
    contexts = {path for path in before if path.parent.name == "contexts"}
    assert len(contexts) == 6
    openings = openings.rename(tmp_path / "moved.txt")
    toy_document["domains"][0]["file"] = str(openings)
    build(parse_config(toy_document), folder)
    assert stamps(folder) == before
    openings.write_text("News:\nMary\n")
    build(parse_config(toy_document), folder, again=True)
    after = stamps(folder)
    assert all(after[path] != before[path] for path in contexts)
    openings.unlink()
    build(parse_config(toy_document), folder)
    assert stamps(folder) == after
    toy_document["seed"] = 1
    with pytest.raises(BuilderError, match="reads as its openings"):
        build(parse_config(toy_document), folder, again=True)
    assert stamps(folder) == after


def test_a_stage_gets_only_the_models_that_it_declares(toy_run: tuple[Path, BuildConfig]) -> None:
    folder, config = toy_run
    pool = ModelPool(config, Run.open(folder).header()["models"])
    lines: list[str] = []
    assert pool.only(("critic",), lines.append).critic() is pool.critic()
    assert len(lines) == 1
    with pytest.raises(BuilderError, match="asked for the teacher"):
        pool.only(("critic",), lines.append).teacher()


def test_a_run_keeps_the_threads_that_it_was_begun_with(
    toy_run: tuple[Path, BuildConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some sums of products come out otherwise with other threads."""
    folder, config = toy_run
    run = Run.open(folder)
    begun = run.header()["threads"]
    assert begun >= 1
    monkeypatch.setattr("builder.run.use_fastest_threads", lambda: begun + 1)
    assert resolve_header(run, config)["threads"] == begun
    monkeypatch.setattr(Run, "header", lambda self: {})
    assert resolve_header(run, config)["threads"] == begun + 1
