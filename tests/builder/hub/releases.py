"""A small dataset and a small student, as `dimsum release` and a training would leave them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from builder.hub.local import dump_facts
from builder.hub.manifest import MANIFEST, write_manifest
from cards.facts import FACTS_PATH, ColumnFacts, ConfigFacts, DataFile, DatasetFacts, SplitFacts
from cards.render import render_card
from dimsum.files import hash_file
from tests.cards.examples import COLUMNS, ROWS, SPLITS, data_path, dataset_facts, model_facts

TYPES = {"string": pa.string(), "int32": pa.int32(), "float32": pa.float32()}
Rows = dict[tuple[str, str], int]


def table(task: str, split: str, rows: int, word: str, columns: tuple = COLUMNS) -> pa.Table:
    def value(name: str, dtype: str, row: int) -> object:
        if name == "task":
            return task
        return f"{word} {task} {split} {row} {name}" if dtype == "string" else row

    schema = pa.schema([(name, TYPES[dtype]) for name, dtype, _ in columns])
    data = [{n: value(n, d, row) for n, d, _ in columns} for row in range(rows)]
    return pa.Table.from_pylist(data, schema=schema)


def make_dataset(
    folder: Path,
    rows: Rows = ROWS,
    word: str = "first",
    columns: tuple = COLUMNS,
    **changes: object,
) -> Path:
    """Writes a release anew; `word` tells the rows of one from those of another."""
    shutil.rmtree(folder, ignore_errors=True)
    for (task, split), count in rows.items():
        path = folder / data_path(task, split)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table(task, split, count, word, columns), path)
    named = tuple(ColumnFacts(name=n, dtype=d, meaning=m) for n, d, m in columns)
    facts = measured(folder, dataset_facts(rows, columns=named, **changes))
    (folder / "provenance").mkdir(exist_ok=True)
    (folder / "provenance/config.yaml").write_text(f"seed: 3\nword: {word}\n")
    (folder / "provenance/funnel.json").write_text(json.dumps({"word": word}) + "\n")
    (folder / "pictures").mkdir(exist_ok=True)
    (folder / "pictures/funnel.png").write_bytes(b"\x89PNG\r\n\x1a\n" + word.encode())
    (folder / FACTS_PATH).write_text(dump_facts(facts))
    (folder / "README.md").write_text(render_card(facts))
    write_manifest(folder)
    return folder


def measured(folder: Path, facts: DatasetFacts) -> DatasetFacts:
    """The facts with the sizes and hashes of the files as they are."""

    def split(old: SplitFacts) -> SplitFacts:
        files = tuple(
            DataFile(
                path=file.path,
                bytes=(folder / file.path).stat().st_size,
                sha256=hash_file(folder / file.path),
            )
            for file in old.files
        )
        return old.model_copy(update={"files": files})

    def config(old: ConfigFacts) -> ConfigFacts:
        return old.model_copy(update={"splits": tuple(split(each) for each in old.splits)})

    return facts.model_copy(update={"configs": tuple(config(each) for each in facts.configs)})


def make_student(folder: Path, seed: int = 0) -> Path:
    """A T5 of a few thousand parameters with a tokenizer of a few words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        GenerationConfig,
        PreTrainedTokenizerFast,
        T5Config,
        T5ForConditionalGeneration,
    )

    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(seed)
    config = T5Config(
        vocab_size=32,
        d_model=8,
        d_kv=4,
        d_ff=8,
        num_layers=1,
        num_heads=2,
        decoder_start_token_id=0,
    )
    T5ForConditionalGeneration(config).save_pretrained(folder)
    words = {
        word: at for at, word in enumerate(["<pad>", "</s>", "<unk>", "the", "council", "met"])
    }
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(folder)
    GenerationConfig(decoder_start_token_id=0, eos_token_id=1, pad_token_id=0).save_pretrained(
        folder
    )
    facts = model_facts()
    (folder / "provenance").mkdir()
    (folder / "provenance/config.yaml").write_text("learning_rate: 1e-4\n")
    (folder / FACTS_PATH).write_text(dump_facts(facts))
    (folder / "provenance/evaluation.json").write_text('{"rouge_l": 41.25}\n')
    (folder / "README.md").write_text(render_card(facts))
    write_manifest(folder)
    return folder


__all__ = ["MANIFEST", "ROWS", "SPLITS", "Rows", "make_dataset", "make_student", "measured"]
