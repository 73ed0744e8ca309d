"""The models of a run, loaded once a process, when a stage first asks and never before."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Literal

from builder.config import BuildConfig
from builder.errors import BuilderError
from builder.models import LoadedModel, load_causal
from builder.store import digest

if TYPE_CHECKING:
    from builder.critics.embedding import SentenceEncoder
    from builder.critics.entailment import EntailmentCritic
    from builder.teachers.base import EngineTeacher
    from dimsum.student import Student
    from dimsum.syntax.parsers import Parser

ROLES = ("teacher", "critic", "encoder", "student")


class ModelPool:
    """Loads each model once.

    Args:
        resolved: of each role, the dtype and the revision that were settled when the run was
            made, so that a resumed run computes as it began.
        say: gets one line about each model that is loaded.
        roles: that may be asked for.
        loaded: models by role, shared with other views of the same pool.
    """

    def __init__(
        self,
        config: BuildConfig,
        resolved: Mapping[str, Mapping[str, Any]],
        say: Callable[[str], None] = lambda line: None,
        roles: Collection[str] = ROLES,
        loaded: dict[str, Any] | None = None,
    ) -> None:
        self.config = config
        self.resolved = resolved
        self.say = say
        self.roles = roles
        self._loaded: dict[str, Any] = {} if loaded is None else loaded

    def only(self, roles: Collection[str], say: Callable[[str], None]) -> ModelPool:
        """The same models for a stage that declares these roles."""
        return ModelPool(self.config, self.resolved, say, roles, self._loaded)

    def teacher(self) -> LoadedModel | EngineTeacher:
        """The teacher, ready to sample from."""
        found: LoadedModel | EngineTeacher = self._once("teacher", self._load_teacher)
        return found

    def loaded_teacher(self) -> LoadedModel:
        """The teacher's model itself.

        Raises:
            BuilderError: another engine has it.
        """
        found = self.teacher()
        if not isinstance(found, LoadedModel):
            raise BuilderError(
                f"{found.model} is computed by another engine, and its numbers are asked for",
                hint="leave out what computes with it, or set teacher.engine.kind to torch",
            )
        return found

    def critic(self) -> EntailmentCritic:
        """The entailment critic, checked on sentence pairs whose verdict is known."""
        found: EntailmentCritic = self._once("critic", self._load_critic)
        return found

    def encoder(self) -> SentenceEncoder | None:
        """The sentence encoder, or None where the configuration names none."""
        if not self.config.pairs.encoder:
            return None
        found: SentenceEncoder = self._once("encoder", self._load_encoder)
        return found

    def parser(self) -> Parser:
        """The parser that the configuration names; it is no model that a run settles on.

        Raises:
            UsageError: there is none of that name.
        """
        from dimsum.syntax.parsers import find_parser

        return find_parser(self.config.parser)

    def student(self) -> Student:
        """The student of a round of self-distillation.

        Raises:
            BuilderError: the configuration has no round.
        """
        found: Student = self._once("student", self._load_student)
        return found

    def _once(self, role: str, load: Callable[[], tuple[Any, list[str]]]) -> Any:
        if role not in self.roles:
            raise BuilderError(
                f"a stage asked for the {role}, which it does not declare",
                hint="this is a fault of dimsum: name the role in the stage's models",
            )
        if role not in self._loaded:
            self._loaded[role], notes = load()
            for note in notes:
                self.say(f"{role}: {note}")
        return self._loaded[role]

    def _load_teacher(self) -> tuple[LoadedModel | EngineTeacher, list[str]]:
        wanted = self.config.teacher
        if wanted.server is not None:
            from builder.teachers.server import ServedTeacher

            served = ServedTeacher.find(wanted.server, wanted.model)
            return served, [*served.notes]
        if wanted.vllm is not None:
            from builder.teachers.vllm import VllmTeacher

            reference = self.reference("teacher", wanted.model)
            loaded = VllmTeacher.load(wanted.vllm, reference, self.resolved["teacher"]["dtype"])
            return loaded, [*loaded.notes]
        found = load_causal(
            self.reference("teacher", wanted.model),
            device=wanted.device,
            dtype=self.resolved["teacher"]["dtype"],
        )
        if self._decide_prepacking("teacher") == "on":
            from builder.prepacking import prepack

            prepack(found.model)
        return found, found.notes

    def _load_critic(self) -> tuple[EntailmentCritic, list[str]]:
        from builder.critics.entailment import EntailmentCritic

        name = self.reference("critic", self.config.critic.model)
        wanted = self.config.critic.model_copy(
            update={"model": name, "prepacked": self._decide_prepacking("critic")}
        )
        found = EntailmentCritic.load(wanted, self.resolved["critic"]["dtype"])
        return found, found.notes

    def _load_encoder(self) -> tuple[SentenceEncoder, list[str]]:
        from builder.critics.embedding import SentenceEncoder

        assert self.config.pairs.encoder is not None
        found = SentenceEncoder.load(
            self.reference("encoder", self.config.pairs.encoder),
            self._decide_prepacking("encoder"),
        )
        return found, found.notes

    def _load_student(self) -> tuple[Student, list[str]]:
        from builder.writing import open_student

        if self.config.round is None:
            raise BuilderError(
                "this run has no student", hint="only a round of `dimsum distill` has one"
            )
        wanted = self.config.round.student
        found = open_student(
            self.reference("student", wanted.model),
            device=wanted.device,
            dtype=self.resolved["student"]["dtype"],
            prepacked=self._decide_prepacking("student"),
        )
        return found, [found.note]

    def reference(self, role: str, wanted: str) -> str:
        """The model as configured, at the commit that the run has settled on."""
        commit = self.resolved.get(role, {}).get("revision")
        return f"{wanted.partition('@')[0]}@{commit}" if commit else wanted

    def _decide_prepacking(self, role: str) -> Literal["on", "off"]:
        """As the run has settled it; runs of before this setting had it off."""
        return "on" if self.resolved.get(role, {}).get("prepacked") else "off"


_pools: dict[str, ModelPool] = {}


def find_pool(config: BuildConfig, resolved: Mapping[str, Mapping[str, Any]]) -> ModelPool:
    """The models of a configuration in this process; those of another one are forgotten."""
    wanted = [config.teacher, config.critic, config.round and config.round.student]
    key = digest([[one and one.model_dump() for one in wanted], config.pairs.encoder, resolved])
    if key not in _pools:
        forget_models()
        _pools[key] = ModelPool(config, resolved)
    return _pools[key]


def forget_models() -> None:
    """Forget loaded models so that their memory can go."""
    _pools.clear()
