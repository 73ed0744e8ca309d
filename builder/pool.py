"""The models of a run, loaded when a stage first asks and never before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from builder.config import BuildConfig
from builder.errors import BuilderError
from builder.models import LoadedModel, load_causal
from builder.prepacking import prepack

if TYPE_CHECKING:
    from builder.critics.embedding import SentenceEncoder
    from builder.critics.entailment import EntailmentCritic
    from dimsum.student import Student


class ModelPool:
    """Loads each model once.

    Args:
        resolved: of each role, the dtype and the revision that were settled when the run was
            made, so that a resumed run computes as it began.
        say: told one line about each model that is loaded.
    """

    def __init__(
        self,
        config: BuildConfig,
        resolved: Mapping[str, Mapping[str, Any]],
        say: Callable[[str], None],
    ) -> None:
        self.config = config
        self.resolved = resolved
        self.say = say
        self._teacher: LoadedModel | None = None
        self._critic: EntailmentCritic | None = None
        self._encoder: SentenceEncoder | None = None
        self._student: Student | None = None

    def teacher(self) -> LoadedModel:
        """The teacher, ready to sample from."""
        if self._teacher is None:
            wanted = self.config.teacher
            self._teacher = load_causal(
                self._reference("teacher", wanted.model),
                device=wanted.device,
                dtype=self.resolved["teacher"]["dtype"],
            )
            if self._prepacked("teacher") == "on":
                prepack(self._teacher.model)
            self._told("teacher", self._teacher.notes)
        return self._teacher

    def critic(self) -> EntailmentCritic:
        """The entailment critic, checked on sentence pairs whose verdict is known."""
        if self._critic is None:
            from builder.critics.entailment import EntailmentCritic

            name = self._reference("critic", self.config.critic.model)
            wanted = self.config.critic.model_copy(
                update={"model": name, "prepacked": self._prepacked("critic")}
            )
            self._critic = EntailmentCritic.load(wanted, self.resolved["critic"]["dtype"])
            self._told("critic", self._critic.notes)
        return self._critic

    def encoder(self) -> SentenceEncoder | None:
        """The sentence encoder, or None where the configuration names none."""
        if self._encoder is None and self.config.pairs.encoder:
            from builder.critics.embedding import SentenceEncoder

            self._encoder = SentenceEncoder.load(
                self._reference("encoder", self.config.pairs.encoder), self._prepacked("encoder")
            )
            self._told("encoder", self._encoder.notes)
        return self._encoder

    def student(self) -> Student:
        """The student of a round of self-distillation.

        Raises:
            BuilderError: the configuration has no round.
        """
        if self.config.round is None:
            raise BuilderError("this run has no student")
        if self._student is None:
            from builder.writing import student_of

            wanted = self.config.round.student
            self._student = student_of(
                self._reference("student", wanted.model),
                device=wanted.device,
                dtype=self.resolved["student"]["dtype"],
                prepacked=self._prepacked("student"),
            )
            self._told("student", [self._student.note])
        return self._student

    def _reference(self, role: str, wanted: str) -> str:
        """The model as configured, at the commit that the run has settled on."""
        commit = self.resolved.get(role, {}).get("revision")
        return f"{wanted.partition('@')[0]}@{commit}" if commit else wanted

    def _prepacked(self, role: str) -> Literal["on", "off"]:
        """As the run has settled it; runs of before this setting had it off."""
        return "on" if self.resolved.get(role, {}).get("prepacked") else "off"

    def release(self) -> None:
        """Forget loaded models so that their memory can go."""
        self._teacher = self._critic = self._encoder = self._student = None

    def _told(self, role: str, notes: list[str]) -> None:
        for note in notes:
            self.say(f"{role}: {note}")
