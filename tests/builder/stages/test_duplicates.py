"""The three whole-text comparisons: the context's graph, the corpus' clusters, the splits."""

from __future__ import annotations

import random
from itertools import combinations, permutations
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.config import load_config
from builder.pool import ModelPool
from builder.splitting import SPLITS, assign, make_keys
from builder.stages import duplicates
from builder.stages.base import Work, make_table
from builder.stages.decisions import list_columns
from builder.stages.duplicates import find_components, measure_strength, says_entailment
from builder.stages.scores import LINKS, _list_links
from builder.stages.splits import find_control, make_release_row
from dimsum.tasks.paraphrase import PARAPHRASE
from dimsum.tasks.summary import SUMMARY


def pair(source: str, target: str, forward: float = 0.9, backward: float = 0.9) -> dict[str, Any]:
    return {
        "source": source,
        "target": target,
        "entail_forward": forward,
        "entail_backward": backward,
    }


SCHEMA = list_columns(load_config("embedded"))
SENTENCES = [f"s{i}" for i in range(6)]
ROWS = st.lists(
    st.tuples(st.sampled_from(SENTENCES), st.sampled_from(SENTENCES)), min_size=1, max_size=9
)
EDGES = st.sets(st.tuples(st.sampled_from(SENTENCES), st.sampled_from(SENTENCES)), max_size=8)


@given(ROWS, EDGES)
def test_components_equal_the_transitive_closure(
    texts: list[tuple[str, str]], edges: set[tuple[str, str]]
) -> None:
    rows = [pair(*two) for two in texts]
    entailed = {("c", a, b) for a, b in edges}

    def joined(i: int, j: int) -> bool:
        return any(
            x == y or (x, y) in edges or (y, x) in edges
            for x, y in zip(texts[i], texts[j], strict=True)
        )

    reach = [[i == j or joined(i, j) for j in range(len(rows))] for i in range(len(rows))]
    for k in range(len(rows)):
        for i in range(len(rows)):
            for j in range(len(rows)):
                reach[i][j] = reach[i][j] or (reach[i][k] and reach[k][j])
    expected = {frozenset(j for j in range(len(rows)) if reach[i][j]) for i in range(len(rows))}
    found = find_components(rows, "c", entailed)
    ids = {id(row): i for i, row in enumerate(rows)}
    assert {frozenset(ids[id(row)] for row in part) for part in found} == expected
    assert sum(map(len, found)) == len(rows)


def test_an_edge_of_another_context_does_not_count() -> None:
    rows = [pair("a", "b"), pair("c", "d")]
    assert len(find_components(rows, "here", {("there", "a", "c")})) == 2
    assert len(find_components(rows, "here", {("here", "c", "a")})) == 1
    assert len(find_components(rows, "here", {("here", "d", "b")})) == 1
    assert len(find_components(rows, "here", {("here", "a", "d")})) == 2


def test_the_strongest_survives_and_ties_have_one_outcome() -> None:
    rows = [pair("a", "b", 0.5, 0.75), pair("c", "d", 0.75, 0.75), pair("e", "f", 1.0, 0.5)]
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        assert max((rows[i] for i in order), key=measure_strength)["source"] == "e"


def test_an_edge_by_likeliest_label_or_by_threshold() -> None:
    assert says_entailment(0.4, 0.35, None)
    assert not says_entailment(0.4, 0.45, None)
    assert not says_entailment(0.3, 0.3, None)
    assert says_entailment(0.4, 0.45, 0.39)
    assert not says_entailment(0.4, 0.0, 0.4)


def text(rng: random.Random, length: int) -> str:
    return " ".join(rng.choice("abcdefghijklmnop") * 3 for _ in range(length))


def as_table(pairs: list[dict[str, Any]]) -> pa.Table:
    names = ("continuation_id", "source", "target")
    found = {n: pa.array([pair[n] for pair in pairs], pa.string()) for n in names}
    return pa.table({**found, "task": pa.array(["summary"] * len(pairs), pa.string())})


def split(pairs: list[dict[str, Any]], validation: float, test: float, seed: int) -> list[str]:
    keys = make_keys([as_table(pairs)])
    return [SPLITS[number] for number in assign(keys, validation, test, seed)]


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.sampled_from(SENTENCES), st.sampled_from(SENTENCES)),
        max_size=40,
    ),
    st.integers(0, 5),
)
def test_nothing_connected_is_parted(rows: list[tuple[int, str, str]], seed: int) -> None:
    pairs = [
        {"continuation_id": f"c{c}", "source": f"{c % 4}{a}", "target": f"{c % 4}{b}"}
        for c, a, b in rows
    ]
    splits = split(pairs, 0.2, 0.2, seed)
    for i, j in combinations(range(len(pairs)), 2):
        shared = {pairs[i]["source"], pairs[i]["target"]} & {pairs[j]["source"], pairs[j]["target"]}
        if shared or pairs[i]["continuation_id"] == pairs[j]["continuation_id"]:
            assert splits[i] == splits[j]
    assert splits.count("test") <= 0.2 * len(pairs)
    assert splits.count("validation") <= 0.2 * len(pairs)


def test_small_components_fill_their_share() -> None:
    pairs = [{"continuation_id": str(i), "source": f"a{i}", "target": f"b{i}"} for i in range(200)]
    splits = split(pairs, 0.05, 0.1, 0)
    assert (splits.count("validation"), splits.count("test")) == (10, 20)
    assert splits != split(pairs, 0.05, 0.1, 1)


def test_the_split_of_a_pair_depends_on_no_order() -> None:
    rng = random.Random(4)
    pairs = [
        {
            "continuation_id": f"c{number // 3}",
            "source": f"a{number // 2}" if number % 10 else "shared",
            "target": f"b{number}",
        }
        for number in range(200)
    ]
    found = dict(zip((p["target"] for p in pairs), split(pairs, 0.2, 0.2, 3), strict=True))
    assert set(found.values()) == {"train", "validation", "test"}
    for _ in range(3):
        rng.shuffle(pairs)
        again = zip((p["target"] for p in pairs), split(pairs, 0.2, 0.2, 3), strict=True)
        assert dict(again) == found


def test_a_released_row_by_hand() -> None:
    row = make_release_row(
        {
            "source": "The old dog sleeps near the quiet river today.",
            "target": "The old dog sleeps.",
            "task": "summary",
            "compression": 19 / 46,
            "rouge_l": 8 / 13,
        },
        SUMMARY,
        "toy",
    )
    assert row["control"] == "short-extractive"
    assert row["compression"] == 19 / 46
    assert row["round"] == 0
    assert row["id"] == make_release_row({**row}, SUMMARY, "toy")["id"]
    new = {
        "task": "summary",
        "source": "a b c",
        "target": "x y",
        "compression": 0.6,
        "rouge_l": 0.0,
    }
    assert find_control(new, SUMMARY) == "long-abstractive"
    assert find_control({**new, "compression": 0.4}, SUMMARY) == "short-abstractive"
    assert find_control(new, PARAPHRASE) == "paraphrase"


@pytest.mark.parametrize(
    ("within", "kept"),
    [("task", {"The old dog sleeps."}), ("control", {"The old dog sleeps.", "A hound rests."})],
)
def test_one_stays_of_what_is_compared(within: str, kept: set[str]) -> None:
    source = "The old dog sleeps near the quiet river today."
    targets = {
        "The old dog sleeps.": (8 / 13, 0.9),
        "The old dog.": (6 / 12, 0.8),
        "A hound rests.": (0.0, 0.7),
    }
    unscored = dict.fromkeys(SCHEMA.names)
    rows = [
        {
            **unscored,
            "context_id": "c",
            "task": "summary",
            "compression": len(target) / len(source),
            "rouge_l": rouge_l,
            **pair(source, target, backward=backward),
        }
        for target, (rouge_l, backward) in targets.items()
    ]
    config = load_config("embedded", (f"duplicates.within={within}",))
    tables = {
        "decisions": make_table(rows, SCHEMA),
        "scores.links": LINKS.empty_table(),
    }
    output = duplicates.make(Work(config, 0, 0, tables, ModelPool(config, {}, print)))
    assert set(output.table["target"].to_pylist()) == kept
    assert output.rejected == {"summary.repeats_in_context": len(targets) - len(kept)}


@pytest.mark.parametrize(("within", "sources"), [("task", {"one"}), ("control", {"two"})])
def test_codes_choose_the_source_that_they_share(within: str, sources: set[str]) -> None:
    """The strongest pair is of a source with one code; another source has a pair under each."""
    texts = [("one", 0.6, 0.99), ("two", 0.6, 0.92), ("two", 0.4, 0.91), ("three", 0.4, 0.95)]
    rows = [
        {
            **dict.fromkeys(SCHEMA.names),
            "context_id": "c",
            "task": "summary",
            "compression": compression,
            "rouge_l": 0.0,
            **pair(source, f"target {number}", backward=backward),
        }
        for number, (source, compression, backward) in enumerate(texts)
    ]
    links = [
        {"context_id": "c", "premise": a, "hypothesis": b, "entailment": 0.9, "neutral": 0.05}
        for a, b in permutations(["one", "two", "three"], 2)
    ]
    config = load_config("embedded", (f"duplicates.within={within}",))
    tables = {"decisions": make_table(rows, SCHEMA), "scores.links": make_table(links, LINKS)}
    output = duplicates.make(Work(config, 0, 0, tables, ModelPool(config, {}, print)))
    assert set(output.table["source"].to_pylist()) == sources


class NoEncoder:
    def encoder(self) -> None:
        return None


@given(ROWS, EDGES, st.lists(st.booleans(), min_size=9, max_size=9))
def test_the_links_that_are_scored_decide_as_all_would(
    texts: list[tuple[str, str]], edges: set[tuple[str, str]], chosen: list[bool]
) -> None:
    """Whatever the critic would say of the others, and whichever pairs other rules keep."""
    rows = [{**pair(*two), "context_id": "c"} for two in texts]
    models: Any = NoEncoder()
    asked = _list_links(rows, models, 0.0)
    assert len(set(asked)) == len(asked)
    everything = {("c", a, b) for a, b in edges}
    kept = [row for row, stays in zip(rows, chosen, strict=False) if stays]
    assert find_components(kept, "c", everything & set(asked)) == find_components(
        kept, "c", everything
    )


def test_pairs_of_one_source_need_no_links() -> None:
    rows = [{**pair("s", target), "context_id": "c"} for target in ("a", "b", "c")]
    models: Any = NoEncoder()
    assert _list_links(rows, models, 0.0) == []
    found = _list_links([*rows, {**pair("t", "a"), "context_id": "c"}], models, 0.0)
    assert sorted({tuple(sorted(texts)) for _, *texts in found}) == [
        ("a", "b"),
        ("a", "c"),
        ("s", "t"),
    ]
