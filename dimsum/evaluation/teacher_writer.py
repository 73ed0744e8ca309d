"""The systems that a teacher makes: its best prompts, and choices among several samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dimsum.evaluation import teacher as asking
from dimsum.evaluation.data import Example
from dimsum.evaluation.evaluate import System
from dimsum.evaluation.saved_outputs import read_or_write
from dimsum.evaluation.wanted import Wanted
from dimsum.evaluation.writer import Open, describe_inputs
from dimsum.models import make_public_name
from dimsum.rerank import FURTHER_BEAMS, Judge, choose_best, replace_copies, search_further

if TYPE_CHECKING:
    from dimsum.metrics.bertscore import BertScore
    from dimsum.student import Student
    from dimsum.tasks.base import TeacherPrompts


class TeacherWriter:
    """A teacher and what it answers in an evaluation; it is loaded only if it has to write."""

    def __init__(
        self,
        wanted: Wanted,
        model: str,
        examples: Sequence[Example],
        aside: Sequence[Example],
        scorer: BertScore | None,
        known: Sequence[System],
        say: Callable[[str], None],
        open_teacher: Open,
    ) -> None:
        self.wanted, self.model, self.aside, self.scorer = wanted, model, aside, scorer
        self.known, self.say, self.open = known, say, open_teacher
        self.sources = [example.source for example in examples]
        assert wanted.task.teacher is not None  # `Wanted.check` refuses others
        self.prompts: TeacherPrompts = wanted.task.teacher

    @cached_property
    def teacher(self) -> Student:
        """The teacher, loaded when it first writes."""
        return self.open(self.model, device=self.wanted.device, dtype=self.wanted.dtype)

    def prompted(self) -> list[System]:
        """The best zero-shot and the best few-shot prompt, chosen on the examples set aside."""
        kinds = {"teacher zero-shot": 0, "teacher few-shot": asking.SHOTS}
        return [self._once(name, self._asked(shots), self._write) for name, shots in kinds.items()]

    def best(self, prompted: Sequence[System], judge: Judge | None) -> list[System]:
        """The best of several samples under the better prompt, where a choice is asked for.

        As for a student, where only copies were written a beam search is chosen from too.

        Args:
            prompted: the systems of `prompted`; the one whose prompt did better on the examples
                set aside is sampled from.
        """
        wanted = self.wanted
        if not wanted.rerank or judge is None:
            return []
        better = max(prompted, key=lambda one: float(one.facts["tried"][one.facts["prompt"]]))
        asked = {
            **better.asked,
            "rerank": wanted.rerank,
            "beams_for_copies": FURTHER_BEAMS,
            **wanted.chosen_by,
        }

        def write(name: str, asked: dict[str, Any]) -> System:
            variant = self._find_variant(better)
            sampled = asking.write_samples(
                self.teacher, self.prompts, variant, self.sources, wanted.rerank, wanted.batch_size
            )
            choices = [
                list(dict.fromkeys([first, *more]))
                for first, more in zip(better.outputs, sampled, strict=True)
            ]

            choices = search_further(self.sources, choices, self._open_search(variant))
            outputs = choose_best(self.sources, choices, wanted.task, judge)
            return System(name, outputs, {**better.facts, "rerank": wanted.rerank})

        return [self._once(f"{better.name}, {wanted.choice}", asked, write)]

    def without_copies(self, prompted: Sequence[System]) -> list[System]:
        """The answers under each prompt, a beam in the place of each copy, where that is asked for.

        Args:
            prompted: the systems of `prompted`.
        """
        if not self.wanted.no_copies:
            return []

        def write_from(one: System) -> Callable[[str, dict[str, Any]], System]:
            def write(name: str, asked: dict[str, Any]) -> System:
                search = self._open_search(self._find_variant(one))
                return System(name, replace_copies(self.sources, one.outputs, search), one.facts)

            return write

        return [
            self._once(
                f"{one.name}, no copies",
                {**one.asked, "beams_for_copies": FURTHER_BEAMS},
                write_from(one),
            )
            for one in prompted
        ]

    def _find_variant(self, prompted: System) -> asking.Variant:
        """The prompt that a system's answers are of."""
        return next(
            one
            for one in asking.list_variants(
                self.teacher, self.prompts, shots=prompted.asked["shots"]
            )
            if one.name == prompted.facts["prompt"]
        )

    def _open_search(self, variant: asking.Variant) -> Callable[[list[int]], list[list[str]]]:
        """A beam search under a prompt, by positions of sources."""

        def search(needed: list[int]) -> list[list[str]]:
            some = [self.sources[number] for number in needed]
            return asking.write_beams(
                self.teacher, self.prompts, variant, some, FURTHER_BEAMS, self.wanted.batch_size
            )

        return search

    def _asked(self, shots: int) -> dict[str, Any]:
        return describe_inputs(
            self.wanted,
            self.model,
            chosen_on=[one.source for one in self.aside],
            judge=self.wanted.bertscore,
            shots=shots,
        )

    def _once(
        self, name: str, asked: dict[str, Any], write: Callable[[str, dict[str, Any]], System]
    ) -> System:
        """A system as it was saved for these very examples, or written now."""
        return read_or_write(self.known, name, asked, lambda: write(name, asked), self.say)

    def _write(self, name: str, asked: dict[str, Any]) -> System:
        """The greedy answers under the prompt that does best on the examples set aside."""
        metric, score = _choose_metric(self.prompts.chosen_by, self.aside, self.scorer)
        chosen, tried = asking.choose_variant(
            self.teacher,
            self.prompts,
            [one.source for one in self.aside],
            shots=asked["shots"],
            score=score,
            say=self.say,
        )
        outputs = asking.write_answers(
            self.teacher, self.prompts, chosen, self.sources, self.wanted.batch_size
        )
        facts = {
            "model": make_public_name(self.model),
            "prompt": chosen.name,
            "text": asking.make_prompt(self.teacher, self.prompts, chosen, "{source}"),
            "chosen_by": f"{metric} on {len(self.aside)} other examples",
            "tried": tried,
        }
        return System(name, outputs, facts)


def _choose_metric(
    chosen_by: str, examples: Sequence[Example], scorer: BertScore | None
) -> tuple[str, Callable[[Sequence[str]], float]]:
    """The metric that chooses the teacher's prompt: BERT-iBLEU, iBLEU without it, or ROUGE-L."""
    from dimsum.metrics.bleu import measure_bleu
    from dimsum.metrics.rouge import rouge

    sources = [example.source for example in examples]
    references = [example.references for example in examples]
    if chosen_by == "rougeL":
        return chosen_by, lambda outputs: rouge(outputs, references)[2].value
    if scorer is not None:
        judge = scorer
        return "bert_ibleu", lambda outputs: judge.bert_ibleu(outputs, sources).value
    return "ibleu", lambda outputs: measure_bleu(outputs, references, sources)[2].value
