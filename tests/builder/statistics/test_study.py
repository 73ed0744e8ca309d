"""The whole of `dimsum stats`: what may not change a number, and what must never be one."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builder.cli import run
from builder.errors import ConfigError
from builder.statistics import frame as frames
from builder.statistics.definitions import DEFINITIONS, find_definition
from builder.statistics.study import Settings, parse_measures, study
from dimsum.errors import UsageError
from tests.builder.statistics.corpora import ODD, made, write

ROWS = made(400)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path = write(tmp_path_factory.mktemp("whole") / "corpus.jsonl", ROWS)
    return study([str(path)])


def value(document: dict[str, Any], name: str, side: str = "pair", corpus: int = 0) -> Any:
    return next(
        m
        for m in document["corpora"][corpus]["measures"]
        if (m["measure"], m["side"]) == (name, side)
    )


def numbers_in(node: Any) -> list[float]:
    if isinstance(node, dict):
        return [n for item in node.values() for n in numbers_in(item)]
    if isinstance(node, list):
        return [n for item in node for n in numbers_in(item)]
    return [node] if isinstance(node, float) else []


def shuffled(folder: Path) -> str:
    rows = list(ROWS)
    random.Random(5).shuffle(rows)
    return str(write(folder / "corpus.jsonl", rows))


def in_files(folder: Path) -> str:
    inside = folder / "corpus.jsonl"
    inside.mkdir()
    for number in range(4):
        write(inside / f"part-{number}.jsonl", ROWS[number::4])
    return str(inside)


@pytest.mark.parametrize("change", [shuffled, in_files])
def test_order_and_sharding_change_nothing(
    change: Callable[[Path], str],
    whole: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pieces = frames.Corpus.pieces
    monkeypatch.setattr(frames.Corpus, "pieces", lambda self, reading: pieces(self, 37, reading))
    assert study([change(tmp_path)]) == whole


def test_processes_change_nothing(
    whole: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = frames.Corpus.pieces
    monkeypatch.setattr(frames.Corpus, "pieces", lambda self, reading: pieces(self, 50, reading))
    path = write(tmp_path / "corpus.jsonl", ROWS)
    assert study([str(path)], Settings(processes=2)) == whole


def test_another_seed_moves_samples_and_leaves_the_rest(
    whole: dict[str, Any], tmp_path: Path
) -> None:
    other = study([str(write(tmp_path / "corpus.jsonl", ROWS))], Settings(seed=1))
    for name, side in (("h2", "target"), ("jaccard", "pair"), ("near_duplicates", "pair")):
        assert value(other, name, side)["value"] == value(whole, name, side)["value"]
        assert value(other, name, side)["low"] != value(whole, name, side)["low"]
    assert value(other, "msttr_100", "target") != value(whole, "msttr_100", "target")


def test_each_number_has_a_signature_and_an_interval(whole: dict[str, Any]) -> None:
    measures = whole["corpora"][0]["measures"]
    assert len({(m["measure"], m["side"]) for m in measures}) == len(measures) > 50
    for m in measures:
        parts = dict(part.split(":", 1) for part in m["signature"].split("|"))
        assert {"measure", "side", "tokens", "rows", "sample", "seed", "interval"} <= set(parts)
        assert parts["measure"] == m["measure"]
        assert "absent" not in parts["with"]
        assert find_definition(m["measure"]).unit == m["unit"]
        if m["low"] is not None:
            assert m["low"] <= m["value"] <= m["high"], m
        else:
            assert m["note"], m


def test_corpora_are_compared_at_the_size_of_the_smallest(tmp_path: Path) -> None:
    large = write(tmp_path / "large.jsonl", ROWS)
    small = write(tmp_path / "small.jsonl", made(120, seed=9))
    document = study([str(large), str(small)], Settings(measures=frozenset({"table1"})))
    equal = document["equal_size"]
    assert (equal["rows"], equal["draws"]) == (120, 5)
    by = {(m["corpus"], m["measure"], m["side"]): m for m in equal["measures"]}
    whole_small = value(document, "h3", "target", corpus=1)
    assert by["small.jsonl", "h3", "target"]["value"] == pytest.approx(whole_small["value"])
    drawn = by["large.jsonl", "h3", "target"]
    assert drawn["low"] < drawn["value"] < drawn["high"]
    assert drawn["value"] < value(document, "h3", "target")["value"]
    with pytest.raises(ConfigError, match=r"small\.jsonl has 120 rows, not 121"):
        study([str(large), str(small)], Settings(equal_size=121))


def test_published_values_stand_next_to_ours_only_where_the_definition_matches(
    whole: dict[str, Any],
) -> None:
    (table,) = whole["published"]
    assert table["published"][-1]["corpus"] == "DIMPLE"
    assert table["published"][-1]["h3"] == 22.46
    ours = table["ours"][0]
    assert ours["jaccard"] == value(whole, "jaccard")["value"]
    assert ours["msttr_1000"] == value(whole, "msttr_1000", "target")["value"]
    for name in ("h2", "h3", "cosine", "constituency_ted_f"):
        assert ours[name] is None
        assert table["not_compared"][name]


def test_odd_texts_give_defined_numbers(tmp_path: Path) -> None:
    million = {"source": "word " * 200_000, "target": "x" * 1_000_000}
    rows = [*ODD, million]
    document = study([str(write(tmp_path / "odd.jsonl", [dict(row) for row in rows]))])
    assert all(map(math.isfinite, numbers_in(document)))
    json.dumps(document, allow_nan=False)
    assert value(document, "identical")["value"] == pytest.approx(1 / 9)
    assert value(document, "cut")["value"] == pytest.approx(1 / 9)
    assert value(document, "compression")["rows"] == 8


@pytest.mark.parametrize(
    "row", [{"source": "A road.", "target": "A road."}, {"source": "", "target": ""}]
)
def test_one_row_has_values_and_no_intervals(row: dict[str, str], tmp_path: Path) -> None:
    document = study([str(write(tmp_path / "one.jsonl", [row]))])
    json.dumps(document, allow_nan=False)
    for m in document["corpora"][0]["measures"]:
        assert m["low"] is m["high"] is None
        if m["value"] is None:
            assert m["note"], m
    assert value(document, "jaccard")["value"] == 100.0


def test_an_empty_corpus_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "none.jsonl"
    path.write_text("\n")
    with pytest.raises(UsageError, match="has no pair to measure; it is empty"):
        study([str(path)])


def test_overlap_with_a_benchmark(tmp_path: Path) -> None:
    bench = [
        {"s": "Nothing of it is in there", "refs": [ROWS[0]["source"].upper()]},
        {"s": "so " + ROWS[1]["source"].rstrip(".") + " indeed", "refs": []},
    ]
    assert len(ROWS[1]["source"].split()) >= 8
    file = write(tmp_path / "bench.jsonl", bench)
    path = write(tmp_path / "corpus.jsonl", ROWS)
    document = study([str(path)], Settings(benchmarks={"b": file}))
    texts = [{row["source"], row["target"]} for row in ROWS]
    same = sum(ROWS[0]["source"] in pair for pair in texts)
    assert value(document, "overlap_b")["value"] == pytest.approx(same / len(ROWS))
    assert value(document, "overlap_b_8gram")["value"] >= sum(
        ROWS[1]["source"] in pair for pair in texts
    ) / len(ROWS)
    with pytest.raises(ConfigError, match="no benchmark file"):
        study([str(path)], Settings(benchmarks={"b": tmp_path / "no"}))


def test_distributions_count_every_row(whole: dict[str, Any]) -> None:
    found = whole["corpora"][0]["distributions"]
    for name, one in found.items():
        if name != "grids":
            assert sum(one["counts"]) + one["undefined"] == len(ROWS)
            assert list(one["quantiles"].values()) == sorted(one["quantiles"].values())
    for grid in found["grids"]:
        total = sum(map(sum, grid["counts"]))
        assert total == len(ROWS) - max(found[grid[axis]]["undefined"] for axis in "xy")
        by_x = [sum(row) for row in grid["counts"]]
        if not found[grid["y"]]["undefined"]:
            assert by_x == found[grid["x"]]["counts"]


def test_measures_by_name() -> None:
    assert parse_measures(["fast"]) == {"table1", "diversity", "strategy", "hygiene"}
    assert "ted" in parse_measures(["all"])
    assert parse_measures(["table1", "vendi"]) == {"table1", "vendi"}
    with pytest.raises(ConfigError, match="no measures are called 'tabel1'"):
        parse_measures(["tabel1"])


def test_the_command_writes_tables_json_latex_and_bibtex(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "a_b%.jsonl", ROWS[:60])
    arguments = ["stats", str(path), "--processes", "1", "--measures", "table1,hygiene"]
    assert run([*arguments, "-o", str(tmp_path / "out.json")]) == 0
    out, err = capfd.readouterr()
    assert "jaccard" in out and "DIMPLE" in out and "NaN" not in out
    assert "60 pairs read" in err
    assert run([*arguments, "--json", "--quiet"]) == 0
    out, err = capfd.readouterr()
    assert json.loads(out) == json.loads((tmp_path / "out.json").read_text())
    assert err == ""
    assert run([*arguments, "--latex", "--against", str(path), "--quiet"]) == 0
    latex = capfd.readouterr().out
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 3
    assert r"a\_b\%.jsonl" in latex and "% a_b%.jsonl: measure:h2|side:source" in latex
    assert run([*arguments, "--bibtex", "--quiet"]) == 0
    entries = capfd.readouterr().out
    assert "@misc{abjsonl" in entries and "jung2023impossible" in entries
    assert entries.count("{") == entries.count("}")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "there is no corpus at nowhere"),
        (["CORPUS", "--source", "text"], "has no column 'text'"),
        (["CORPUS", "--where", "x"], "not of the form column=value"),
        (["CORPUS", "--measures", "h9"], "no measures are called 'h9'"),
        (["CORPUS", "--offensive", "no.txt"], "no word list at no.txt"),
        (["CORPUS", "--offensive", "LATIN"], "is not UTF-8"),
        (["CORPUS", "--where", "no=1"], "has no column 'no'"),
    ],
)
def test_mistakes_get_one_clear_line(
    arguments: list[str], message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "c.jsonl", ROWS[:5])
    latin = tmp_path / "latin.txt"
    latin.write_bytes(b"caf\xe9\n")
    names = {"CORPUS": str(path), "LATIN": str(latin)}
    given = [names.get(a, a) for a in arguments]
    assert run(["stats", *given, "--processes", "1"]) == 2
    out, err = capfd.readouterr()
    assert message in err and "Traceback" not in err and out == ""


def test_a_parser_is_looked_for_before_anything_is_measured(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "c.jsonl", ROWS[:5])
    assert run(["stats", str(path), "--parser", "nosuch:parse", "--processes", "1"]) == 2
    said = capfd.readouterr().err.splitlines()
    assert said[0].startswith("Error: nosuch:parse cannot be imported")
    assert len(said) == 2


def test_the_page_defines_what_is_measured() -> None:
    page = (Path(__file__).parents[3] / "docs" / "statistics.md").read_text(encoding="utf-8")
    for name, known in DEFINITIONS.items():
        row = f"| `{name}` | {known.unit} | {known.text} | {known.tokens} |"
        assert row in page, name
