"""Outputs of systems saved in a folder: to be read, and to be judged again with other systems."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dimsum.data.files import read_file_rows
from dimsum.errors import UsageError
from dimsum.evaluation.data import Example
from dimsum.evaluation.evaluate import System
from dimsum.files import open_whole_file, write_json

OUTPUTS = "outputs.jsonl"
SYSTEMS = "systems.json"


def save_outputs(folder: Path, systems: Sequence[System], examples: Sequence[Example]) -> None:
    """Write source, references and each system's output by line, and what made the systems."""
    with open_whole_file(folder / OUTPUTS) as stream:
        for i, example in enumerate(examples):
            row = {
                "source": example.source,
                "references": list(example.references),
                "outputs": {system.name: system.outputs[i] for system in systems},
            }
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
    about = {
        system.name: {
            "asked": dict(system.asked),
            "facts": dict(system.facts),
            "control": dict(system.control),
        }
        for system in systems
    }
    write_json(folder / SYSTEMS, about)


def are_saved(folder: Path) -> bool:
    """Whether all that `save_outputs` writes is there."""
    return (folder / OUTPUTS).is_file() and (folder / SYSTEMS).is_file()


def read_or_write(
    known: Sequence[System],
    name: str,
    asked: Mapping[str, Any],
    write: Callable[[], System],
    say: Callable[[str], None],
) -> System:
    """A system as it was saved for these very examples, under the name that it has now, or written.

    Args:
        known: systems that were saved.
        asked: all that its outputs depend on beside the examples.
    """
    found = next((one for one in known if one.asked == asked), None)
    if found is None:
        return replace(write(), asked=asked)
    say(f"{name}: its outputs are reused")
    return replace(found, name=name)


def read_outputs(folder: Path, examples: Sequence[Example]) -> list[System]:
    """The systems of an earlier evaluation on the same examples, as `save_outputs` wrote them.

    Raises:
        UsageError: nothing readable is there, or it is about other examples.
    """
    try:
        about = json.loads((folder / SYSTEMS).read_text(encoding="utf-8"))
        rows = list(read_file_rows(folder / OUTPUTS))
        seen = [(row["source"], tuple(row["references"])) for row in rows]
        systems = [
            System(name, [row["outputs"][name] for row in rows], **known)
            for name, known in about.items()
        ]
    except (OSError, UsageError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{folder} holds no outputs of an evaluation",
            hint="name a folder that --save-outputs has written",
        ) from error
    if seen != [(example.source, tuple(example.references)) for example in examples]:
        raise UsageError(
            f"the outputs in {folder} are for other examples",
            hint="reuse what was written for the same data, --where and --limit",
        )
    return systems
