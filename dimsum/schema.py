"""The columns of a released row: one Arrow schema for every shard and every config."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dimsum.tasks import TaskDefinition
from dimsum.tasks.words import either

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Column:
    """A released column: its Arrow and datasets type name, and what it holds."""

    name: str
    dtype: str
    meaning: str


COLUMNS: tuple[Column, ...] = (
    Column("id", "string", "Hash of the source, the target and the task; stable across rebuilds"),
    Column("source", "string", "What the task begins with"),
    Column("target", "string", "What the task asks for"),
    Column("task", "string", "The task"),
    Column("control", "string", "Control code"),
    Column("domain", "string", "The domain whose openings began the text"),
    Column("method", "string", "parallel (free sampling) or sequential (keyword-constrained)"),
    Column("round", "int32", "0: drawn from the teacher; 1 and up: rounds of self-distillation"),
    Column("context", "string", "The text that both sentences continue"),
    Column("entail_forward", "float32", "Critic's P(source entails target)"),
    Column("entail_backward", "float32", "Critic's P(target entails source)"),
    Column("rouge_l", "float32", "ROUGE-L F1 of source and target, 0 to 1"),
    Column("compression", "float32", "Characters of the target over characters of the source"),
    Column("density", "float32", "Squared shared-fragment lengths over the target's tokens"),
    Column("context_id", "string", "The context's name within the run"),
    Column("teacher", "string", "The language model that the pair was distilled from"),
)

CONTEXT_AS_SOURCE = "The text that both sentences continue, or the source where that is the text"


SYNTAX = Column("syntax", "string", "The target's tree, words left out, in brackets")
"""Released where a build asks for it; a target without a parse has none."""


def columns_of(tasks: Sequence[TaskDefinition]) -> tuple[Column, ...]:
    """The released columns in the words of a corpus' tasks."""
    options = ", ".join(either(option.values) for task in tasks for option in task.options)
    source = either([task.source for task in tasks])
    words = {
        "source": source[:1].upper() + source[1:],
        "target": f"Its {either([task.noun for task in tasks])}",
        "task": either([task.name for task in tasks]),
        **({"context": CONTEXT_AS_SOURCE} if any(t.takes == "context" for t in tasks) else {}),
        "control": f"Control code: {options}" if options else "Control code",
    }
    return tuple(replace(one, meaning=words.get(one.name, one.meaning)) for one in COLUMNS)


def arrow_schema(own: Sequence[str] = (), *, syntax: bool = False) -> pa.Schema:
    """The explicit schema of every released parquet file.

    Args:
        own: columns of the user's own measures, float32; a row may lack a value.
        syntax: whether the last column is the target's tree.
    """
    import pyarrow as pa

    kinds = {"string": pa.string(), "int32": pa.int32(), "float32": pa.float32()}
    fields = [pa.field(c.name, kinds[c.dtype], nullable=False) for c in COLUMNS]
    fields += [pa.field(name, pa.float32()) for name in own]
    fields += [pa.field(SYNTAX.name, pa.string())] if syntax else []
    return pa.schema(fields)
