"""What a smaller student first learns: the texts that its teacher wrote in a round."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

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
