"""An ensemble of two critics in one folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from builder.critics.folder import WEIGHTS
from builder.critics.spec import SECOND_WEIGHTS, SPEC_FILE, read_spec
from builder.errors import ConfigError
from builder.facts import EVALUATION_FILE
from builder.models import resolve
from dimsum.files import open_whole_folder, try_new_folder, write_json


def join(first: str, second: str, output: Path, alone_below: float = 0.0) -> None:
    """Write a critic that asks two others (`builder.critics.entailment` says how they agree).

    Args:
        first: a critic that `dimsum critic train` wrote.
        second: another one, trained with `method: full` and `frozen_embeddings: true`, so that
            all it needs beside its base is one file.
        output: a new or empty folder.
        alone_below: P(entailment) by the second below which the first is not asked.

    Raises:
        ConfigError: one of them is no such critic.
        UsageError: something is in `output`.
    """
    try_new_folder(output)
    folder, other = (Path(resolve(reference).path) for reference in (first, second))
    document, companion = _read_document(folder, first), _read_document(other, second)
    if document.get("second") or companion.get("second"):
        raise ConfigError(
            "one of the critics is made of two itself",
            hint="join two that are made of one model each",
        )
    if not companion.get("frozen_embeddings"):
        raise ConfigError(
            f"{second} is no encoder with its base's embeddings",
            hint="train it with method=full and frozen_embeddings=true",
        )
    unlike = shutil.ignore_patterns("README.md", EVALUATION_FILE)
    with open_whole_folder(output) as scratch:
        shutil.copytree(folder, scratch, ignore=unlike, dirs_exist_ok=True)
        shutil.copy(other / WEIGHTS, scratch / SECOND_WEIGHTS)
        write_json(
            scratch / SPEC_FILE, {**document, "second": companion, "alone_below": alone_below}
        )


def _read_document(folder: Path, reference: str) -> dict[str, Any]:
    if read_spec(folder) is None:
        raise ConfigError(
            f"{reference} was not made by `dimsum critic train`",
            hint="join two folders that `dimsum critic train` made",
        )
    document: dict[str, Any] = json.loads((folder / SPEC_FILE).read_text(encoding="utf-8"))
    return document
