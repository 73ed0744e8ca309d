"""Tree distances from the YAML to the release, and the released trees."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import load_dataset

from builder.config import BuildConfig, load_config, parse_config
from builder.measures.base import Batch
from builder.measures.tree_distance import MEASURE, MOST_NODES
from builder.run import build
from builder.stages import scores, splits
from builder.stages.order import count_units
from builder.store import REJECTS, Run
from dimsum.errors import DimsumError, UsageError
from dimsum.syntax.parsers import find_parser
from tests.dimsum.syntax import parsers
from tests.toys import toy_config

FLAT = f"{parsers.__name__}:flat"
MEASURED = f"measures=[{', '.join(load_config('embedded').measures)}, tree_distance]"


class Models:
    """A run that lends a parser and nothing else."""

    def __init__(self, name: str = FLAT) -> None:
        self.parser = lambda: find_parser(name)


def measured(pairs: list[tuple[str, str]], models: Any) -> dict[str, list[float]]:
    batch = Batch.of_texts(*zip(*pairs, strict=True), models)  # type: ignore[misc]
    return {name: values.tolist() for name, values in MEASURE.of(batch).items()}


def test_trees_of_one_layer_are_as_far_apart_as_their_lengths() -> None:
    found = measured([("a b c", "d"), ("d", "a b c"), ("a b", "c d")], Models())
    assert found == {"tree_distance": [2, 2, 0], "tree_distance_3": [2, 2, 0]}


def test_without_a_parse_or_with_too_large_a_tree_there_is_no_distance() -> None:
    long = "a " * MOST_NODES
    found = measured([("a b", "so?"), (long, "a"), (long[2:], "a")], Models())
    assert np.isnan(found["tree_distance"][:2]).all()
    assert found["tree_distance"][2] == MOST_NODES - 2


def test_a_symmetric_measure_of_a_model_is_computed_once_for_a_pair_and_its_reverse() -> None:
    seen: list[int] = []

    def compute(batch: Batch) -> Any:
        seen.append(len(batch))
        return MEASURE.compute(batch)

    pairs = [("a b c", "d"), ("d", "a b c"), ("a", "b c"), ("a b c", "d"), ("d", "d")]
    batch = Batch.of_texts(*zip(*pairs, strict=True), Models())  # type: ignore[misc]
    once = replace(MEASURE, compute=compute).of(batch)
    each = replace(MEASURE, compute=compute, direction="both").of(batch)
    assert once["tree_distance"].tolist() == each["tree_distance"].tolist() == [2, 2, 1, 2, 0]
    batch.contexts = ["x", "x", "x", "y", "x"]
    assert replace(MEASURE, compute=compute).of(batch)["tree_distance"].tolist() == [2, 2, 1, 2, 0]
    assert replace(MEASURE, compute=compute).of(batch.only(np.arange(0)))["tree_distance"].size == 0
    assert seen == [3, 5, 4, 0]


@pytest.mark.embedded
def test_a_passive_is_far_and_another_word_is_not() -> None:
    pairs = [
        ("The dog saw a cat.", "The dog saw a bird."),
        # nsubj becomes nsubjpass, dobj becomes agent, and auxpass, pobj come.
        ("The dog saw the cat.", "The cat was seen by the dog."),
    ]
    found = measured(pairs, Models("dependency"))
    assert found["tree_distance"] == [0, 4]
    assert found["tree_distance_3"] == [0, 3]


@pytest.fixture(scope="module")
def finished(
    toy_teacher: Path, toy_critic: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Run, BuildConfig]:
    document = toy_config(toy_teacher, toy_critic)
    document["measures"] = ["tree_distance"]
    document["syntax"] = {"parser": FLAT, "height": 2}
    for task in ("paraphrase", "summary"):
        document["rules"][task]["tree_distance"] = {"min": 1}
    config = parse_config(document)
    folder = tmp_path_factory.mktemp("trees") / "run"
    build(config, folder)
    return Run.open(folder), config


def test_a_release_has_the_trees_and_obeys_the_rule(finished: tuple[Run, BuildConfig]) -> None:
    run, config = finished
    folder = run.folder / "dimsum_plus"
    rows = load_dataset(str(folder), split="train")
    assert rows.column_names[-1] == "syntax"
    assert {row["task"] for row in rows} == {"paraphrase", "summary"}
    for row in rows:
        words = [text.split() for text in (row["source"], row["target"])]
        assert abs(len(words[0]) - len(words[1])) >= 1
        assert row["syntax"] == f"{FLAT} (S {' '.join(['(W)'] * len(words[1]))})"
    shards = range(count_units("decisions", config))
    rejects = [row for n in shards for row in run.read("decisions", n, REJECTS).to_pylist()]
    gone = [row for row in rejects if row["reason"].endswith(".tree_distance")]
    assert gone and all(row["tree_distance"] == 0 for row in gone)
    facts = json.loads((folder / "provenance/facts.json").read_text())
    column = facts["columns"][-1]
    assert (column["name"], column["dtype"]) == ("syntax", "string")
    assert FLAT in column["meaning"] and "top 2 layers" in column["meaning"]
    card = (folder / "README.md").read_text()
    assert "| `syntax` | `string` |" in card
    assert ".tree_distance`: closest to being a" in card


def test_no_tree_is_released_unasked(toy_run: tuple[Path, Any]) -> None:
    rows = load_dataset(str(toy_run[0] / "dimsum_plus"), split="train")
    assert "syntax" not in rows.column_names


def test_what_the_stages_depend_on() -> None:
    plain = load_config("embedded")
    trees = load_config("embedded", ("syntax={}",))
    measuring = load_config("embedded", (MEASURED,))
    other = load_config("embedded", (MEASURED, f"syntax.parser={FLAT}"))
    assert "parser" not in scores.list_settings(plain, 0) and "parser" not in scores.list_settings(
        trees, 0
    )
    assert scores.list_settings(measuring, 0)["parser"] == ["dependency", ""]
    name, source = scores.list_settings(other, 0)["parser"]
    assert name == FLAT and len(source) == 64
    of = splits.STAGE.settings
    assert of(trees, 0) != of(plain, 0) == of(measuring, 0)
    deeper = load_config("embedded", ("syntax={height: 4}",))
    assert of(deeper, 0) != of(trees, 0)
    hidden = load_config("embedded", ("syntax={column: false}",))
    assert of(hidden, 0) == of(plain, 0)


def test_bad_settings_are_refused() -> None:
    for change, message in (
        ("syntax.parser=no_such:parse", "no_such:parse"),
        ("syntax.parser=depndency", "did you mean 'dependency'"),
        ("syntax.height=1", "syntax.height"),
        ("syntax.hight=3", "did you mean 'height'"),
    ):
        with pytest.raises(UsageError, match=message):
            load_config("embedded", (change,))
    bounds = "pairs.bounds.paraphrase.tree_distance.min=12"
    with pytest.raises(UsageError, match="only cheap measures bound pairs"):
        load_config("embedded", (MEASURED, bounds))
    with pytest.raises(UsageError, match="no measure is called 'tree_distance'"):
        load_config("embedded", ("rules.paraphrase.tree_distance.min=12",))


def test_a_parser_that_fails_stops_the_build(toy_document: dict[str, Any], tmp_path: Path) -> None:
    toy_document["syntax"] = {"parser": f"{parsers.__name__}:short"}
    with pytest.raises(DimsumError, match=r"gave \d+ trees for \d+ sentences"):
        build(parse_config(toy_document), tmp_path / "run")
