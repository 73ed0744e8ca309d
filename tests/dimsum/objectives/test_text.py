"""What a smaller student first learns: the texts that its teacher wrote in a round, or now."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.scripts import script

text = script("distillation_text")


def test_each_new_text_and_one_copy_of_a_sentence_is_learnt(tmp_path: Path) -> None:
    def write(name: str, rows: list[tuple[str, str, str, str]]) -> None:
        keys = ("source", "target", "control", "reason")
        kept = [{key: value for key, value in zip(keys, row, strict=True) if value} for row in rows]
        pq.write_table(pa.Table.from_pylist(kept), tmp_path / "rewrites" / name)

    (tmp_path / "rewrites").mkdir()
    write(
        "00000.parquet",
        [
            ("A b c.", "A b.", "short-extractive", ""),
            ("A b c.", "C, a b.", "paraphrase", ""),
        ],
    )
    write(
        "00000.rejects.parquet",
        [
            ("A b c.", "A b c.", "paraphrase", "repeated"),  # the sentence itself
            ("A b c.", "A b c.", "long-extractive", "repeated"),  # once more
            ("A b c.", "A b.", "long-extractive", "repeated"),  # said under the other code
            ("D e.", "D and", "short-extractive", "unfinished"),
            ("D e.", "D e.", "short-extractive", "repeated"),
        ],
    )
    found = [(row["source"], row["target"], row["task"]) for row in text.read_written(tmp_path)]
    assert found == [
        ("A b c.", "A b.", "summary"),
        ("A b c.", "C, a b.", "paraphrase"),
        ("A b c.", "A b c.", "summary"),
        ("D e.", "D e.", "summary"),
    ]


def test_a_teacher_writes_for_the_training_sources_under_the_codes_of_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Teacher:
        def write(self, sources: Sequence[str], codes: Sequence[str]) -> list[list[str]]:
            return [
                ["" if source == "D e." and code == "paraphrase" else f"{code}: {source}"]
                for source, code in zip(sources, codes, strict=True)
            ]

    def open_teacher(*_: Any, **__: Any) -> Teacher:
        return Teacher()

    monkeypatch.setattr(text.Student, "from_pretrained", open_teacher)
    codes = [("summary", "long-extractive"), ("paraphrase", "paraphrase")]
    rows = [
        {"source": source, "target": "x", "task": task, "control": control}
        for source, (task, control) in zip(["A b c.", "D e."], codes, strict=True)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "train.parquet")
    held_out = [{**rows[0], "source": "Held out."}]
    pq.write_table(pa.Table.from_pylist(held_out), tmp_path / "test.parquet")
    found = list(text.write_texts("teacher", str(tmp_path), None))
    assert sorted((row["source"], row["target"], row["task"]) for row in found) == [
        ("A b c.", "long-extractive: A b c.", "summary"),
        ("A b c.", "paraphrase: A b c.", "paraphrase"),
        ("D e.", "long-extractive: D e.", "summary"),  # what is empty is left out
    ]
    assert len(list(text.write_texts("teacher", str(tmp_path), 1))) == 1
