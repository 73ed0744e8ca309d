"""What an evaluation is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dimsum.errors import UsageError
from dimsum.evaluation.baselines import BASELINES
from dimsum.loading import check_model
from dimsum.models import resolve
from dimsum.tasks import TaskDefinition
from dimsum.writing import BATCH_SIZE, VALIDITY

if TYPE_CHECKING:
    from dimsum.student import DType


@dataclass(frozen=True)
class Wanted:
    """What to judge and how."""

    task: TaskDefinition
    options: Mapping[str, str] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    baselines: tuple[str, ...] = ()
    teacher: str | None = None
    matched: bool = False
    rerank: int = 0
    rerank_critic: str = ""
    rerank_by: str = VALIDITY
    beams: int | None = None
    no_copies: bool = False
    outputs: tuple[str, ...] = ()
    bertscore: str | None = "auto"
    controls: int = 0
    reuse: Path | None = None
    batch_size: int = BATCH_SIZE
    device: str | None = None
    dtype: DType = "auto"

    @property
    def choice(self) -> str:
        """What a system that chooses among samples is called by."""
        by = "" if self.rerank_by == VALIDITY else f" by {self.rerank_by}"
        return f"best of {self.rerank}{by}"

    @property
    def chosen_by(self) -> dict[str, str]:
        """What such a choice depends on."""
        by = {} if self.rerank_by == VALIDITY else {"chosen_for": self.rerank_by}
        return {"chosen_by": resolve(self.rerank_critic).identity, **by}

    def check(self, output: Path | None, folder: Path | None) -> None:
        """Refuse what could only fail after hours.

        Raises:
            UsageError: nothing to judge, an unknown baseline, names that do not fit, or a place
                to write to that is taken.
        """
        if not (self.models or self.baselines or self.teacher or self.outputs):
            raise UsageError("there is nothing to judge", hint="name a MODEL or a --baseline")
        for name in ("rerank", "beams", "matched", "controls", "no_copies"):
            if getattr(self, name) and not self.models:
                raise UsageError(
                    f"--{name.replace('_', '-')} is about a MODEL, and none is named",
                    hint="name one",
                )
        if self.rerank_by != VALIDITY and not self.rerank:
            raise UsageError(
                "--rerank-by is about the choice of --rerank", hint="give --rerank a number"
            )
        for name in self.baselines:
            if name not in BASELINES:
                raise UsageError(
                    f"no baseline is called {name!r}", hint=f"known: {', '.join(BASELINES)}"
                )
        if self.names and len(self.names) != len(self.models):
            raise UsageError(
                f"{len(self.models)} models but {len(self.names)} names",
                hint="give one --name for each model, or none",
            )
        if self.teacher and self.task.teacher is None:
            raise UsageError(
                f"the task {self.task.name} has no prompts for a teacher",
                hint="leave --teacher out",
            )
        for path in (output, folder):
            if (
                path is not None
                and path.exists()
                and not (path.is_dir() and not any(path.iterdir()))
            ):
                raise UsageError(f"{path} exists", hint="choose another name")
        for text in self.outputs:
            _, equals, file = text.partition("=")
            if not equals or not Path(file).is_file():
                raise UsageError(
                    f"--outputs {text!r} is not NAME=FILE with a file that is there",
                    hint="check the path; NAME is what the table calls it",
                )

    def check_models(self) -> None:
        """Refuse models that could only fail after others have written.

        Raises:
            UsageError, ModelError: as `dimsum.loading.check_model`.
        """
        for model in self.models:
            check_model(model, "generator", device=self.device)
        if self.teacher:
            check_model(self.teacher, "generator", device=self.device, role="teacher")
