"""Answers into numbers, and files that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import binomtest

from builder.audit.draw import compare, draw
from builder.audit.key import Key, Pair
from builder.audit.score import LABELS, SCORES, score
from builder.cli import run
from builder.errors import ConfigError
from tests.builder.audit.corpora import (
    QUESTIONS,
    answered,
    drawn,
    lines,
    truth,
    write_lines,
    write_pairs,
)
from tests.builder.audit.test_sheet import outputs


def files_of(audit: Path, key: Key) -> list[Path]:
    return [answered(audit, key, reader) for reader in key.sheets]


def released(document: dict[str, Any], question: str = "valid") -> dict[str, Any]:
    found: dict[str, Any] = document["precision"][0]["all"][question]
    return found


def test_all_pairs_read_give_the_true_share_and_the_exact_interval(tmp_path: Path) -> None:
    audit, key = drawn(tmp_path, n=500)
    document = score(audit, files_of(audit, key))
    texts = (tmp_path / "pairs.jsonl").read_text().splitlines()
    good = sum("good" in json.loads(line)["source"] for line in texts)
    expected = binomtest(good, 120).proportion_ci(0.95, method="exact")
    one = released(document)
    assert one["value"] == good / 120 and one["n"] == 120
    assert (one["low"], one["high"]) == pytest.approx((expected.low, expected.high))
    groups = {(row["by"], row["name"]): row for row in document["precision"]}
    assert groups["task", "paraphrase"]["rows"] == 20
    assert sum(groups["control", f"code-{i}"]["read"] for i in (0, 1)) == 100
    assert all(row["value"] == 1 for row in document["agreement"])
    for reader in document["readers"]:
        assert reader["known"]["right"] == dict.fromkeys(QUESTIONS, 8)
        assert reader["repeats"]["same"] == dict.fromkeys(QUESTIONS, reader["repeats"]["of"])
    assert document["warnings"] == []
    assert json.loads((audit / SCORES).read_text()) == document
    rows = [json.loads(line) for line in (audit / LABELS).read_text().splitlines()]
    assert len(rows) == 120 and sum(row["readers"][0]["valid"] for row in rows) == good
    assert not any(row["id"].startswith("known") for row in rows)


def test_samples_hold_the_share_of_the_corpus(tmp_path: Path) -> None:
    corpus = write_pairs(tmp_path / "pairs.jsonl", n=600)
    good = sum("good" in line for line in corpus.read_text().splitlines()) / 600
    held, values = 0, []
    for seed in range(40):
        audit = tmp_path / str(seed)
        key = draw(corpus, audit, n=80, seed=seed, readers=1)
        one = released(score(audit, files_of(audit, key)))
        held += one["low"] <= good <= one["high"]
        values.append(one["value"])
    assert held >= 36
    assert abs(sum(values) / len(values) - good) < 0.02  # weights undo the allocation


def test_what_the_filters_lose(toy_run: tuple[Path, Any], tmp_path: Path) -> None:
    folder, _ = toy_run
    key = draw(folder, tmp_path / "audit", n=60, rejects=True, known=0)
    audit = tmp_path / "audit"

    def says(pair: Pair) -> dict[str, bool]:
        return dict.fromkeys(QUESTIONS, pair.stage == "released" or pair.stage == "decisions")

    paths = [answered(audit, key, reader, says) for reader in key.sheets]
    document = score(audit, paths)
    stages = {row["name"]: row for row in document["precision"] if row["by"] == "stage"}
    lost = stages["decisions"]["rows"] if "decisions" in stages else 0
    found = document["recall"]
    count = document["precision"][0]["rows"]
    assert found["value"] == pytest.approx(count / (count + lost))
    assert found["low"] <= found["value"] <= found["high"]
    reasons = [row for row in document["precision"] if row["by"] == "reason"]
    whole = next(row for row in document["precision"] if row["by"] == "rejected")
    assert sum(row["read"] for row in reasons) == whole["read"]
    assert sum(row["rows"] for row in reasons) == pytest.approx(whole["rows"], abs=len(reasons))


def test_readers_who_differ(tmp_path: Path) -> None:
    audit, key = drawn(tmp_path, n=500)

    def strict(pair: Pair) -> dict[str, bool]:
        return {**truth(pair), **({"valid": False} if pair.task == "paraphrase" else {})}

    paths = [answered(audit, key, "1"), answered(audit, key, "2", strict)]
    document = score(audit, paths)
    alone = [reader["released"]["valid"]["value"] for reader in document["readers"]]
    assert alone[0] > alone[1] == released(document)["value"]
    alphas = {row["question"]: row["value"] for row in document["agreement"]}
    assert alphas["faithful"] == 1 and 0 < alphas["valid"] < 1
    known = [pair for pair in key.pairs if pair.right]
    refused = sum(pair.task == "paraphrase" and truth(pair)["valid"] for pair in known)
    assert refused and document["readers"][1]["known"]["right"]["valid"] == 8 - refused


def test_a_reader_who_answered_half_is_said_and_the_rest_counts(tmp_path: Path) -> None:
    audit, key = drawn(tmp_path, n=100)
    first, second = files_of(audit, key)
    rows = [json.loads(line) for line in second.read_text().splitlines()]
    for row in rows[len(rows) // 2 :]:
        row |= dict.fromkeys(QUESTIONS)
    write_lines(second, rows)
    before = second.read_bytes()
    document = score(audit, [first, second])
    assert any("reader 2 answered" in text for text in document["warnings"])
    assert 30 < document["read"] < 70
    assert document["precision"][0]["rows"] <= 120
    assert second.read_bytes() == before


def test_one_answer_only_leaves_alpha_undefined(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    audit, key = drawn(tmp_path, n=10, known=0, repeats=0)
    paths = [
        answered(audit, key, reader, lambda pair: dict.fromkeys(QUESTIONS, True))
        for reader in key.sheets
    ]
    assert run(["audit", "score", str(audit), *map(str, paths)]) == 0
    printed = capfd.readouterr()
    assert "undefined" in printed.out and "100.0" in printed.out
    assert "10 pairs were judged by all: the intervals are wide" in printed.err
    assert run(["audit", "score", str(audit), *map(str, paths), "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert document["agreement"][0]["value"] is None
    # Ten of ten allow three in ten to be wrong, and a little more under unequal weights.
    assert 0.6 < released(document)["low"] <= binomtest(10, 10).proportion_ci().low


def test_a_contradiction_counts_as_not_valid_and_is_said(tmp_path: Path) -> None:
    audit, key = drawn(tmp_path, n=40)
    first, second = files_of(audit, key)
    rows = [json.loads(line) for line in first.read_text().splitlines()]
    showings = {showing.item: showing for showing in key.sheets["1"]}
    torn = next(
        row
        for row in rows
        if row["valid"]
        and not showings[row["item"]].again
        and key.pair_of[showings[row["item"]].row].right is None
    )
    torn["faithful"] = False
    write_lines(first, rows)
    document = score(audit, [first, second])
    assert any("called 1 pair valid" in text for text in document["warnings"])
    labels = [json.loads(line) for line in (audit / LABELS).read_text().splitlines()]
    label = next(row for row in labels if row["source"] == torn["source"])
    assert [one["valid"] for one in label["readers"]] == [False, True]


def broken(rows: list[dict[str, Any]], **change: Any) -> list[dict[str, Any]]:
    return [{**rows[0], **change}, *rows[1:]]


def test_files_that_cannot_be_used_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    audit, key = drawn(tmp_path, n=20)
    first, second = files_of(audit, key)
    (tmp_path / "other").mkdir()
    other, other_key = drawn(tmp_path / "other", n=20, seed=9)
    rows = [json.loads(line) for line in first.read_text().splitlines()]
    edited = tmp_path / "edited.jsonl"
    cases: list[tuple[list[dict[str, Any]], str]] = [
        (broken(rows, valid="yes"), "valid is 'yes', not true or false or null"),
        (broken(rows, fluent=1), "fluent is 1, not true or false"),
        (broken(rows, source="Another."), "its source is not the one on the sheet"),
        (broken(rows, item="abc"), "item abc is on no sheet"),
        (broken(rows, reader="2"), "is on the sheet of reader 1"),
        (broken(rows, audit="x"), "it belongs to another audit"),
        ([{"id": "x", "valid": True}], "it names no item"),
        ([*rows, {**rows[0], "fluent": not rows[0]["fluent"]}], "answered item"),
        (lines(other, "1"), "another audit"),
    ]
    for content, message in cases:
        write_lines(edited, content)
        with pytest.raises(ConfigError, match=message):
            score(audit, [edited, second])
    write_lines(edited, lines(audit, "1"))
    with pytest.raises(ConfigError, match="nothing is answered"):
        score(audit, [edited])
    assert not (audit / SCORES).exists() and not (audit / LABELS).exists()
    assert other_key.audit != key.audit
    write_lines(edited, rows)  # the same answers in two files are one answer
    assert score(audit, [edited, first, second])["read"] == 20
    split = [write_lines(tmp_path / f"part-{i}.jsonl", rows[i::2]) for i in (0, 1)]
    assert score(audit, [*split, second]) == score(audit, [first, second])
    edited.write_text(first.read_text() + "{oops\n")
    assert run(["audit", "score", str(audit), str(edited), str(second)]) == 2


def test_systems_are_scored_by_output_and_not_by_position(tmp_path: Path) -> None:
    folder = outputs(tmp_path / "outputs", rows=12)
    audit = tmp_path / "audit"
    key = compare([folder], audit, task="paraphrase", n=12)
    files = []
    for reader in key.sheets:
        rows = lines(audit, reader)
        for row in rows:
            row["answers"] = [
                {"fluent": 3, "faithful": 1 if text.startswith("One") else 3, "dissimilar": 2}
                for text in row["outputs"]
            ]
        files.append(write_lines(tmp_path / f"{reader}.jsonl", rows))
    document = score(audit, files)
    found = {(r["system"], r["question"]): r["mean"] for r in document["systems"]["rows"]}
    assert found["one", "faithful"] == 1
    assert found["two", "faithful"] == found["twin", "faithful"] == 3
    gained = [r for r in document["systems"]["differences"] if r["question"] == "faithful"]
    assert [r["system"] for r in gained] == ["two", "twin"]
    assert [r["low"] for r in gained] == pytest.approx([2, 2])
    alphas = {(r["question"], r["level"]): r["value"] for r in document["agreement"]}
    assert alphas["faithful", "ordinal"] == 1 and alphas["fluent", "nominal"] is None
    assert document["readers"][0]["repeats"]["of"] == 4  # two sources of two outputs
    assert run(["audit", "score", str(audit), *map(str, files)]) == 0
    rows[0]["answers"] = rows[0]["answers"][:1]
    write_lines(files[1], rows)
    with pytest.raises(ConfigError, match="not one answer for each output"):
        score(audit, files)


def test_outputs_that_cannot_be_compared(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = outputs(tmp_path / "outputs")
    more = outputs(tmp_path / "more", rows=5)
    into = ["-o", str(tmp_path / "audit")]
    assert run(["audit", "draw", str(folder), *into]) == 2
    assert "--task" in capfd.readouterr().err
    wanted = ["--task", "summary", *into]
    assert run(["audit", "draw", str(folder), "--compare", str(more), *wanted]) == 2
    assert "other sources" in capfd.readouterr().err
    single = tmp_path / "single.jsonl"
    write_lines(single, [{"source": "S.", "outputs": {"one": "O."}}])
    assert run(["audit", "draw", str(single), *wanted]) == 2
    assert "one system to compare" in capfd.readouterr().err
    assert run(["audit", "draw", str(folder / "outputs.jsonl"), *wanted]) == 0
