"""The columns of a released row: one Arrow schema for every shard and every config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dimsum.tasks import TaskDefinition
from dimsum.tasks.words import join_or

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
    Column("method", "string", "The candidate method that drew the later of the two sentences"),
    Column("round", "int32", "0: drawn from the teacher; 1 and up: rounds of self-distillation"),
    Column("context", "string", "The text that both sentences continue"),
    Column("context_id", "string", "The context's name within the run"),
    Column("teacher", "string", "The language model that the pair was distilled from"),
)
"""Those that no measure gives."""
_MEASURES_AT = [column.name for column in COLUMNS].index("context_id")
"""Where the columns of measures stand."""

CONTEXT_AS_SOURCE = "The text that both sentences continue, or the source where that is the text"


SYNTAX = Column("syntax", "string", "The target's tree, words left out, in brackets")
"""Released where a build asks for it; a target without a parse has none."""


def list_columns(
    tasks: Sequence[TaskDefinition], measures: Mapping[str, str]
) -> tuple[Column, ...]:
    """The released columns in the words of a corpus' tasks.

    Args:
        measures: column to meaning of those that measures give to every row, in their order.
    """
    options = ", ".join(join_or(option.values) for task in tasks for option in task.options)
    source = join_or([task.source for task in tasks])
    words = {
        "source": source[:1].upper() + source[1:],
        "target": f"Its {join_or([task.noun for task in tasks])}",
        "task": join_or([task.name for task in tasks]),
        **({"context": CONTEXT_AS_SOURCE} if any(t.takes == "context" for t in tasks) else {}),
        "control": f"Control code: {options}" if options else "Control code",
    }
    found = [replace(one, meaning=words.get(one.name, one.meaning)) for one in COLUMNS]
    found[_MEASURES_AT:_MEASURES_AT] = [
        Column(name, "float32", meaning[:1].upper() + meaning[1:])
        for name, meaning in measures.items()
    ]
    return tuple(found)


def make_arrow_schema(
    measures: Sequence[str], own: Sequence[str] = (), *, syntax: bool = False
) -> pa.Schema:
    """The explicit schema of every released parquet file.

    Args:
        measures: columns that measures give to every row, float32, in their order.
        own: columns of the user's own measures, float32; a row may lack a value.
        syntax: whether the last column is the target's tree.
    """
    import pyarrow as pa

    kinds = {"string": pa.string(), "int32": pa.int32(), "float32": pa.float32()}
    columns = [(column.name, kinds[column.dtype]) for column in COLUMNS]
    columns[_MEASURES_AT:_MEASURES_AT] = [(name, pa.float32()) for name in measures]
    fields = [pa.field(name, kind, nullable=False) for name, kind in columns]
    fields += [pa.field(name, pa.float32()) for name in own]
    fields += [pa.field(SYNTAX.name, pa.string())] if syntax else []
    return pa.schema(fields)
