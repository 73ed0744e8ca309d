"""`dimsum calibrate`, from labels to a release with the measure validity."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from datasets import load_dataset

from builder.commands.calibrate import calibrate
from builder.config import parse_config
from builder.errors import ConfigError
from builder.report.gather import gather
from builder.rescore import apply, compare
from builder.run import build
from builder.store import REJECTS, Run
from builder.validity.labels import read_labels
from builder.validity.model import read_calibration
from builder.validity.use import find_model, find_path
from dimsum.errors import DimsumError
from tests.toys import toy_config


@pytest.fixture(scope="module")
def run(toy_teacher: Path, toy_critic: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    document = toy_config(toy_teacher, toy_critic)
    document["measures"] = ["words", "form"]
    folder = tmp_path_factory.mktemp("calibrated") / "run"
    build(parse_config(document), folder)
    return Run.open(folder)


def scored(run: Run) -> list[dict[str, Any]]:
    return [row for n in range(3) for row in run.read("scores", n).to_pylist()]


@pytest.fixture(scope="module")
def labels(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two readers who call valid what is short: a rule that the columns know."""
    path = tmp_path_factory.mktemp("labels") / "labels.jsonl"
    rows = scored(run)
    middle = sorted(row["compression"] for row in rows)[len(rows) // 8]
    with path.open("w") as stream:
        for number, row in enumerate(rows):
            valid = row["compression"] < middle
            readers = [{"valid": valid}, {"valid": valid or number % 50 == 0}]
            line = {"source": row["source"], "target": row["target"], "readers": readers}
            stream.write(json.dumps(line) + "\n")
    return path


@pytest.fixture(scope="module")
def model(run: Run, labels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "validity.json"
    done = CliRunner().invoke(
        calibrate, [str(run.folder), str(labels), "-o", str(path), "--precision", "0.9", "--json"]
    )
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["area"] > 0.95
    assert document["columns"][0]["column"] in {"compression", "lost_words", "rouge_l"}
    assert document["threshold"]["low"] >= 0.9
    assert read_calibration(path).learnt["labels"] == document["labels"]
    return path


def test_rules_rescore_report_and_release_know_the_measure(run: Run, model: Path) -> None:
    rules = (f"rules.{task}.validity={{min: 0.5}}" for task in ("summary", "paraphrase"))
    asked = (f"validity={model}", *rules)
    before = run.header()["config"]
    found = compare(run, asked)
    assert found.after["summary.validity"] > 0
    config = found.config
    apply(run, config)
    try:
        kept = [r for n in range(3) for r in run.read("decisions", n).to_pylist()]
        gone = [r for n in range(3) for r in run.read("decisions", n, REJECTS).to_pylist()]
        assert kept
        assert all(r["validity"] >= 0.5 for r in kept)
        assert any(r["reason"] == "summary.validity" and r["validity"] < 0.5 for r in gone)
        rows = load_dataset(str(run.folder / "dimsum_plus"), split="train")
        assert rows.column_names[-1] == "validity"
        assert all(0 <= value <= 1 for value in rows["validity"])
        report = gather(run.folder)
        assert report.explorer is not None
        assert "validity" in {curve.measure for curve in report.explorer.curves}
        card = (run.folder / "dimsum_plus" / "README.md").read_text()
        assert "calibrated probability that a reader calls the pair valid" in card
        provenance = run.folder / "dimsum_plus" / "provenance"
        assert read_calibration(provenance / "validity.json") == read_calibration(model)
    finally:
        apply(run, parse_config(before))


def test_what_a_build_does_not_measure_is_named(
    run: Run, model: Path, toy_teacher: Path, toy_critic: Path, tmp_path: Path
) -> None:
    config = parse_config({**toy_config(toy_teacher, toy_critic), "validity": str(model)})
    with pytest.raises(ConfigError, match="new_words") as raised:
        build(config, tmp_path / "run")
    assert raised.value.hint == "measures: [words, form]"
    assert not (tmp_path / "run").exists()


def test_a_model_that_is_not_there(toy_teacher: Path, toy_critic: Path) -> None:
    with pytest.raises(ConfigError, match="no model of validity is shipped as 'embeded'"):
        find_path("embedded:embeded")
    config = parse_config({**toy_config(toy_teacher, toy_critic), "validity": "nowhere.json"})
    with pytest.raises(DimsumError, match="cannot be read"):
        find_model(config)


GOOD = {"source": "a", "target": "b", "valid": True}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["{"], "line 1, column 2, is not JSON"),
        (["[]"], "line 1, is not a JSON object"),
        ([json.dumps({"source": "a", "valid": True})], "has no column 'target'"),
        ([json.dumps({**GOOD, "valid": "yes"})], "line 1: a reader has not said"),
        ([json.dumps({"source": "a", "target": "b"})], "line 1: a reader has not said"),
        ([json.dumps({**GOOD, "readers": []})], "line 1 has no readers"),
        (["", json.dumps({**GOOD, "readers": [{"valid": True}, {}]})], "line 2: a reader has not"),
        ([json.dumps({**GOOD, "weight": 0})], "line 1: a weight"),
        ([json.dumps({**GOOD, "weight": math.inf})], "line 1: a weight"),
        ([json.dumps({**GOOD, "weight": [2]})], "line 1: a weight"),
        ([json.dumps({**GOOD, "target": None})], "labels.jsonl has no label"),
        ([], "labels.jsonl has no label; it is empty"),
        ([json.dumps(GOOD), json.dumps({**GOOD, "valid": False})], "valid and not valid"),
    ],
)
def test_labels_that_cannot_be_used_are_named(tmp_path: Path, lines: list[str], said: str) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text("\n".join(lines))
    with pytest.raises(DimsumError, match=said) as raised:
        read_labels([path])
    assert raised.value.exit_code == 2


def test_labels_of_a_table_of_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("source,target,valid,weight\na,b,TRUE,2.5\na,c,0,1\n")
    found = [(one.target, one.valid, one.weight) for one in read_labels([tmp_path / "a.csv"])]
    assert found == [("b", True, 2.5), ("c", False, 1.0)]


def test_labels_of_other_pairs_and_too_few(run: Run, labels: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps(GOOD) + "\n")
    done = CliRunner().invoke(calibrate, [str(run.folder), str(other), "-o", str(tmp_path / "v")])
    assert done.exit_code == 1 or done.exception is not None
    assert isinstance(done.exception, DimsumError)
    assert "none of the 1 labels is of a scored pair" in str(done.exception)
    ten = tmp_path / "ten.jsonl"
    ten.write_text("\n".join(labels.read_text().splitlines()[:10]))
    done = CliRunner().invoke(calibrate, [str(run.folder), str(ten), "-o", str(tmp_path / "v")])
    assert "10 labels of this run's pairs" in str(done.exception)
    assert not (tmp_path / "v").exists()


def test_a_prior_chooses_what_the_critic_reads(
    run: Run, labels: Path, toy_teacher: Path, toy_critic: Path, tmp_path: Path
) -> None:
    """The critic reads the likeliest pairs of each context, and every other pair has a reason."""
    path = tmp_path / "prior.json"
    done = CliRunner().invoke(
        calibrate, [str(run.folder), str(labels), "-o", str(path), "--before-critic"]
    )
    assert done.exit_code == 0, done.output
    prior = read_calibration(path)
    assert not any(name.startswith("entail") for name in prior.columns)
    document = toy_config(toy_teacher, toy_critic)
    document["measures"] = ["words", "form"]
    document["scores"] = {
        **document.get("scores", {}),
        "prior": {
            "model": str(path),
            "tasks": {"summary": {"min": 0.02, "most": 4}, "paraphrase": {"min": 0.05, "most": 2}},
        },
    }
    build(parse_config(document), tmp_path / "run")
    chosen = Run.open(tmp_path / "run")
    for shard in range(3):
        pairs = chosen.read("pairs", shard)
        values = {name: pairs[name].to_numpy().astype(float) for name in prior.columns}
        likely = prior.predict(values).tolist()
        rows = [{**row, "p": p} for row, p in zip(pairs.to_pylist(), likely, strict=True)]
        enough, read = set(), set()
        for task, (least, most) in {"summary": (0.02, 4), "paraphrase": (0.05, 2)}.items():
            for context in {row["context_id"] for row in rows}:
                fit = [
                    n
                    for n, row in enumerate(rows)
                    if row["context_id"] == context and row[f"for_{task}"] and row["p"] >= least
                ]
                enough |= set(fit)
                read |= set(sorted(fit, key=lambda n: -rows[n]["p"])[:most])
        sidecar = chosen.sidecar("scores", shard)
        assert sidecar is not None
        rejected = sidecar.rejected
        assert rejected.get("prior_too_low", 0) == len(rows) - len(enough)
        assert rejected.get("prior_beyond_most", 0) == len(enough) - len(read)
        assert len(enough) > len(read) > 0
        kept = chosen.read("scores", shard).num_rows
        assert sidecar.entered == pairs.num_rows
        assert kept + sum(rejected.values()) == pairs.num_rows
        rejects = chosen.read("scores", shard, REJECTS).to_pylist()
        beyond = [row for row in rejects if row["reason"] == "prior_beyond_most"]
        assert all(row["entail_forward"] is None for row in beyond)
    assert list((tmp_path / "run").glob("*/provenance/prior.json"))


def test_a_prior_may_not_read_what_the_critic_says(
    model: Path, toy_teacher: Path, toy_critic: Path, tmp_path: Path
) -> None:
    assert "entail_forward" in read_calibration(model).columns
    document = toy_config(toy_teacher, toy_critic)
    document["measures"] = ["words", "form"]
    document["scores"] = {**document.get("scores", {}), "prior": {"model": str(model)}}
    with pytest.raises(ConfigError, match="before the critic"):
        build(parse_config(document), tmp_path / "run")
    assert not list((tmp_path / "run").glob("*/*.parquet"))
