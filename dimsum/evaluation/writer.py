"""The systems that a student makes: its outputs as asked for, and choices among several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Protocol

from dimsum.devices import pick_device
from dimsum.evaluation.data import Example
from dimsum.evaluation.evaluate import System, measure_control_accuracy
from dimsum.evaluation.matched import choose_nearest_in_length
from dimsum.evaluation.saved_outputs import read_or_write
from dimsum.evaluation.wanted import Wanted
from dimsum.hub import pin
from dimsum.models import make_public_name, resolve
from dimsum.rerank import (
    FURTHER_BEAMS,
    Judge,
    best_of,
    likeliest_obeying,
    write_beams,
    write_without_copies,
)

if TYPE_CHECKING:
    from dimsum.student import DType, Student


Write = Callable[[Sequence[str], str], list[str]]
"""An output for each source under a control code."""


class Open(Protocol):
    """Opens a student or a teacher."""

    def __call__(self, model: str, /, *, device: str | None, dtype: DType) -> Student:
        """A model's reference, as `Student.from_pretrained` takes it."""


def describe_inputs(wanted: Wanted, model: str, **further: Any) -> dict[str, Any]:
    """What the outputs of a model depend on beside the examples."""
    return {
        "version": version("dimsum-plus"),
        "model": pin(resolve(model)).identity,
        "task": wanted.task.name,
        "dtype": wanted.dtype,
        "device": pick_device(wanted.device).type,
        "batch_size": wanted.batch_size,
        **further,
    }


class Writer:
    """A student and what it writes for an evaluation; it is loaded only if it has to write."""

    def __init__(
        self,
        wanted: Wanted,
        index: int,
        model: str,
        examples: Sequence[Example],
        known: Sequence[System],
        say: Callable[[str], None],
        open_student: Open,
    ) -> None:
        self.wanted, self.model, self.known, self.say = wanted, model, known, say
        self.open = open_student
        self.name = wanted.names[index] if wanted.names else make_public_name(model)
        self.sources = [example.source for example in examples]
        self._written: dict[str, tuple[list[str], int]] = {}

    @cached_property
    def student(self) -> Student:
        """The student, loaded when it first writes."""
        found = self.open(self.model, device=self.wanted.device, dtype=self.wanted.dtype)
        self.say(found.note)
        return found

    @cached_property
    def code(self) -> str:
        """Its control code: one without codes has one kind of target, whatever is asked for."""
        options = self.wanted.options if self.student.spec.prompts.control else {}
        return self.student.spec.code_for(self.wanted.task.name, options)

    def greedy(self, code: str) -> tuple[list[str], int]:
        """The greedy outputs under a code, written once, and how many sources were cut for it."""
        if code not in self._written:
            written = self.student.write(self.sources, code, batch_size=self.wanted.batch_size)
            self._written[code] = [texts[0] for texts in written], self.student.cut
        return self._written[code]

    def as_asked(self) -> System:
        """Its greedy outputs under the code that is asked for."""
        wanted = self.wanted
        return self._once(self.name, {"controls": wanted.controls}, self._write)

    def best(self, judge: Judge | None) -> list[System]:
        """The best of several samples, and of beams if there are some, where that is asked for."""
        wanted = self.wanted
        if not wanted.rerank or judge is None:
            return []
        beams = f" and {wanted.beams} beams" if wanted.beams else ""
        further = {
            "rerank": wanted.rerank,
            "beams": wanted.beams,
            **wanted.chosen_by,
        }

        def write(sources: Sequence[str], code: str) -> list[str]:
            return best_of(
                self.student,
                sources,
                wanted.task,
                code,
                wanted.rerank,
                judge,
                beams=wanted.beams,
                greedy=self.greedy(code)[0] if sources == self.sources else None,
                batch_size=wanted.batch_size,
            )

        return [self._choice(f"{self.name}, {wanted.choice}{beams}", further, write)]

    def without_copies(self) -> list[System]:
        """The greedy outputs, a beam in the place of each copy, where that is asked for."""
        if not self.wanted.no_copies:
            return []

        def write(sources: Sequence[str], code: str) -> list[str]:
            return write_without_copies(
                self.student,
                sources,
                code,
                greedy=self.greedy(code)[0] if sources == self.sources else None,
                batch_size=self.wanted.batch_size,
            )

        return [self._choice(f"{self.name}, no copies", {"beams_for_copies": FURTHER_BEAMS}, write)]

    def beams(self) -> list[System]:
        """The likeliest of its beams, and the likeliest that obeys, where that is asked for.

        Beside samples beams are choices of `best`, and no systems of their own.
        """
        wanted, count = self.wanted, self.wanted.beams
        if not count or wanted.rerank:
            return []

        def search(sources: Sequence[str], code: str) -> list[str]:
            found = write_beams(self.student, sources, code, count, batch_size=wanted.batch_size)
            return [texts[0] for texts in found]

        def obey(sources: Sequence[str], code: str) -> list[str]:
            return likeliest_obeying(
                self.student, sources, wanted.task, code, count, batch_size=wanted.batch_size
            )

        likeliest, obeying = f"{self.name}, {count} beams", f"{self.name}, {count} beams that obey"
        return [
            self._choice(likeliest, {"beams": count, "obeying": False}, search),
            self._choice(obeying, {"beams": count, "obeying": True}, obey),
        ]

    def matched(self, others: Sequence[System]) -> list[System]:
        """At the length of each of the other systems, where that is asked for."""
        if not self.wanted.matched:
            return []
        return [
            replace(
                self._once(
                    f"{self.name} at the length of {other.name}",
                    {"at_length_of": other.name, "prompts": dict(other.asked)},
                    lambda name, other=other: self._match(name, other),  # type: ignore[misc]
                ),
                against=(other.name,),
            )
            for other in others
        ]

    def _once(
        self, name: str, further: Mapping[str, Any], write: Callable[[str], System]
    ) -> System:
        """A system as it was saved for these very examples, or written now."""
        asked = describe_inputs(
            self.wanted, self.model, options=dict(self.wanted.options), **further
        )
        return read_or_write(self.known, name, asked, lambda: write(name), self.say)

    def _choice(self, name: str, further: Mapping[str, Any], write: Write) -> System:
        """The outputs that `write` gives, as they were saved or written now."""
        asked = {**further, "controls": self.wanted.controls}
        return self._once(name, asked, lambda name: self._written_by(name, write, further))

    def _write(self, name: str) -> System:
        def write(sources: Sequence[str], code: str) -> list[str]:
            if sources == self.sources:
                return self.greedy(code)[0]
            found = self.student.write(sources, code, batch_size=self.wanted.batch_size)
            return [texts[0] for texts in found]

        system = self._written_by(name, write, {})
        cut = self.greedy(self.code)[1]
        return replace(system, facts={**system.facts, "cut": cut})

    def _written_by(self, name: str, write: Write, further: Mapping[str, Any]) -> System:
        """The outputs that `write` gives, and how they obey every code."""
        wanted = self.wanted
        facts = {"model": make_public_name(self.model), "control": self.code, **further}
        obeyed = (
            measure_control_accuracy(
                self.student.spec.codes, self.sources[: wanted.controls], wanted.task, write
            )
            if wanted.controls
            else {}
        )
        return System(name, write(self.sources, self.code), facts, obeyed)

    def _match(self, name: str, other: System) -> System:
        task = {code.name for code in self.wanted.task.codes}
        codes = [code for code in self.student.spec.codes if code in task]
        choices = list(zip(*(self.greedy(code)[0] for code in codes), strict=True))
        outputs = choose_nearest_in_length(choices, other.outputs)
        facts = {
            "model": make_public_name(self.model),
            "control": f"nearest in length to {other.name}",
        }
        return System(name, outputs, facts)
