"""The teacher of a distillation: whether it can teach this student, and its distributions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from dimsum.errors import UsageError
from dimsum.loading import check_model, count_positions, find_class
from dimsum.models import Resolved, explain_loading, make_public_name, resolve
from dimsum.objectives.settings import GKD
from dimsum.opening import read_architecture
from dimsum.student import DType, Student
from dimsum.training.examples import Examples
from dimsum.training.recipe import Recipe
from dimsum.training.target_positions import find_target_logits
from dimsum.training.teacher_logits import CachedTeacher

Rows = Callable[[torch.Tensor], torch.Tensor]
"""Indices of target positions, shape (n,), to logits there, shape (n, at least the vocabulary)."""


class Teacher:
    """A model whose next-token distributions a student learns.

    Attributes:
        objective: what is learnt of it.
        model: in evaluation mode, without gradients.
        writer: it as a `Student`, which can write.
        resolved: where it came from.
    """

    def __init__(self, objective: GKD, writer: Student, resolved: Resolved) -> None:
        self.objective = objective
        self.writer = writer
        self.model = writer.model.requires_grad_(False).eval()
        self.resolved = resolved
        self._plain_head: bool | None = None

    @classmethod
    def load(cls, objective: GKD, device: torch.device, dtype: DType = "auto") -> Teacher:
        """Open the teacher of an objective.

        Args:
            dtype: of its weights, as in `Student.from_pretrained`.

        Raises:
            UsageError, ModelError: as `Student.from_pretrained`.
        """
        writer = Student.from_pretrained(objective.teacher, device=str(device), dtype=dtype)
        return cls(objective, writer, resolve(objective.teacher))

    @property
    def name(self) -> str:
        """As a card may show it."""
        return make_public_name(self.resolved.reference)

    @property
    def licence(self) -> str | None:
        """Of its weights, where it is known; a student's is that of what it was trained from."""
        return self.resolved.licence or self.writer.spec.training.get("licence")

    def facts(self) -> dict[str, Any]:
        """What a student's description keeps of it."""
        return {
            "teacher": {
                "reference": self.name,
                "identity": self.resolved.identity,
                "licence": self.licence,
                "parameters": sum(p.numel() for p in self.model.parameters()),
            }
        }

    @torch.no_grad()
    def logits_at(self, inputs: Mapping[str, torch.Tensor], mask: torch.Tensor) -> Rows:
        """What gives its logits at the positions of a mask, some at a time.

        Only the states before its head are kept for all of them. A model that does something to
        the logits behind its head has them computed at once.

        Args:
            inputs: of the forward pass.
            mask: boolean, shape (rows, columns of the states).
        """
        head = self.model.get_output_embeddings()
        if head is None or self._plain_head is False:
            whole = find_target_logits(self.model, inputs, mask)
            return lambda rows: whole[rows]
        states, found = _read_states(self.model, head, inputs, mask)
        if self._plain_head is None and len(states):
            self._plain_head = torch.allclose(head(states[:1]), found, rtol=1e-2, atol=1e-3)
            if not self._plain_head:
                return self.logits_at(inputs, mask)

        @torch.no_grad()
        def rows_of(rows: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = head(states[rows])
            return logits

        return rows_of


def load_teacher(student: Student, recipe: Recipe, device: torch.device) -> Teacher | None:
    """The teacher of a recipe that is to be in memory, if it has one.

    Raises:
        UsageError: as `check_teacher`.
        ModelError: it cannot be loaded.
    """
    objective = recipe.objective
    if not isinstance(objective, GKD) or objective.teacher_logits is not None:
        return None
    teacher = Teacher.load(
        objective, device, "float32" if recipe.precision == "float32" else "auto"
    )
    check_teacher(teacher.writer, student, (teacher.name, make_public_name(recipe.student)))
    return teacher


def prepare_teacher(
    loaded: Teacher | None, student: Student, recipe: Recipe, examples: Examples, identity: str
) -> Teacher | CachedTeacher | None:
    """The teacher of a recipe, in memory or on disk, once nothing speaks against it.

    Args:
        loaded: what `load_teacher` gave.
        identity: hash of the training's examples.

    Raises:
        UsageError: as `check_positions`, or a folder of other logits.
    """
    objective = recipe.objective
    if not isinstance(objective, GKD):
        return None
    if objective.teacher_logits is not None:
        return CachedTeacher(objective, objective.teacher_logits, identity)
    assert loaded is not None
    prompts, targets = examples.longest()
    if objective.samples_own:
        targets = max(targets, objective.sampling.max_new_tokens)
    check_positions(loaded.writer, f"the teacher {loaded.name}", (prompts, targets))
    check_positions(student, f"the student {make_public_name(recipe.student)}", (prompts, targets))
    return loaded


def _read_states(
    model: Any, head: Any, inputs: Mapping[str, torch.Tensor], mask: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """What the head would read at the positions of a mask, and the logits at the first of them."""
    states: list[torch.Tensor] = []

    def take(_: Any, given: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        states.append(given[0][mask])
        return (states[0][None, :1],)

    hook = head.register_forward_pre_hook(take, prepend=True)
    try:
        logits = model(**inputs, use_cache=False).logits
    finally:
        hook.remove()
    return states[0], logits[0]


def check_teacher(teacher: Student, student: Student, names: tuple[str, str]) -> None:
    """Refuse a teacher whose distributions mean something else than the student's.

    Args:
        names: of the teacher and of the student, for the message.

    Raises:
        UsageError: another architecture, vocabulary or end of sequence, or prompts of its own that
            are not the student's.
    """
    one, other = names
    _refuse_unlike(
        (teacher.spec.architecture, student.spec.architecture),
        (teacher.tokenizer, student.tokenizer),
        names,
    )
    if teacher.spec.trained and not _has_same_prompts(teacher, student):
        raise UsageError(
            f"the teacher {one} was trained with other prompts than the student {other}",
            hint="train the teacher with these tasks, codes and control, or begin the student "
            "from it",
        )


def check_teacher_files(recipe: Recipe, device: str | None = None) -> None:
    """Refuse the teacher of a recipe by what its files say, long before it is loaded.

    Raises:
        UsageError: as `check_teacher`, but for its prompts.
        ModelError: as `dimsum.loading.check_model`.
    """
    from transformers import AutoTokenizer

    objective = recipe.objective
    if not isinstance(objective, GKD) or objective.teacher_logits is not None:
        return
    check_model(objective.teacher, "generator", device=device, role="teacher")
    kinds, tokenizers = [], []
    for reference, role in ((objective.teacher, "teacher"), (recipe.student, "student")):
        resolved = resolve(reference)
        _, config = find_class("generator", resolved, role)
        kinds.append(read_architecture(config, reference, role))
        with explain_loading(reference):
            tokenizers.append(AutoTokenizer.from_pretrained(resolved.path, **resolved.arguments()))
    names = make_public_name(objective.teacher), make_public_name(recipe.student)
    _refuse_unlike((kinds[0], kinds[1]), (tokenizers[0], tokenizers[1]), names)


def _refuse_unlike(
    kinds: tuple[str, str], tokenizers: tuple[Any, Any], names: tuple[str, str]
) -> None:
    """Refuse a teacher of another architecture, vocabulary or end of sequence.

    Args:
        kinds: architectures of the teacher and of the student, as each of the others has it.
    """
    one, other = names
    theirs, ours = kinds
    if ours != theirs:
        raise UsageError(
            f"the teacher {one} is a {theirs} model, the student {other} a {ours} one",
            hint="both must be sequence-to-sequence, or both causal",
        )
    hint = "a teacher must have the student's own tokenizer: train the student from its family"
    if difference := _compare_vocabularies(*tokenizers):
        raise UsageError(
            f"the vocabularies of the teacher {one} and the student {other} differ: {difference}",
            hint=hint,
        )
    ends = [tokenizer.eos_token_id for tokenizer in tokenizers]
    if ends[0] != ends[1]:
        raise UsageError(
            f"the teacher {one} ends a text with the token {ends[0]}, the student {other} with "
            f"{ends[1]}",
            hint=hint,
        )


def check_positions(model: Student, name: str, longest: tuple[int, int]) -> None:
    """Refuse a model that cannot read the longest example.

    Args:
        longest: tokens of the longest prompt, and of the longest target.

    Raises:
        UsageError: with both numbers.
    """
    room = count_positions(model.model.config, model.tokenizer)
    needed = sum(longest) if model.spec.architecture == "causal" else max(longest)
    if needed > room:
        raise UsageError(
            f"{name} has {room} positions, and the longest example {needed} tokens",
            hint="lower max_source_tokens, max_target_tokens or sampling.max_new_tokens",
        )


def count_vocabulary(tokenizer: Any) -> int:
    """Tokens that are some: logits behind them are padding of a head."""
    return int(max(tokenizer.get_vocab().values())) + 1


def _compare_vocabularies(teacher: Any, student: Any) -> str:
    """What differs, in words; empty where nothing does."""
    sides = [{i: token for token, i in one.get_vocab().items()} for one in (teacher, student)]
    theirs, ours = sides
    differing = sorted(i for i in {*theirs, *ours} if theirs.get(i) != ours.get(i))
    if not differing:
        return ""
    first = differing[0]
    said = [repr(side[first]) if first in side else "no token" for side in sides]
    return (
        f"{len(differing):,} of {len({*theirs, *ours}):,} ids; {first} is {said[0]} to the "
        f"teacher and {said[1]} to the student"
    )


def _has_same_prompts(teacher: Student, student: Student) -> bool:
    one, other = teacher.spec.prompts, student.spec.prompts
    return (one.template, one.target_prefix) == (other.template, other.target_prefix) and (
        other.instructions.items() <= one.instructions.items()
    )
