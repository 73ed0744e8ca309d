"""A measure of one's own, from the YAML to the released column."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset

from builder.config import Bound, BuildConfig, parse_config
from builder.measures.registry import BUILT_IN, load_registry
from builder.report.gather import gather
from builder.rescore import compare
from builder.run import build
from builder.stages import pairs, scores
from builder.stages.order import count_units
from builder.store import REJECTS, Run
from dimsum.errors import DimsumError
from tests.toys import toy_config

OWN = ("tests.measures.own:SAME_START", "tests.measures.own:MARGIN")
HERE = "tests.measures.own"


@pytest.fixture(scope="module")
def finished(
    toy_teacher: Path, toy_critic: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Run, BuildConfig]:
    document = toy_config(toy_teacher, toy_critic)
    document["measures"] = list(OWN)
    bounds = document["pairs"]["bounds"]
    # So that some pairs are no paraphrase, and no summary for the user's bound alone.
    bounds["paraphrase"]["rouge_l"] = {"max": 0.5}
    document["rules"]["paraphrase"]["rouge_l"] = {"max": 0.5}
    bounds["summary"]["same_start"] = {"max": 0}
    document["rules"]["summary"]["same_start"] = {"max": 0}
    document["rules"]["paraphrase"]["same_start"] = {"max": 1}
    document["rules"]["paraphrase"]["margin"] = {"min": 0.5}
    config = parse_config(document)
    folder = tmp_path_factory.mktemp("own") / "run"
    build(config, folder)
    return Run.open(folder), config


def test_its_values_are_in_the_release_and_obey_its_rules(
    finished: tuple[Run, BuildConfig],
) -> None:
    run, _ = finished
    folder = run.folder / "dimsum_plus"
    rows = load_dataset(str(folder), split="train")
    assert rows.column_names[-2:] == ["same_start", "margin"]
    assert {row["task"] for row in rows} == {"paraphrase", "summary"}
    for row in rows:
        same = row["source"].split()[0] == row["target"].split()[0]
        assert row["same_start"] == same
        assert not (same and row["task"] == "summary")
        assert row["task"] == "summary" or row["margin"] >= 0.5
    assert {row["same_start"] for row in rows} == {0.0, 1.0}
    scored = {(r["source"], r["target"]): r for r in run.read("scores", 0).to_pylist()}
    found = [
        scored[row["source"], row["target"]]
        for row in rows
        if (row["source"], row["target"]) in scored
    ]
    assert found
    for row in found:
        assert row["margin"] == pytest.approx(
            row["entail_forward"] - row["neutral_forward"], abs=1e-6
        )
    facts = json.loads((folder / "provenance/facts.json").read_text())
    assert [column["name"] for column in facts["columns"]][-2:] == ["same_start", "margin"]
    card = (folder / "README.md").read_text()
    assert "- `summary.same_start`: closest to being a summary, but: whether both begin" in card


def test_reasons_report_and_rescoring_know_it(finished: tuple[Run, BuildConfig]) -> None:
    run, config = finished
    report = gather(run.folder)
    for stage, reason, meaning in (
        ("pairs", "summary.same_start", "whether both begin with one word"),
        ("decisions", "paraphrase.margin", "entailment less neutrality"),
    ):
        shards = range(count_units(stage, config))
        rejects = [row for n in shards for row in run.read(stage, n, REJECTS).to_pylist()]
        assert reason in {row["reason"] for row in rejects}
        removed = next(r for r in report.removals if r.reason == reason)
        assert removed.meaning.endswith(meaning)
    assert {"same_start", "margin"} <= {one.name for one in report.histograms}
    stricter = compare(run, ("rules.paraphrase.margin.min=1",))
    assert stricter.after["paraphrase.margin"] > stricter.before["paraphrase.margin"]


@pytest.mark.parametrize(
    ("measure", "end", "now"), [("same_start", "max", 1.0), ("margin", "min", 0.5)]
)
def test_the_explorer_counts_what_another_bound_would_keep(
    finished: tuple[Run, BuildConfig], measure: str, end: str, now: float
) -> None:
    run, config = finished
    shards = range(count_units("scores", config))
    rows = [row for n in shards for row in run.read("scores", n).to_pylist()]

    def holds(row: dict[str, Any], task: str, bound: dict[str, Bound]) -> bool:
        rules = config.rules[task] | bound
        return all(rule.holds(row[name]) for name, rule in rules.items())

    explorer = gather(run.folder).explorer
    assert explorer is not None
    (curve,) = (
        one for one in explorer.curves if (one.task, one.measure) == ("paraphrase", measure)
    )
    assert (curve.end, curve.now) == (end, now) and now in curve.values
    for value, kept, total in zip(curve.values, curve.kept, curve.total, strict=True):
        bound = {measure: Bound(**{end: value})}
        taken = [holds(row, "paraphrase", bound) for row in rows]
        either = [one or holds(row, "summary", {}) for one, row in zip(taken, rows, strict=True)]
        assert (kept, total) == (sum(taken), sum(either)), value
    assert len(set(curve.kept)) > 1


def test_its_source_is_in_the_fingerprint_of_the_stages_that_use_it(
    finished: tuple[Run, BuildConfig],
) -> None:
    _, config = finished
    without = config.model_copy(update={"measures": OWN[1:]})
    assert pairs.list_settings(config, 0) != pairs.list_settings(without, 0)
    assert scores.list_settings(config, 0) == scores.list_settings(without, 0)
    reference, source = pairs.list_settings(config, 0)["measures"]["same_start"][1:]
    assert reference == OWN[0] and len(source) == 64


def test_every_column_has_one_measure() -> None:
    known = load_registry()
    names = [column.name for measure in BUILT_IN for column in measure.columns]
    assert sorted(names) == sorted(set(names)) == sorted(known.columns)
    assert all(known.of(name) in BUILT_IN for name in names)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("rouge", "no measure is called 'rouge'; did you mean 'rouge_l'"),
        (f"{HERE}:NOTHING", "cannot be imported"),
        ("tests.measures.missing:MEASURE", "cannot be imported"),
        (f"{HERE}:margin", "not a Measure"),
        ("builder.measures.rouge_l:MEASURE", "another measure is called 'rouge_l'"),
    ],
)
def test_what_is_no_measure_is_refused(reference: str, message: str) -> None:
    with pytest.raises(DimsumError, match=message.replace("(", r"\(")):
        load_registry((reference,))


def test_an_unknown_measure_in_a_rule_gets_the_nearest(toy_teacher: Path, toy_critic: Path) -> None:
    document: dict[str, Any] = toy_config(toy_teacher, toy_critic)
    document["measures"] = list(OWN)
    document["rules"]["paraphrase"]["same_stat"] = {"min": 0}
    with pytest.raises(DimsumError, match="did you mean 'same_start'"):
        parse_config(document)
