"""What is drawn, with which chances, and what a reader gets to see."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.audit.draw import draw
from builder.audit.key import Key
from builder.audit.population import digest_released, open_population
from builder.audit.strata import allocate, draw_sample
from builder.cli import run
from builder.errors import ConfigError
from dimsum.data.values import Reading
from tests.builder.audit.corpora import drawn, lines, write_lines, write_pairs
from tests.builder.report.corpora import row, write_release


@given(st.lists(st.integers(1, 500), min_size=1, max_size=20), st.data(), st.sampled_from([0.5, 1]))
def test_rows_are_shared_out(sizes: list[int], data: Any, power: float) -> None:
    n = data.draw(st.integers(len(sizes), sum(sizes)))
    found = allocate(dict(enumerate(sizes)), n, power)
    assert sum(found.values()) == n
    assert all(1 <= found[i] <= size for i, size in enumerate(sizes))
    assert all(found[i] >= found[j] for i in found for j in found if sizes[i] > sizes[j])


def test_weights_add_up_to_the_population(tmp_path: Path) -> None:
    population = open_population(write_pairs(tmp_path / "pairs.jsonl"), score="entail_forward")
    for n in (2, 5, 17, 60, 120):
        sample = draw_sample(population, n, seed=0)
        taken = Counter(one.stratum for one in sample.rows)
        assert len(sample.rows) == n and set(taken) == set(sample.sizes)
        weights = [sample.sizes[one.stratum] / taken[one.stratum] for one in sample.rows]
        assert sum(weights) == pytest.approx(120)
        assert len({one.position for one in sample.rows}) == n


def test_every_row_of_a_stratum_is_as_likely_as_its_weight_says(tmp_path: Path) -> None:
    population = open_population(write_pairs(tmp_path / "pairs.jsonl"), score="entail_forward")
    times: Counter[int] = Counter()
    chance: dict[int, float] = {}
    draws = 400
    for seed in range(draws):
        sample = draw_sample(population, 40, seed)
        taken = Counter(one.stratum for one in sample.rows)
        times.update(one.position for one in sample.rows)
        for one in sample.rows:
            chance[one.position] = taken[one.stratum] / sample.sizes[one.stratum]
    assert len(chance) == 120
    z = [(times[p] / draws - c) / np.sqrt(c * (1 - c) / draws) for p, c in chance.items() if c < 1]
    assert max(map(abs, z)) < 4.5
    assert all(times[p] == draws for p, c in chance.items() if c == 1)


def test_sheets_are_blind_and_differ_by_reader(tmp_path: Path) -> None:
    audit, key = drawn(tmp_path, readers=3)
    orders = []
    for reader, showings in key.sheets.items():
        rows = lines(audit, reader)
        assert [one["item"] for one in rows] == [showing.item for showing in showings]
        assert set(rows[0]) == {
            *("audit", "reader", "item", "task", "source", "target", "note"),
            *("faithful", "fluent", "main_point", "valid"),
        }
        assert all(one["valid"] is None for one in rows)
        orders.append([showing.row for showing in showings if not showing.again])
        shown = Counter(showing.row for showing in showings)
        assert sum(count == 2 for count in shown.values()) == 3  # one pair in 20
        first = {}
        for index, showing in enumerate(showings):
            if showing.again:
                assert index - first[showing.row] > 0
            first.setdefault(showing.row, index)
        page = (audit / f"reader-{reader}.html").read_text()
        for secret in ("entail", "code-1", "stratum", "known", '"again"', "score-"):
            assert secret not in page
    assert len({tuple(order) for order in orders}) == 3
    assert len({frozenset(order) for order in orders}) == 1
    items = [showing.item for showings in key.sheets.values() for showing in showings]
    assert len(set(items)) == len(items)


def test_a_draw_is_the_same_again(tmp_path: Path) -> None:
    corpus = write_pairs(tmp_path / "pairs.jsonl")
    first = draw(corpus, tmp_path / "a", n=30, seed=4)
    assert draw(corpus, tmp_path / "b", n=30, seed=4) == first
    assert draw(corpus, tmp_path / "c", n=30, seed=5).audit != first.audit
    assert Key.read(tmp_path / "a") == first
    names = [path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*")]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_run_gives_released_and_rejected_pairs(toy_run: tuple[Path, Any], tmp_path: Path) -> None:
    folder, config = toy_run
    key = draw(folder, tmp_path / "audit", n=40, rejects=True)
    stages = Counter(pair.stage for pair in key.pairs if pair.right is None)
    assert stages["released"] >= min(26, key.corpus.count) and len(stages) > 1
    assert all(pair.reason for pair in key.pairs if pair.stage not in ("released", ""))
    funnel = json.loads((folder / config.name / "provenance/funnel.json").read_text())
    entered = next(step["entered"] for step in funnel if step["stage"] == "pairs")
    assert sum(key.sizes.values()) == entered  # released and rejected: every ordered pair
    inside = draw(folder / config.name, tmp_path / "inside", n=40)
    assert inside.corpus.origin == "run" and inside.corpus.rows == key.corpus.rows
    assert digest_released(folder) == key.corpus.rows


PAIR = {"source": "One two three.", "target": "One."}


@pytest.mark.parametrize(
    ("changes", "words", "said"),
    [
        ({"entail_forward": "high"}, [], "line 2, column 'entail_forward', is no number: 'high'"),
        ({"entail_forward": [1]}, [], "line 2, column 'entail_forward', is no number: [1]"),
        ({}, ["--score", "typo"], "has no column 'typo'; found source, target, more"),
        ({}, ["--task", "summry", "--compare"], "no task is called 'summry'"),
    ],
)
def test_columns_that_cannot_be_used_are_named(
    changes: dict[str, Any],
    words: list[str],
    said: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    path = write_lines(tmp_path / "a.jsonl", [{**PAIR, "more": 1}, {**PAIR, **changes}])
    words += [str(path)] if words[-1:] == ["--compare"] else []
    assert run(["audit", "draw", str(path), *words, "-o", str(tmp_path / "x")]) == 2
    found = capfd.readouterr().err.splitlines()
    assert said in found[0] and len(found) == 2


def test_a_table_of_text_is_drawn_from(tmp_path: Path) -> None:
    text = "source,target,entail_forward,task\nOne two.,One.,,7\nOne two.,Two.,0.5,7\nOne., ,1,7\n"
    (tmp_path / "a.CSV").write_text(text)
    reading = Reading()
    key = draw(tmp_path / "a.CSV", tmp_path / "x", reading=reading)
    found = {pair.target: (pair.score, pair.task) for pair in key.pairs if pair.right is None}
    assert found == {"One.": (None, "7"), "Two.": (0.5, "7")}
    assert reading.as_json() == {"empty": 1}


def test_what_cannot_be_drawn_from_is_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    audit, _ = drawn(tmp_path)
    corpus = str(tmp_path / "pairs.jsonl")
    assert run(["audit", "draw", corpus, "-o", str(audit)]) == 2
    assert "is not empty" in capfd.readouterr().err
    assert run(["audit", "draw", corpus, "--rejects", "-o", str(tmp_path / "x")]) == 2
    assert "keeps no rejected pairs" in capfd.readouterr().err
    (tmp_path / "nothing").mkdir()
    assert run(["audit", "draw", str(tmp_path / "nothing"), "-o", str(tmp_path / "x")]) == 2
    assert "there are no pairs" in capfd.readouterr().err
    assert run(["audit", "draw", corpus, "-n", "1", "-o", str(tmp_path / "x")]) == 2
    assert "says nothing" in capfd.readouterr().err
    assert not (tmp_path / "x").exists()
    release = write_release(tmp_path / "release", [row(i, f"S {i}.", "T.") for i in range(9)])
    assert run(["audit", "draw", str(release), "-o", str(tmp_path / "y"), "--json"]) == 0
    printed = json.loads(capfd.readouterr().out)
    assert printed["kind"] == "pairs" and len(printed["sheets"]) == 2
    with pytest.raises(ConfigError, match="no folder of an audit"):
        Key.read(release)


def test_fewer_items_than_were_asked_for_are_said(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    corpus = str(write_pairs(tmp_path / "pairs.jsonl"))
    words = ["audit", "draw", corpus, "-n", "40", "--repeats", "20", "--known", "16"]
    assert run([*words, "-o", str(tmp_path / "all")]) == 0
    assert "asked for" not in capfd.readouterr().err
    words = ["audit", "draw", corpus, "-n", "9999", "--repeats", "99", "--known", "17"]
    assert run([*words, "-o", str(tmp_path / "fewer")]) == 0
    assert capfd.readouterr().err.splitlines()[:3] == [
        "9,999 were asked for, and there are 120 pairs to judge",
        "99 were asked for, and there are 60 to be shown twice, at most half of a sheet",
        "17 were asked for, and there are 16 pairs whose answer is known",
    ]
