"""Where a critic's training stands, in one file, so that an interruption costs a few minutes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from builder.errors import ConfigError
from dimsum.files import open_atomic
from dimsum.lock import LOCK

if TYPE_CHECKING:
    import torch

FILE = "unfinished.safetensors"
SCRATCH = f".{FILE}."
"""How the names begin of what is written and not yet whole."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A training after some steps.

    Attributes:
        step: how many were taken.
        tensors: all that they changed, the random generator's state among it.
    """

    step: int
    tensors: dict[str, torch.Tensor]


def is_usable(folder: Path) -> bool:
    """Whether a training may write there: a new folder, an empty one, or one with a training that
    was begun, be it killed during its first checkpoint."""
    if not folder.exists() or (folder / FILE).is_file():
        return True
    return folder.is_dir() and all(
        path.name == LOCK or _was_cut_short(path) for path in folder.iterdir()
    )


def write(folder: Path, identity: str, checkpoint: Checkpoint) -> None:
    """Put the checkpoint into the folder, in the place of an earlier one.

    Args:
        identity: what a training has to have in common with the one that it goes on with.

    Raises:
        DimsumError: the disk is full; the earlier checkpoint is kept.
    """
    from safetensors.torch import save

    facts = {"identity": identity, "step": str(checkpoint.step)}
    with open_atomic(folder / FILE) as stream:
        stream.write(save(checkpoint.tensors, metadata=facts))


def read(folder: Path, identity: str) -> Checkpoint | None:
    """The checkpoint of this very training, None where none was begun.

    Raises:
        ConfigError: the folder holds another training, or a file that cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    path = folder / FILE
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as stored:
            facts = stored.metadata() or {}
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ConfigError(
            f"{path} cannot be read: {error}", hint="remove it to begin anew"
        ) from error
    if facts.get("identity") != identity:
        raise ConfigError(
            f"{folder} holds a training that was begun with another recipe or other data",
            hint="choose a new folder, or go on as it was begun",
        )
    return Checkpoint(int(facts["step"]), tensors)


def remove(folder: Path) -> None:
    """The training is finished; writes that were cut short go with its checkpoint."""
    for path in folder.iterdir():
        if path.is_dir() and _was_cut_short(path):
            shutil.rmtree(path, ignore_errors=True)
        elif path.name == FILE or _was_cut_short(path):
            path.unlink()


def _was_cut_short(path: Path) -> bool:
    """Whether it is what a killed write of a checkpoint or of the critic left."""
    return path.name.startswith(SCRATCH)
