"""datatrove's and semhash's near-duplicates, asked by `scripts/bench/corpus.py`."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from builder.statistics.words import Array

Found = tuple[Array, float, str]
"""Whether each text stays, processor seconds, and how it was asked."""


def by_datatrove(texts: Sequence[str], bands: int, rows: int) -> Found:
    """Signatures, buckets and clusters of datatrove's MinHash, in one process."""
    from datatrove.data import Document
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup.minhash import (
        MinhashConfig,
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupSignature,
    )
    from datatrove.utils.hashing import HashConfig

    config = MinhashConfig(
        n_grams=3,
        num_buckets=bands,
        hashes_per_bucket=rows,
        hash_config=HashConfig(precision=64),
    )
    documents = [Document(text=text, id=str(number)) for number, text in enumerate(texts)]
    began = time.process_time()
    with tempfile.TemporaryDirectory() as scratch:
        steps = [
            [documents, MinhashDedupSignature(f"{scratch}/signatures", config=config)],
            [MinhashDedupBuckets(f"{scratch}/signatures", f"{scratch}/buckets", config=config)],
            [MinhashDedupCluster(f"{scratch}/buckets", f"{scratch}/gone", config=config)],
        ]
        for number, steps_of_one in enumerate(steps):
            tasks = bands if number == 1 else 1
            LocalPipelineExecutor(
                pipeline=steps_of_one, tasks=tasks, workers=1, logging_dir=f"{scratch}/logs{number}"
            ).run()
        kept = np.ones(len(texts), bool)
        for path in Path(f"{scratch}/gone").glob("*.remove"):
            kept[np.fromfile(path, "<u4")] = False
    took = time.process_time() - began
    how = f"datatrove {version('datatrove')}, 3-grams of words, {bands} bands of {rows} hashes"
    return kept, took, how


def by_semhash(texts: Sequence[str], threshold: float) -> Found:
    """Neighbours by the cosine of vectors."""
    from semhash import SemHash

    encoder = WordVectors()
    records: list[Any] = [{"number": n, "text": text} for n, text in enumerate(texts)]
    began = time.process_time()
    index = SemHash.from_records(records=records, columns=["text"], model=encoder)
    result = index.self_deduplicate(threshold=threshold)
    took = time.process_time() - began
    kept = np.zeros(len(texts), bool)
    kept[[record["number"] for record in result.selected]] = True
    how = f"semhash {version('semhash')}, cosine {threshold} of mean word vectors of MiniLM"
    return kept, took, how


class WordVectors:
    """The mean of the vectors that MiniLM has for the word pieces of a text."""

    def __init__(self) -> None:
        from transformers import AutoModel, AutoTokenizer

        from builder.models import resolve

        path = resolve("embedded:minilm-l6").path
        self.tokenizer = AutoTokenizer.from_pretrained(path)
        weights = AutoModel.from_pretrained(path).get_input_embeddings().weight
        self.vectors = weights.detach().float().numpy()

    def encode(self, inputs: Sequence[str], **kwargs: Any) -> Array:
        """A vector of unit length for each text."""
        found = np.empty((len(inputs), self.vectors.shape[1]), np.float32)
        for first in range(0, len(inputs), 1024):
            some = list(inputs[first : first + 1024])
            for number, ids in enumerate(
                self.tokenizer(some, add_special_tokens=False)["input_ids"], first
            ):
                found[number] = self.vectors[ids].mean(axis=0)
        return found / np.linalg.norm(found, axis=1, keepdims=True)
