"""Targets that the teacher writes: sequence-level distillation (Kim and Rush 2016).

They are kept in the cache folder under the hash of everything that they depend on, so that an
interrupted writing goes on and several trainings share them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from dimsum.errors import UsageError
from dimsum.models import find_cache_folder
from dimsum.student import Student
from dimsum.training.examples import Examples
from dimsum.training.teacher import Teacher

CHUNK = 64
"""Prompts that are written for between two notes on disk."""


def write_targets(
    teacher: Teacher,
    student: Student,
    examples: Examples,
    most: int,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[Examples, int]:
    """The examples with the teacher's greedy outputs in the place of their targets.

    Args:
        most: tokens of a target, its end included.

    Returns:
        the examples, and how many were left out because the teacher wrote nothing.

    Raises:
        UsageError: it wrote nothing for any of them.
    """
    prompts = [examples.row(i)[0] for i in range(len(examples))]
    generation = teacher.writer.spec.generation
    generation = generation.model_copy(
        update={"max_new_tokens": min(generation.max_new_tokens, most - 1)}
    )
    key = sha256(
        json.dumps([teacher.resolved.identity, generation.model_dump(), prompts]).encode()
    ).hexdigest()
    path = find_cache_folder() / "targets" / f"{key[:32]}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = _read(path)[: len(prompts)]
    if len(texts) < len(prompts):
        say(f"{teacher.name} writes {len(prompts) - len(texts):,} targets")
    with path.open("w", encoding="utf-8") as stream:  # again, without a line that was cut off
        stream.writelines(json.dumps(text) + "\n" for text in texts)
        for start in range(len(texts), len(prompts), CHUNK):
            part = prompts[start : start + CHUNK]
            found = [one[0] for one in teacher.writer.continue_rows(part, generation=generation)]
            texts += found
            stream.writelines(json.dumps(text) + "\n" for text in found)
            stream.flush()
    rows = [
        (prompt, student.encode_target(text)[:most])
        for prompt, text in zip(prompts, texts, strict=True)
        if text
    ]
    if not rows:
        raise UsageError(
            f"the teacher {teacher.name} writes nothing for any of {len(prompts)} prompts",
            hint="take a teacher that was trained for these tasks",
        )
    return Examples(rows, causal=examples.causal), len(prompts) - len(rows)


def _read(path: Path) -> list[str]:
    """The texts that were written, up to the first line that is not whole."""
    texts: list[str] = []
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True):
            try:
                text = json.loads(line) if line.endswith("\n") else None
            except ValueError:
                break
            if not isinstance(text, str):
                break
            texts.append(text)
    return texts
