"""What a report says is true of the corpus it was read from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from builder.config import BuildConfig
from builder.errors import BuilderError, ConfigError
from builder.measures.base import Column
from builder.report.distributions import make_grid, make_histogram
from builder.report.gather import gather
from builder.report.model import Piece, Report
from builder.report.statistics import list_statistics
from builder.report.text import find_differences, shorten
from builder.stages.order import count_units
from builder.store import REJECTS, Run
from tests.builder.by_pair import decide_one
from tests.builder.report.corpora import row, write_release


def test_removals_are_the_funnel_and_examples_are_rejected_rows(
    finished: tuple[Run, BuildConfig, Report],
) -> None:
    run, config, report = finished
    assert [step.stage for step in report.steps][-1] == "splits"
    for step in report.steps:
        found = {r.reason: r.count for r in report.removals if r.stage == step.stage}
        assert found == step.rejected
    for removal in report.removals:
        assert removal.meaning, removal.reason
        assert 1 <= len(removal.examples) <= 3
        rows = [
            one
            for shard in range(count_units(removal.stage, config))
            for one in run.read(removal.stage, shard, REJECTS).to_pylist()
            if one["reason"] == removal.reason
        ]
        texts = {(one.get("source", one.get("sentence")), one.get("target", "")) for one in rows}
        assert all((e.source, e.target) in texts for e in removal.examples)


def test_every_curve_counts_what_the_decisions_would_keep(
    finished: tuple[Run, BuildConfig, Report],
) -> None:
    run, config, report = finished
    rows = [
        {name: one[name] for name in config.registry.columns}
        for shard in range(count_units("scores", config))
        for one in run.read("scores", shard).to_pylist()
    ]
    assert report.explorer is not None
    curves = report.explorer.curves
    assert {curve.task for curve in curves} == {"paraphrase", "summary"}
    for curve in curves:
        points = list(zip(curve.values, curve.kept, curve.total, strict=True))
        for value, kept, total in points[::8]:
            rules = {task: dict(bounds) for task, bounds in config.rules.items()}
            bound = rules[curve.task][curve.measure].model_copy(update={curve.end: value})
            rules[curve.task][curve.measure] = bound
            tasks = [decide_one(rules, one)[0] for one in rows]
            assert kept == tasks.count(curve.task), (curve.measure, value)
            assert total == sum(task is not None for task in tasks)
        decided = [decide_one(config.rules, one)[0] for one in rows].count(curve.task)
        assert curve.kept[curve.values.index(curve.now)] == decided


def test_sources_and_shares_add_up_to_the_rows(
    finished: tuple[Run, BuildConfig, Report],
) -> None:
    run, _, report = finished
    steps = {step.stage: step for step in report.steps}
    assert report.rows == run.read("splits", 0).num_rows > 20
    for shares in (report.tasks, report.splits, report.controls):
        assert sum(share.count for share in shares) == report.rows
    assert {one.name for one in report.breakdowns} == {"domain", "method", "length"}
    for one in report.breakdowns:
        assert sum(line.pairs for line in one.rows) == report.rows
        assert sum(line.candidates or 0 for line in one.rows) == steps["candidates"].kept
        if one.name != "method":
            assert sum(line.contexts or 0 for line in one.rows) == steps["contexts"].kept
    for one in (*report.histograms, *report.lengths):
        counted = sum(sum(series.counts) for series in one.series)
        assert counted + one.left_out == report.rows
    assert report.grid is not None
    assert sum(map(sum, report.grid.counts)) == report.rows


def test_a_release_says_what_its_run_says(finished: tuple[Run, BuildConfig, Report]) -> None:
    run, config, report = finished
    alone = gather(run.folder / config.name)
    for part in ("rows", "tasks", "splits", "steps", "histograms", "lengths", "grid", "controls"):
        assert getattr(alone, part) == getattr(report, part), part
    assert {p.id for p in alone.pairs} == {p.id for p in report.pairs}
    assert not any(removal.examples for removal in alone.removals)
    assert alone.explorer is not None
    for curve in alone.explorer.curves:
        edge = curve.values[0] if curve.end == "min" else curve.values[-1]
        assert edge == curve.now
        assert max(curve.kept) == next(s.count for s in report.tasks if s.name == curve.task)
    assert str(run.folder) not in alone.making.configuration


def test_an_unfinished_run_tells_how_far_it_came(
    finished: tuple[Run, BuildConfig, Report], tmp_path: Path
) -> None:
    import shutil

    run, _, _ = finished
    for name in ("run.json", "contexts", "candidates"):
        source = run.folder / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / name)
    report = gather(tmp_path)
    assert [step.stage for step in report.steps] == ["contexts", "candidates"]
    assert report.rows == 0
    assert report.pairs == () and report.explorer is None and report.repeats is None


def test_what_is_no_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no folder"):
        gather(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="neither a run nor a released folder"):
        gather(tmp_path)
    folder = write_release(tmp_path / "one", [row(0, "A source.", "One.")])
    pa.parquet.write_table(
        pa.table({"source": ["a"], "target": ["b"]}), folder / "data/summary/test-0.parquet"
    )
    with pytest.raises(BuilderError, match="has no column compression, context_id"):
        gather(folder)
    (folder / "data/summary/test-0.parquet").write_bytes(b"PAR1 damaged")
    with pytest.raises(BuilderError, match="missing or damaged"):
        gather(folder)
    (folder / "data/summary/test-0.parquet").unlink()
    (folder / "provenance").mkdir()
    for content, message in (("[", "is not JSON"), ('[{"stage": 1}]', "does not hold")):
        (folder / "provenance/funnel.json").write_text(content)
        with pytest.raises(BuilderError, match=message):
            gather(folder)


def test_a_histogram_by_hand() -> None:
    values = {"summary": np.array([0.0, 0.1, 0.99, 1.0, np.nan, np.inf])}
    found = make_histogram(Column("x", "x", "", high=1.0), values)
    (series,) = found.series
    assert series.counts[0] == 1 and series.counts[2] == 1 and series.counts[-1] == 2
    assert sum(series.counts) == 4 and found.left_out == 2
    assert series.quantiles[1] == pytest.approx(0.545)
    words = make_histogram(Column("x", "x", "words"), {"summary": np.arange(1, 2001.0)}, whole=True)
    assert words.edges[1] == int(words.edges[1])
    assert sum(words.series[0].counts) == 2000
    assert words.beyond is (words.edges[-1] < 2000)
    assert make_histogram(Column("x", "x", ""), {"summary": np.zeros(0)}).series == ()
    assert make_grid(pa.table({"compression": [np.inf], "density": [1.0]})) is None


def test_differences_by_hand() -> None:
    left, right = find_differences("The old dog sleeps, again.", "the dog sleeps now")
    assert left == (
        Piece("The", False),
        Piece("old", True),
        Piece("dog sleeps,", False),
        Piece("again.", True),
    )
    assert right == (Piece("the", False), Piece("dog sleeps", False), Piece("now", True))
    assert find_differences("", "") == ((), ())


def test_short_and_long_texts() -> None:
    assert shorten("As it is.", 20) == "As it is."
    assert shorten("a\nb\x00c\x1b", 20) == "a bc"
    assert shorten("word " * 1000, 9) == "word word… (5,000 characters)"


def record(measure: str, side: str, value: float | None, *ends: float) -> dict[str, object]:
    """A measure as `dimsum stats` writes it."""
    low, high = ends or (None, None)
    known = {"measure": measure, "side": side, "group": "table1", "signature": f"of {measure}"}
    return {**known, "value": value, "low": low, "high": high}


def test_statistics_of_a_release_are_those_of_the_corpus_and_of_each_task() -> None:
    document = {
        "rows": 3,
        "means": {"summary": {"rouge_l": 0.5}},
        "corpus": {
            "rows": 3,
            "measures": [record("h2", "source", 15.4, 15.3, 15.5), record("ted", "pair", None)],
        },
        "tasks": {"summary": {"measures": [record("vocabulary", "target", 1234567.0)]}},
    }
    h2, ted, words = list_statistics(document)
    assert (h2.name, h2.group, h2.value) == ("h2, source", "table1", "15.4")
    assert (h2.interval, h2.signature) == ("15.3 to 15.5", "of h2")
    assert (ted.value, ted.interval) == ("–", "")
    assert (words.group, words.value) == ("summary: table1", "1,234,567")
    assert list_statistics({"rows": 1}) == list_statistics(None) == ()


def test_other_corpora_and_published_values_stand_next_to_the_first() -> None:
    def corpus(name: str, *values: float) -> dict[str, object]:
        return {
            "name": name,
            "measures": [
                record("jaccard", "pair", values[0], 0.3, 0.5),
                record("h2", "target", values[1]),
            ],
        }

    table = {
        "ours": [{"corpus": "mine", "jaccard": 0.4, "h2": None}],
        "published": [{"corpus": "DIMPLE", "jaccard": 0.4362, "h2": 17.75}],
    }
    document = {
        "corpora": [corpus("mine", 0.4, 15.0), corpus("other", 0.6, 16.0)],
        "published": [table],
    }
    jaccard_row, h2 = list_statistics(document)
    assert (jaccard_row.name, jaccard_row.interval) == ("jaccard, pair", "0.3 to 0.5")
    assert jaccard_row.references == {"other": "0.6", "DIMPLE": "0.4362"}
    assert h2.references == {"other": "16"}
