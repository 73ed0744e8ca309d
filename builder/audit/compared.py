"""Outputs of several systems on the same sources, drawn for readers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from builder.audit.key import Compared, Corpus
from builder.audit.record import digest_rows
from builder.errors import ConfigError
from builder.store import digest, make_seed
from dimsum.data.files import find_form, read_file_rows
from dimsum.data.values import Row, explain_not_text
from dimsum.evaluation.saved_outputs import OUTPUTS


def is_outputs(path: Path) -> bool:
    """Whether a folder or a file holds systems' outputs and not pairs."""
    if path.is_dir():
        return (path / OUTPUTS).is_file()
    return find_form(path) == "jsonl" and "outputs" in next(read_file_rows(path), {})


def draw_compared(
    paths: Sequence[Path], n: int, task: str, seed: int
) -> tuple[Corpus, tuple[Compared, ...]]:
    """A simple random sample of the sources, each with the outputs of all systems.

    Raises:
        ConfigError: a file without outputs, other sources in one of them, a system named twice
            with different outputs, or fewer than two systems.
    """
    sources, outputs = _read(paths)
    if len(outputs) < 2:
        raise ConfigError(
            f"there is one system to compare, {', '.join(outputs) or 'none'}",
            hint="evaluate two or more together, or name a second folder with --compare",
        )
    rng = random.Random(make_seed(seed, "comparison", sources))
    chosen = sorted(rng.sample(range(len(sources)), min(n, len(sources))))
    rows = tuple(
        _make_row(sources[i], i, task, {k: v[i] for k, v in outputs.items()}) for i in chosen
    )
    corpus = Corpus(
        name=", ".join(outputs),
        origin="outputs",
        folder=str(paths[0].resolve()),
        rows=digest_rows([digest([source, i])[:16] for i, source in enumerate(sources)]),
        count=len(sources),
    )
    return corpus, rows


def _make_row(source: str, number: int, task: str, written: dict[str, str]) -> Compared:
    texts = tuple(dict.fromkeys(written.values()))
    return Compared(
        id=digest([source, number])[:16],
        source=source,
        task=task,
        outputs=texts,
        systems={name: texts.index(text) for name, text in written.items()},
    )


def _read(paths: Sequence[Path]) -> tuple[list[str], dict[str, list[str]]]:
    """Sources, and each system's outputs in their order."""
    sources: list[str] = []
    outputs: dict[str, list[str]] = {}
    for path in paths:
        file = path / OUTPUTS if path.is_dir() else path
        rows = list(read_file_rows(file))
        try:
            here = [_read_text(row["source"], row, file) for row in rows]
            systems = {
                name: [_read_text(row["outputs"][name], row, file) for row in rows]
                for name in _list_names(rows)
            }
        except (KeyError, TypeError, AttributeError) as error:
            raise ConfigError(
                f"{file} does not hold the outputs of systems",
                hint="`dimsum evaluate --save-outputs FOLDER` writes them",
            ) from error
        if not here:
            raise ConfigError(f"{file} is empty", hint="give a file that has rows")
        if sources and here != sources:
            raise ConfigError(
                f"{file} has other sources than {paths[0]}",
                hint="systems are compared on the same sources in the same order",
            )
        sources = here
        for name, texts in systems.items():
            if outputs.setdefault(name, texts) != texts:
                raise ConfigError(f"two systems are called {name!r}", hint="rename one of them")
    return sources, outputs


def _read_text(value: Any, row: Row, file: Path) -> str:
    if reason := explain_not_text(value):
        raise ConfigError(
            f"{file}, {row.position}, holds no text but a {reason}",
            hint="its outputs are texts; correct the row, or leave the file out",
        )
    return str(value)


def _list_names(rows: Sequence[dict[str, Any]]) -> list[str]:
    return list(rows[0]["outputs"]) if rows else []
