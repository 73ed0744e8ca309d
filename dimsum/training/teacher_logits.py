"""A teacher's largest log-probabilities on disk, so that a training needs no teacher in memory.

FOLDER/train-00000.safetensors       of 256 examples each: the ids of the teacher's k likeliest
FOLDER/validation-00000.safetensors  tokens at every target position and their log-probabilities
FOLDER/teacher.json                  what they are of; written last, so a folder with it is whole

The tokens that are left out are one class together in the loss (`weights.add_rest`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dimsum.devices import pick_device
from dimsum.errors import DimsumError, UsageError
from dimsum.files import open_atomic, try_folder, write_json
from dimsum.hub import find_models
from dimsum.lock import LOCK, hold
from dimsum.objectives.settings import GKD
from dimsum.pairs import Data, check_data

if TYPE_CHECKING:
    import torch

    from dimsum.training.examples import Examples
    from dimsum.training.recipe import Recipe
    from dimsum.training.teacher import Teacher

SHARD = 256
"""Examples of one file."""
BATCH = 8
FACTS = "teacher.json"
BEGUN = "begun.json"
PARTS = ("train", "validation")


class CachedTeacher:
    """A teacher of which the largest log-probabilities are on disk.

    Attributes:
        objective: what is learnt of it.
    """

    def __init__(self, objective: GKD, folder: Path, examples: str) -> None:
        """Open a folder.

        Args:
            examples: hash of the training's examples, which must be those of the folder.

        Raises:
            UsageError: it is not whole, or of other examples, another teacher or temperature.
        """
        self.objective, self.folder = objective, folder
        asked = {
            "examples": examples,
            "temperature": objective.temperature,
            "teacher": _make_identity(objective),
        }
        try:
            self._facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
            found = {what: self._facts[what] for what in asked}
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise UsageError(
                f"{folder} holds no teacher's logits, or not all of them",
                hint="`dimsum teacher-logits` writes them, and goes on where it stopped",
            ) from error
        for what, wanted in asked.items():
            if found[what] != wanted:
                raise UsageError(
                    f"the teacher's logits in {folder.name} are of another {what}",
                    hint="write them again with this data, recipe and teacher",
                )

    @property
    def name(self) -> str:
        """As a card may show it."""
        return str(self._facts["facts"]["reference"])

    def facts(self) -> dict[str, Any]:
        """What a student's description keeps of it."""
        return {"teacher": {**self._facts["facts"], "top": self._facts["top"]}}

    def give(self, part: str, examples: Examples) -> None:
        """Hand examples the log-probabilities of their targets, which items then have.

        Raises:
            UsageError: a file is not there or damaged.
        """
        import torch

        numbers = range(-(-len(examples) // SHARD))
        shards = [_read(self.folder / f"{part}-{number:05d}.safetensors") for number in numbers]
        examples.teacher_ids = torch.cat([shard["ids"] for shard in shards])
        examples.teacher_logs = torch.cat([shard["logs"] for shard in shards])


def _read(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        found = load_file(path)
    except (OSError, SafetensorError) as error:
        raise UsageError(
            f"{path} is not there or damaged",
            hint="remove it and run the same `dimsum teacher-logits` again",
        ) from error
    return {name: found[name] for name in ("ids", "logs")}


def refuse_others(folder: Path) -> None:
    """Refuse a folder in which something else lies, before any model works for it.

    Raises:
        UsageError: something else lies there.
    """
    others = [path for path in folder.iterdir() if path.name != LOCK] if folder.is_dir() else []
    if others and not (folder / BEGUN).is_file():
        raise UsageError(f"{folder} holds something else than logits", hint="choose a new folder")


def write_teacher_logits(
    teacher: Teacher,
    parts: dict[str, Examples],
    identity: str,
    folder: Path,
    top: int,
    vocabulary: int,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Write a teacher's `top` largest log-probabilities, or go on writing them.

    Args:
        parts: the examples, by the names of `PARTS`.
        identity: hash of all of them.
        folder: a new or empty one, or one in which this was begun.
        top: tokens at each target position.
        vocabulary: tokens that are some.

    Returns:
        facts for a person.

    Raises:
        UsageError: a folder with something else, or more tokens than the vocabulary has.
    """
    if top > vocabulary:
        raise UsageError(
            f"the vocabulary has {vocabulary:,} tokens, not {top:,}", hint="lower --top"
        )
    said = {
        "examples": identity,
        "temperature": teacher.objective.temperature,
        "teacher": _make_identity(teacher.objective),
        "top": top,
        "facts": teacher.facts()["teacher"],
    }
    refuse_others(folder)
    begun = folder / BEGUN
    if begun.is_file() and _read_begun(begun) != said:
        raise UsageError(
            f"{folder} holds the logits of other examples, or of another teacher or --top",
            hint="choose a new folder",
        )
    write_json(begun, said)
    tokens = 0
    for part, examples in parts.items():
        for number, start in enumerate(range(0, len(examples), SHARD)):
            path = folder / f"{part}-{number:05d}.safetensors"
            rows = range(start, min(start + SHARD, len(examples)))
            tokens += sum(len(examples.row(i)[1]) for i in rows)
            if not path.is_file():
                _write(teacher, [examples[i] for i in rows], path, top, vocabulary)
                say(f"{part}: {rows.stop:,} of {len(examples):,}")
    write_json(folder / FACTS, said)
    size = sum(path.stat().st_size for path in folder.iterdir())
    return {
        "folder": str(folder),
        "tokens": tokens,
        "top": top,
        "mebibytes": round(size / 2**20, 1),
    }


def _read_begun(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _write(
    teacher: Teacher, items: list[dict[str, Any]], path: Path, top: int, vocabulary: int
) -> None:
    import torch
    from safetensors.torch import save

    from dimsum.training.examples import Collator
    from dimsum.training.target_positions import split_inputs

    collator = Collator(teacher.writer.tokenizer)
    device = teacher.model.device
    found: dict[str, list[torch.Tensor]] = {"ids": [], "logs": []}
    for start in range(0, len(items), BATCH):
        batch = {k: v.to(device) for k, v in collator(items[start : start + BATCH]).items()}
        given, mask = split_inputs(teacher.model, batch)
        rows = teacher.logits_at(given, mask)
        for part in torch.split(torch.arange(int(mask.sum()), device=device), 64):
            logits = rows(part)[:, :vocabulary].float() / teacher.objective.temperature
            logs, ids = logits.log_softmax(-1).topk(top, dim=-1)
            if not torch.isfinite(logs[:, 0]).all():
                raise DimsumError(
                    f"the teacher {teacher.name} gives no numbers for an example",
                    hint="its weights are damaged, or too large for its dtype",
                )
            found["ids"].append(ids.to(torch.int32).cpu())
            found["logs"].append(logs.cpu())
    with open_atomic(path) as stream:
        stream.write(save({name: torch.cat(parts) for name, parts in found.items()}))


def _make_identity(objective: GKD) -> str:
    from dimsum.models import resolve

    return resolve(objective.teacher).identity


def prepare_logits(
    data: Data,
    recipe: Recipe,
    output: Path,
    top: int,
    *,
    device: str | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Write the log-probabilities that a training of this recipe on this data needs.

    Raises:
        UsageError: a recipe without a teacher, one that needs more than its logits on given
            targets; or as `train` and `write_teacher_logits`.
        Busy: another process writes there.
    """
    from dimsum.student import Student

    objective = recipe.objective
    if not isinstance(objective, GKD):
        raise UsageError(
            "the recipe has no teacher", hint="name one: --set objective.teacher=MODEL"
        )
    if objective.on_policy or objective.sequence_level:
        raise UsageError(
            "only the logits on given targets can be written before a training",
            hint="set objective.lambda to 0 and objective.sequence_level to false",
        )
    refuse_others(output)
    with hold(output, "writing logits"):
        try_folder(output)
        check_data(data.reference, recipe.columns(data.columns), data.config, recipe.definitions)
        find_models(recipe.student, objective.teacher)
        from dimsum.training.data import fit_prompts, prepare
        from dimsum.training.examples import hash_examples
        from dimsum.training.teacher import count_vocabulary, load_teacher, prepare_teacher

        student = Student.from_pretrained(recipe.student, device="cpu", dtype="float32")
        fit_prompts(student, recipe)
        plain = recipe.model_copy(
            update={"objective": objective.model_copy(update={"teacher_logits": None})}
        )
        loaded = load_teacher(student, plain, pick_device(device))
        ready = prepare(student, data, recipe)
        identity = hash_examples(ready.train, ready.validation)
        teacher: Any = prepare_teacher(loaded, student, plain, ready.train, identity)
        vocabulary = count_vocabulary(student.tokenizer)
        parts = dict(zip(PARTS, (ready.train, ready.validation), strict=True))
        return write_teacher_logits(teacher, parts, identity, output, top, vocabulary, say)
