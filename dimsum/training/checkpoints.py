"""Checkpoints of a training: which is the newest that is whole."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from dimsum.files import hash_file, write_json

STATE = "trainer_state.json"
"""What the trainer writes last."""
SUMS = "sha256.json"
_ZIPPED = (".pt", ".pth", ".bin")


class Sums(TrainerCallback):  # type: ignore[misc]
    """Notes the bytes of each checkpoint, so that damage shows before a training goes on."""

    def on_save(self, args: Any, state: Any, control: Any, **named: Any) -> None:
        """As in transformers' TrainerCallback."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        if state.is_world_process_zero and folder.is_dir():
            files = [path for path in sorted(folder.iterdir()) if path.is_file()]
            write_json(folder / SUMS, {path.name: hash_file(path) for path in files})


def find_last_checkpoint(
    folder: Path, say: Callable[[str], None] = lambda line: None
) -> str | None:
    """The newest checkpoint that is whole; those that are not are taken away.

    Args:
        folder: of the checkpoints.
        say: gets a line about each that was finished once and is damaged.
    """
    newest = None
    steps = {path: int(path.name.rpartition("-")[2]) for path in folder.glob("checkpoint-*")}
    for path in sorted(steps, key=lambda one: -steps[one]):
        if newest is not None and (path / STATE).is_file():
            continue
        fault = _find_damage(path)
        if fault is None:
            newest = path
            continue
        if (path / STATE).is_file():
            say(f"{path.name} is damaged ({fault}); the training goes on from the one before it")
        shutil.rmtree(path, ignore_errors=True)
    return None if newest is None else str(newest)


def _find_damage(folder: Path) -> str | None:
    """The first file of a checkpoint that is not what was written, or None."""
    if not (folder / STATE).is_file():
        return STATE
    try:
        sums: dict[str, str] = dict(json.loads((folder / SUMS).read_text(encoding="utf-8")))
        names = list(sums)
    except (OSError, ValueError, TypeError):  # stopped right behind the checkpoint
        sums, names = {}, [path.name for path in sorted(folder.iterdir()) if path.name != SUMS]
    for name in names:
        path = folder / name
        if not path.is_file() or not (hash_file(path) == sums[name] if sums else _opens(path)):
            return name
    return None


def _opens(path: Path) -> bool:
    """Whether a file has the form that its name says, as far as that shows."""
    from safetensors import SafetensorError, safe_open

    try:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt"):
                return True
        if path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        elif path.suffix in _ZIPPED and zipfile.ZipFile(path).testzip() is not None:
            return False
    except (SafetensorError, OSError, ValueError, zipfile.BadZipFile):
        return False
    return path.stat().st_size > 0
