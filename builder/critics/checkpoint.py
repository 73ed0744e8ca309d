"""Where a critic's training stands, in one file, so that an interruption costs a few minutes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch

from builder.errors import ConfigError

FILE = "unfinished.safetensors"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A training after some steps.

    Attributes:
        step: how many were taken.
        tensors: all that they changed, the random generator's state among it.
    """

    step: int
    tensors: dict[str, torch.Tensor]


def identity_of(parts: Iterable[str]) -> str:
    """What a training has to have in common with the one that it goes on with."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode())
        digest.update(b"\0")
    return digest.hexdigest()


def write(folder: Path, identity: str, checkpoint: Checkpoint) -> None:
    """Put the checkpoint into the folder, in the place of an earlier one."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    scratch = folder / f".{FILE}"
    facts = {"identity": identity, "step": str(checkpoint.step)}
    save_file(checkpoint.tensors, scratch, metadata=facts)
    scratch.replace(folder / FILE)


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
    """The training is finished."""
    (folder / FILE).unlink(missing_ok=True)
