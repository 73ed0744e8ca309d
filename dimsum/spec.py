"""What a student says of itself: `student.json` beside its weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dimsum.errors import ModelError, UsageError
from dimsum.prompts import Architecture, PromptFormat
from dimsum.sampling import NoRepeatNgram, Sampling

SPEC_FILE = "student.json"


class Generation(Sampling):
    """How a student writes; a single output is greedy or of a beam search, several are sampled."""

    no_repeat_ngram: NoRepeatNgram = Field(
        3, description="no n-gram of an output comes twice; the source does not count; 0: off"
    )
    beams: int = Field(1, ge=1, description="of an output that is not sampled; 1: greedy")
    early_stopping: bool = Field(
        False, description="a search ends as soon as so many texts have ended as it has beams"
    )


class StudentSpec(BaseModel):
    """A student's description.

    Attributes:
        prompts: its prompt format.
        trained: training examples of each control code; empty for a model that is no student yet.
        base: the model it was trained from, as a card may show it.
        training: the settings, data and measured facts of its training.
    """

    model_config = ConfigDict(extra="ignore")

    version: int = 1
    architecture: Architecture
    prompts: PromptFormat
    max_source_tokens: int = Field(512, ge=8)
    generation: Generation = Generation()
    trained: dict[str, int] = Field(default_factory=dict)
    base: str = ""
    training: dict[str, Any] = Field(default_factory=dict)

    @property
    def codes(self) -> list[str]:
        """Control codes that the student knows: those it was trained on, else all of its format."""
        known = [code for code in self.prompts.instructions if self.trained.get(code)]
        return known or list(self.prompts.instructions)

    def code_for(self, task: str, options: Mapping[str, str | None] | None = None) -> str:
        """The control code for a task; what is left open is taken as training had it most often.

        Args:
            options: of the task, such as the length of a summary; None is left open.

        Raises:
            UsageError: a task, an option or a value that the student does not know.
        """
        asked = self.prompts.codes
        wanted = {name: value for name, value in (options or {}).items() if value is not None}
        every = [name for name in self.prompts.instructions if asked[name].task == task]
        for name, value in wanted.items():
            values = [asked[r].options[name] for r in every if name in asked[r].options]
            if not values and every:
                raise UsageError(
                    f"the student has no {name} to choose for the task {task!r}",
                    hint=f"what it was trained on: {', '.join(self.codes)}",
                )
            if value not in values and every:
                known = dict.fromkeys(values)
                raise UsageError(
                    f"{value!r} is no {name} of the task {task!r}", hint=f"use {' or '.join(known)}"
                )
        fitting = [
            name
            for name in self.codes
            if asked[name].task == task and wanted.items() <= asked[name].options.items()
        ]
        if not fitting:
            raise self._unknown("-".join(wanted.values()) or task)
        return max(fitting, key=lambda code: self.trained.get(code, 0))

    def check_code(self, code: str) -> None:
        """Refuse a control code that the student does not know.

        Raises:
            UsageError: with the codes that it knows.
        """
        if code not in self.codes:
            raise self._unknown(code)

    def _unknown(self, code: str) -> UsageError:
        return UsageError(
            f"the student does not know the control code {code!r}",
            hint=f"it was trained on {', '.join(self.codes)}",
        )


def read_spec(folder: Path) -> StudentSpec | None:
    """A student's description, or None for a plain model.

    Raises:
        ModelError: a description that cannot be read.
    """
    path = folder / SPEC_FILE
    if not path.is_file():
        return None
    try:
        return StudentSpec.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise ModelError(
            f"{path} is not a student's description", hint="it may be damaged or of a newer version"
        ) from error


def measure_shares(trained: Counter[str]) -> dict[str, float]:
    """Share of each control code among training examples."""
    total = sum(trained.values())
    return {name: count / total for name, count in sorted(trained.items())} if total else {}
