"""What a candidate method is: settings, and a function from contexts to drawn sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import Field

from dimsum.settings import Settings

if TYPE_CHECKING:
    from builder.models import LoadedModel
    from builder.teachers.base import EngineTeacher


class MethodSettings(Settings):
    """One method of the list `candidates.methods`; the settings of each kind extend this."""

    kind: str = Field(description="a method's name, or module:name of one of your own")
    share: float = Field(1.0, gt=0, le=1, description="of the candidates of a context")


@dataclass(frozen=True)
class Request:
    """What a method is asked for.

    Attributes:
        prompts: what the teacher continues, one for each context.
        earlier: for each context, the sentences that the methods before have given, in order.
        count: draws wanted of each context.
        seed: the only source of chance.
        teacher: with its tokenizer; an `EngineTeacher` where another engine computes it.
        tick: called with a count of tokens as they are written, for the progress line.
        contexts: what the prompts hold without the openings that are stored apart.
    """

    prompts: list[str]
    earlier: list[list[str]]
    count: int
    seed: int
    teacher: LoadedModel | EngineTeacher
    tick: Callable[[int], None]
    contexts: list[str] = field(default_factory=list)

    @property
    def loaded(self) -> LoadedModel:
        """The teacher's model itself, for methods with `needs_model`."""
        from dimsum.models import LoadedModel

        assert isinstance(self.teacher, LoadedModel), "the configuration refuses such a method"
        return self.teacher


@dataclass(frozen=True, slots=True)
class Draw:
    """One sentence that was asked for, and what came of it.

    Attributes:
        context: its position in `Request.prompts`.
        text: what the teacher wrote; its first whole sentence is the candidate.
        logprob: sum over the tokens under the teacher at temperature 1, in nats.
        tokens: generated.
        cut: max_new_tokens ended the text, so that a sentence may lack its end.
        reason: why there is no text; None when all is well.
        method: what the column `method` says where it is not the method's own name.
    """

    context: int
    text: str = ""
    logprob: float = 0.0
    tokens: int = 0
    cut: bool = False
    reason: str | None = None
    method: str | None = None


@dataclass(frozen=True)
class Method:
    """A way to draw candidates.

    Attributes:
        name: its kind in a configuration, and what the column `method` says.
        settings: pydantic model of its settings.
        draw: (settings, request) -> at least `count` draws of each context.
        version: raised when `draw` would give other sentences for the same request.
        libraries: whose versions change what `draw` gives, besides those that compute the teacher.
        describe: its settings in a few words, for the report.
        needs_earlier: it works on what other methods gave before, so it cannot be the first.
        needs_model: it computes with `Request.teacher` itself; one that only samples by
            `builder.sampling` works with a teacher behind a server too.
    """

    name: str
    settings: type[MethodSettings]
    draw: Callable[[Any, Request], Sequence[Draw]]
    version: int = 1
    libraries: tuple[str, ...] = ()
    describe: Callable[[Any], str] = lambda settings: ""
    needs_earlier: bool = False
    needs_model: bool = True
