"""duplicates.against: rows of another release are there too, and before those of a build."""

from __future__ import annotations

import random
from pathlib import Path

import networkx as nx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.config import load_config, parse_config
from builder.errors import ConfigError
from builder.splitting import make_row_id
from builder.stages.earlier import list_files
from builder.stages.order import count_units
from builder.store import Run
from builder.unit import Heard
from tests.builder.near_duplicates.by_strings import jaccard, shingles
from tests.builder.near_duplicates.corpus import STAGES, Rows, begin, outcome, text
from tests.builder.near_duplicates.test_stages import THRESHOLD, corpus, cut

WITH_EARLIER = ("shingles", "earlier", *STAGES[1:])


def release(folder: Path, rows: Rows) -> Path:
    """Released rows in two files of a folder."""
    for number, some in enumerate(cut(rows, 2)):
        path = folder / "data" / "summary" / f"train-{number:05d}-of-00002.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        columns = {name: [row[name] for row in some] for name in ("task", "source", "target")}
        ids = [make_row_id(row["task"], row["source"], row["target"]) for row in some]
        pq.write_table(pa.table({"id": ids, **columns}), path)
    return folder


def made(
    folder: Path, shards: list[Rows], against: Path, *overrides: str
) -> tuple[Run, Rows, Rows]:
    wanted = (f"duplicates.jaccard={THRESHOLD}", "duplicates.buckets=3", *overrides)
    run = begin(folder, shards, (*wanted, f"duplicates.against={against}"))
    config = parse_config(run.header()["config"])
    with config.run.engine.start() as engine:
        for stage in WITH_EARLIER:
            list(engine.map(run.folder, stage, range(count_units(stage, config)), Heard()))
    return run, *outcome(run, config)


@pytest.mark.parametrize("shards", [1, 3])
def test_what_is_alike_to_a_released_row_goes_and_names_it(shards: int, tmp_path: Path) -> None:
    rows = corpus(5, families=30)
    random.Random(5).shuffle(rows)
    new, old = rows[:50], rows[50:]
    sets = [shingles(row["task"], row["source"], row["target"]) for row in rows]
    graph: nx.Graph[int] = nx.Graph()
    graph.add_nodes_from(range(len(rows)))
    graph.add_edges_from(
        (i, j) for i in range(len(rows)) for j in range(i) if jaccard(sets[i], sets[j]) >= THRESHOLD
    )
    named: dict[str, set[str]] = {}
    for part in nx.connected_components(graph):
        texts = {rows[i]["source"] for i in part if i >= len(new)}
        if texts:
            named |= {rows[i]["context_id"]: texts for i in part if i < len(new)}
    run, stay, go = made(tmp_path / "run", cut(new, shards), release(tmp_path / "old", old))
    another = [row for row in go if row["reason"] == f"{row['task']}.in_another_release"]
    assert {row["context_id"] for row in another} == set(named)
    assert 0 < len(named) < len(new)
    ids = {make_row_id(row["task"], row["source"], row["target"]): row["source"] for row in old}
    for row in another:
        assert row["survivor_source"] in named[row["context_id"]]
        assert ids[row["earlier_id"]] == row["survivor_source"]
    others = [row for row in go if row not in another]
    assert others and all(row["earlier_id"] is None for row in others)
    assert all(row["reason"] == f"{row['task']}.near_duplicate" for row in others)
    assert len(stay) + len(go) == len(new)
    record = run.sidecar("earlier", 0)
    assert record is not None and record.counters == {"rows_of_another_release": len(old)}
    assert len(record.inputs) == 2


@pytest.mark.parametrize(("within", "gone"), [("task", {"c1", "c2"}), ("control", {"c1"})])
def test_a_released_row_is_in_the_way_of_its_own_code(
    within: str, gone: set[str], tmp_path: Path
) -> None:
    words = text(random.Random(3), 24)
    rows = [
        {
            "source": words,
            "target": words[:end],
            "compression": end / len(words),
            "rouge_l": 1.0,
            "entail_forward": 0.9,
            "entail_backward": 0.9,
            "task": "summary",
            "context_id": context,
        }
        for context, end in (("c1", 56), ("c2", 44))
    ]
    old = tmp_path / "old.parquet"
    columns = {"source": [words], "target": [words[:60]], "control": ["long-extractive"]}
    pq.write_table(pa.table({"id": ["x"], "task": ["summary"], **columns}), old)
    _, _, go = made(
        tmp_path / "run", [rows], old, f"duplicates.within={within}", "duplicates.max_drop=1"
    )
    assert {row["context_id"] for row in go} == gone


def test_a_release_without_codes_cannot_be_compared_by_them(tmp_path: Path) -> None:
    path = release(tmp_path, corpus(1))
    config = load_config("embedded", ("duplicates.within=control", f"duplicates.against={path}"))
    with pytest.raises(ConfigError, match="has no control"):
        list_files(config, 0)


def test_a_reference_that_names_no_release_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    pq.write_table(pa.table({"text": ["x"]}), tmp_path / "other.parquet")
    for name, said in (
        (str(tmp_path / "none"), "there is no corpus at"),
        (str(tmp_path / "other.parquet"), r"other\.parquet of .* has no id and no task"),
    ):
        config = load_config("embedded", (f"duplicates.against={name}",))
        with pytest.raises(ConfigError, match=said) as raised:
            list_files(config, 0)
        assert raised.value.hint
