"""The stages that remove near-duplicates: against every pair compared, however a corpus is cut."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.config import parse_config
from builder.errors import GateError
from builder.facts.limits import describe_left_out
from builder.shards import Shards
from builder.stages.clusters import find_survivors
from builder.stages.duplicates import measure_strength
from builder.stages.order import list_stages
from builder.statistics.funnel import Step, count_funnel
from builder.store import Output, Run, write_table
from tests.builder.near_duplicates.by_strings import jaccard, shingles
from tests.builder.near_duplicates.corpus import STAGES, Rows, begin, finish, outcome, text
from tests.forked import fork_workers

THRESHOLD = 0.6


def corpus(seed: int, families: int = 20) -> Rows:
    """Families of sentences of which each differs from the others in a few words."""
    rng = random.Random(seed)
    rows = []
    for number in range(families):
        words = text(rng, 12).split()
        for _ in range(rng.randint(1, 5)):
            words[rng.randrange(len(words))] = rng.choice(["new", "old"])
            forward, backward = (rng.choice([0.25, 0.5]) for _ in range(2))
            rows.append(
                {
                    "source": " ".join(words),
                    "target": f"t{number}",
                    "entail_forward": forward,
                    "entail_backward": backward,
                    "task": rng.choice(["summary", "paraphrase"]),
                    "context_id": f"c{len(rows):03d}",
                }
            )
    return rows


def cut(rows: Rows, shards: int) -> list[Rows]:
    return [rows[number::shards] for number in range(shards)]


def survive(rows: Rows, threshold: float) -> tuple[list[str], dict[str, str]]:
    """Contexts of the rows that stay, and of each that goes the source of its survivor."""
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(len(rows)))
    sets = [shingles(row["task"], row["source"], row["target"]) for row in rows]
    graph.add_edges_from(
        (i, j)
        for i, j in combinations(range(len(rows)), 2)
        if jaccard(sets[i], sets[j]) >= threshold
    )
    stay, go = [], {}
    for part in nx.connected_components(graph):
        best = max(
            (rows[i] for i in part), key=lambda row: (*measure_strength(row), row["context_id"])
        )
        stay.append(best["context_id"])
        go |= {rows[i]["context_id"]: best["source"] for i in part if rows[i] is not best}
    return sorted(stay), go


def made(folder: Path, shards: list[Rows], *overrides: str) -> tuple[list[str], dict[str, str]]:
    run = begin(folder, shards, (f"duplicates.jaccard={THRESHOLD}", *overrides))
    config = parse_config(run.header()["config"])
    finish(run, config)
    stay, go = outcome(run, config)
    for row in go:
        assert row["reason"] == f"{row['task']}.near_duplicate"
    return (
        sorted(row["context_id"] for row in stay),
        {row["context_id"]: row["survivor_source"] for row in go},
    )


@pytest.mark.parametrize("seed", range(3))
def test_what_stays_is_what_every_pair_compared_says(seed: int, tmp_path: Path) -> None:
    """Whatever the order of rows, and into how many shards and buckets they are cut."""
    rows = corpus(seed)
    wanted = survive(rows, THRESHOLD)
    assert wanted[1]
    rng = random.Random(seed)
    for number, (shards, buckets) in enumerate([(1, 1), (3, 7), (5, 2), (4, 64)]):
        rng.shuffle(rows)
        found = made(tmp_path / str(number), cut(rows, shards), f"duplicates.buckets={buckets}")
        assert found == wanted


def test_workers_make_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fork_workers(monkeypatch)
    shards = [*cut(corpus(7), 3), []]
    hashes = []
    for engine in ("{kind: in_process}", "{kind: processes, workers: 2}"):
        folder = tmp_path / engine[7:9]
        made(folder, shards, "duplicates.buckets=3", f"run.engine={engine}")
        run = Run.open(folder)
        hashes.append(
            {
                path.relative_to(folder): run.sidecar(stage, int(path.stem)).files  # type: ignore[union-attr]
                for stage in STAGES
                for path in sorted((folder / stage).glob("*.json"))
            }
        )
    assert hashes[0] == hashes[1]
    assert len(hashes[0]) == 4 + 3 + 1 + 4


@pytest.mark.parametrize(("within", "staying"), [("task", ["c1"]), ("control", ["c1", "c2"])])
def test_a_sentence_may_stay_under_each_code(
    within: str, staying: list[str], tmp_path: Path
) -> None:
    """The target of one code begins as that of the other does, and their source is the same."""
    words = text(random.Random(3), 24)
    rows = [
        {
            "source": words,
            "target": words[:end],
            "compression": end / len(words),
            "rouge_l": 1.0,
            "entail_forward": 0.9,
            "entail_backward": backward,
            "task": "summary",
            "context_id": context,
        }
        for context, end, backward in (("c1", 56, 0.5), ("c2", 44, 0.25), ("c0", 60, 0.25))
    ]
    stay, go = made(tmp_path, [rows], f"duplicates.within={within}")
    assert stay == staying
    assert set(go) == {"c0", "c1", "c2"} - set(staying)


def test_the_same_texts_of_several_contexts_leave_the_last_context(tmp_path: Path) -> None:
    rows = [{**corpus(1)[0], "context_id": f"c{n}"} for n in (2, 5, 1)]
    for number in range(3):
        stay, go = made(tmp_path / str(number), [rows[:1], rows[1:]])
        assert stay == ["c5"]
        assert set(go) == {"c1", "c2"}
        rows = [*rows[1:], rows[0]]


@pytest.mark.parametrize("drop", [0.0, 0.5])
def test_the_gate(drop: float, tmp_path: Path) -> None:
    rows = [
        {**corpus(2)[0], "source": text(random.Random(i % 6), 20), "context_id": str(i)}
        for i in range(10)
    ]
    if drop == 0.0:
        with pytest.raises(GateError, match="4 of 10 pairs are near-duplicates"):
            made(tmp_path / "run", [rows], f"duplicates.max_drop={drop}")
    else:
        stay, go = made(tmp_path / "run", [rows[:5], rows[5:]], f"duplicates.max_drop={drop}")
        assert (len(stay), len(go)) == (6, 4)
        run = Run.open(tmp_path / "run")
        counted = run.sidecar("clusters", 0)
        assert counted is not None
        assert counted.counters == {"largest_cluster": 2}


def test_groups_that_are_too_large_are_said(tmp_path: Path) -> None:
    """Sixty wordings of one sentence meet under most keys; with few compared they still hang
    together, as all are alike, and the pairs left out are counted the same however it is cut."""
    rng = random.Random(5)
    words = text(rng, 40).split()
    rows = []
    for number in range(60):
        here = [*words, f"end{number}"]
        rows.append({**corpus(3)[0], "source": " ".join(here), "context_id": f"c{number:02d}"})
    counters = []
    for number, (shards, buckets) in enumerate([(1, 1), (4, 5)]):
        rng.shuffle(rows)
        folder = tmp_path / str(number)
        stay, _ = made(
            folder,
            cut(rows, shards),
            "duplicates.group=10",
            f"duplicates.buckets={buckets}",
            "duplicates.max_drop=1",
        )
        assert len(stay) == 1
        records = [Run.open(folder).sidecar("edges", n) for n in range(buckets)]
        counters.append(
            {
                name: sum(record.counters[name] for record in records if record)
                for name in ("capped_groups", "pairs_left_out")
            }
        )
    assert counters[0] == counters[1]
    assert counters[0]["capped_groups"] > 5
    assert counters[0]["pairs_left_out"] > 5 * 300


NUMBERS = st.sampled_from([0.25, 0.5])
TEXTS = st.sampled_from(["a", "b", "c"])
DRAWN = st.tuples(NUMBERS, NUMBERS, TEXTS, TEXTS, TEXTS, st.integers(0, 3), NUMBERS)


@given(
    st.lists(
        st.tuples(NUMBERS, NUMBERS, TEXTS, TEXTS, TEXTS, st.integers(0, 3), NUMBERS), max_size=12
    ),
    st.booleans(),
    st.integers(1, 4),
)
def test_who_survives_is_the_strongest_of_each_cluster(
    tmp_path_factory: pytest.TempPathFactory,
    drawn: list[tuple[float, float, str, str, str, int, float]],
    has_validity: bool,
    shards: int,
) -> None:
    names = ["entail_forward", "entail_backward", "source", "target", "context_id"]
    rows: list[dict[str, Any]] = [
        {**dict(zip(names, one, strict=False)), **({"validity": one[-1]} if has_validity else {})}
        for one in drawn
    ]
    texts = ("source", "target", "context_id")
    kinds = [(n, pa.string() if n in texts else pa.float32()) for n in names]
    schema = pa.schema([*kinds, *([("validity", pa.float32())] if has_validity else [])])
    folder = tmp_path_factory.mktemp("shards")
    size = -(-len(rows) // shards) if rows else 1
    paths = [folder / f"{n}.parquet" for n in range(shards)]
    for n, path in enumerate(paths):
        write_table(path, pa.Table.from_pylist(rows[n * size : (n + 1) * size], schema=schema))
    cluster = [one[5] for one in drawn]
    root = np.asarray([cluster.index(one) for one in cluster], np.int64)
    best, sources = find_survivors(Shards(paths), np.arange(len(rows)), root)

    def order(row: dict[str, Any]) -> Any:
        return (*measure_strength(row), row["context_id"])

    for index, row in enumerate(rows):
        top = max((r for r, c in zip(rows, cluster, strict=True) if c == cluster[index]), key=order)
        assert order(rows[best[index]]) == order(top) >= order(row)
        assert sources[index].as_py() == top["source"]


def test_the_funnel_counts_pairs_once(tmp_path: Path) -> None:
    """What only prepares the removal is in its seconds and counters, and no step of its own."""
    run = begin(tmp_path / "run", cut(corpus(4), 2), (f"duplicates.jaccard={THRESHOLD}",))
    config = parse_config(run.header()["config"])
    finish(run, config)
    for stage in list_stages(config)[:5]:
        assert stage.counted
        empty = run.read("duplicates", 0).slice(0, 0)
        for shard in range(2):
            run.commit(stage.name, shard, "given", Output(empty), 0.0)
    steps = count_funnel(run, config)
    assert [step.stage for step in steps][-2:] == ["duplicates", "near_duplicates"]
    assert {"largest_cluster", "capped_groups"} <= set(steps[-1].counters)
    assert steps[-1].entered == steps[-2].kept


def test_the_card_says_what_was_not_compared() -> None:
    step = Step(
        "near_duplicates", "pairs", 5, 5, {}, 0.1, {"capped_groups": 2, "pairs_left_out": 1234}
    )
    (said,) = describe_left_out([step])
    assert "2 groups" in said
    assert "1,234 comparisons" in said
    whole = replace(step, counters={"capped_groups": 0, "pairs_left_out": 0})
    assert describe_left_out([whole]) == describe_left_out([]) == []
