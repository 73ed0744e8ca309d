"""The choice among several outputs, by hand."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dimsum import Student
from dimsum.errors import UsageError
from dimsum.evaluation import teacher as asking
from dimsum.evaluation.data import Example
from dimsum.evaluation.evaluate import System
from dimsum.evaluation.matched import choose_nearest_in_length
from dimsum.evaluation.teacher_writer import TeacherWriter
from dimsum.evaluation.wanted import Wanted
from dimsum.prompts import PromptFormat
from dimsum.rerank import (
    FURTHER_BEAMS,
    best_of,
    is_copy,
    likeliest_obeying,
    obeys,
    write_without_copies,
)
from dimsum.spec import Generation, StudentSpec
from dimsum.syntax.control import SyntaxControl
from dimsum.syntax.nearness import measure_distances
from dimsum.tasks import TaskDefinition
from dimsum.tasks.base import TeacherPrompts
from dimsum.tasks.paraphrase import PARAPHRASE
from dimsum.tasks.summary import SUMMARY
from dimsum.writing import find_line_breaks, take_first_line
from tests.dimsum.syntax import parsers

SOURCE = "The old dog sleeps in the garden, and the small cat waits near the river."
SHORT = "The old dog sleeps in the garden."
LONG = "The old dog sleeps in the garden, and the small cat waits."


class Scripted:
    """Writes what it is told to."""

    spec = StudentSpec(architecture="seq2seq", prompts=PromptFormat.default("seq2seq"))

    def write(self, sources: Sequence[str], code: str, n: int = 1, **more: Any) -> list[list[str]]:
        return [[LONG] if n == 1 else [SHORT, LONG, "A cat.", ""] for _ in sources]


def by_length(pairs: Sequence[tuple[str, str]], task: TaskDefinition) -> Any:
    return np.array([len(output) for _, output in pairs], dtype=float)


def chosen(code: str, sign: int = 1, least: float = 0, beams: int | None = 4) -> str:
    student: Any = Scripted()
    judge = lambda pairs, task: 100 * (sign < 0) + sign * by_length(pairs, task) - least  # noqa: E731
    return best_of(student, [SOURCE], SUMMARY, code, 4, judge, beams=beams)[0]


def test_the_best_is_what_the_judge_values_most() -> None:
    assert chosen("short-extractive", beams=None) == LONG
    assert chosen("long-extractive", -1, beams=None) == "A cat."


def test_with_beams_what_the_code_asks_for_comes_first() -> None:
    assert chosen("short-extractive") == SHORT  # LONG is valued more, and is not short
    assert chosen("long-extractive", -1) == LONG
    assert chosen("short-extractive", least=len(SHORT)) == SHORT
    assert chosen("short-extractive", least=len(SHORT) + 1) == LONG  # SHORT is not wanted


def test_a_source_is_its_own_output_only_where_nothing_else_was_written() -> None:
    student: Any = Scripted()
    judge = lambda pairs, task: -by_length(pairs, task)  # noqa: E731
    assert best_of(student, ["A cat."], SUMMARY, "long-extractive", 4, judge) != ["A cat."]


def words(count: int) -> str:
    return f"(S{' (W)' * count})"


@pytest.mark.parametrize(
    ("tree", "unwanted", "best"),
    [
        (words(7), (), SHORT),  # of 7 words, LONG of 12, the third of 2
        (words(11), (), LONG),
        (words(2), (), "A cat."),
        (words(2), ("A cat.",), SHORT),  # the nearest of those that the judge wants
        (words(2), ("A cat.", SHORT, LONG), "A cat."),
        ("", (), LONG),  # no tree: by the judge's value alone
    ],
)
def test_of_wanted_outputs_the_nearest_to_the_tree_is_taken(
    tree: str, unwanted: tuple[str, ...], best: str
) -> None:
    student: Any = Scripted()
    control = SyntaxControl(parser=f"{parsers.__name__}:flat", height=2)
    student.spec = student.spec.model_copy(
        update={"prompts": student.spec.prompts.model_copy(update={"syntax": control})}
    )

    def judge(pairs: Sequence[tuple[str, str]], task: TaskDefinition) -> Any:
        values = by_length(pairs, task)
        return np.where([text in unwanted for _, text in pairs], values - 1000, values)

    found = best_of(student, [SOURCE], SUMMARY, "long-extractive", 4, judge, trees=[tree])
    assert found == [best]


class Searching(Scripted):
    """Writes one text by beam search that it never samples."""

    def write(self, sources: Sequence[str], code: str, n: int = 1, **more: Any) -> list[list[str]]:
        if more.get("generation") is None:
            return super().write(sources, code, n, **more)
        return [["The dog sleeps."] for _ in sources]


def test_where_a_tree_is_asked_for_beams_are_chosen_from() -> None:
    student: Any = Searching()
    control = SyntaxControl(parser=f"{parsers.__name__}:flat", height=2)
    student.spec = student.spec.model_copy(
        update={"prompts": student.spec.prompts.model_copy(update={"syntax": control})}
    )
    asked = [words(3), ""]
    found = best_of(
        student, [SOURCE, SOURCE], SUMMARY, "long-extractive", 4, by_length, trees=asked
    )
    assert found == ["The dog sleeps.", LONG]


def test_a_text_without_a_parse_is_the_farthest() -> None:
    control = SyntaxControl(parser=f"{parsers.__name__}:flat", height=2)
    found = measure_distances(control, [words(2), ""], [["one two", "one", "why ?"], ["why ?"]])
    assert found == [{"one two": 0, "one": 1, "why ?": inf}, {"why ?": 0}]


class Copying(Scripted):
    """Writes the source, and something else by beam search if it has it."""

    def __init__(self, beams: dict[str, list[str]]) -> None:
        self.beams, self.searched = beams, list[str]()

    def write(self, sources: Sequence[str], code: str, n: int = 1, **more: Any) -> list[list[str]]:
        if more.get("generation") is None:
            return [[source] * n for source in sources]
        self.searched += sources
        return [self.beams.get(source, [source]) for source in sources]


def test_where_only_copies_were_written_beams_are_chosen_from() -> None:
    student: Any = Copying({SOURCE: [SOURCE, SHORT, LONG]})
    found = best_of(student, [SOURCE, "A cat.", ""], SUMMARY, "long-extractive", 4, by_length)
    assert found == [LONG, "A cat.", ""]
    assert student.searched == [SOURCE, "A cat."]
    scripted: Any = Scripted()  # what is no copy needs no search: its beams would be the samples
    assert best_of(scripted, [SOURCE], SUMMARY, "long-extractive", 4, by_length) == [LONG]


def test_a_beam_takes_the_place_of_a_copy() -> None:
    student: Any = Copying({SOURCE: [SOURCE, "", SHORT, LONG]})
    found = write_without_copies(student, [SOURCE, "A cat.", ""], "long-extractive")
    assert found == [SHORT, "A cat.", ""]  # of the second every beam is a copy
    assert student.searched == [SOURCE, "A cat."]
    student.searched.clear()
    greedy = [LONG, "A dog."]
    asked = [SOURCE, "A cat."], "long-extractive"
    assert write_without_copies(student, *asked, greedy=greedy) == greedy
    assert student.searched == []


def test_a_copy_is_known_by_its_words() -> None:
    spaced = SOURCE.replace(",", " ,").replace(".", " .")
    assert is_copy(SOURCE, SOURCE) and is_copy(spaced, SOURCE) and is_copy("?!", "?!")
    assert not is_copy(SOURCE, LONG) and not is_copy("?!", "...")
    student: Any = Copying({spaced: [SOURCE, SHORT]})
    assert best_of(student, [spaced], SUMMARY, "long-extractive", 4, by_length) == [SHORT]


def test_of_beams_that_do_not_obey_a_copy_comes_last() -> None:
    student: Any = Copying({SOURCE: [SOURCE, LONG]})
    assert likeliest_obeying(student, [SOURCE], SUMMARY, "short-extractive", 2) == [LONG]


@pytest.mark.parametrize(("sign", "take"), [(1, max), (-1, min)])
def test_a_teacher_is_given_the_same_choice(sign: int, take: Any, toy_llama: Path) -> None:
    teacher = Student.from_pretrained(toy_llama, device="cpu", dtype="float32")
    prompts = TeacherPrompts((("{source}", ":"),), ())
    variant = asking.Variant(0, shots=0, chat=False)
    facts = {"prompt": variant.name, "tried": {variant.name: 2.0, "another": 3.0}}
    better = System("zero-shot", [LONG], facts, asked={"shots": 0})
    worse = System("few-shot", [SHORT], {"prompt": "another", "tried": {"another": 1.0}})
    wanted = Wanted(SUMMARY, rerank=3, rerank_critic="embedded:critic", bertscore=None)
    examples = [Example(SOURCE, (SHORT,))]
    writer = TeacherWriter(
        wanted, str(toy_llama), examples, examples, None, [], str, lambda *_, **__: teacher
    )
    writer.prompts = prompts
    (found,) = writer.best([worse, better], lambda pairs, task: sign * by_length(pairs, task))
    assert found.name == "zero-shot, best of 3"
    (sampled,) = asking.write_samples(teacher, prompts, variant, [SOURCE], 3)
    assert len(set(sampled)) > 1
    assert found.outputs[0] == take([LONG, *filter(None, sampled)], key=len)


def test_a_teacher_that_only_copies_is_given_beams(
    toy_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = Student.from_pretrained(toy_llama, device="cpu", dtype="float32")
    prompts = TeacherPrompts((("{source}", ":"),), ())
    variant = asking.Variant(0, shots=0, chat=False)
    facts = {"prompt": variant.name, "tried": {variant.name: 1.0}}
    known = [System("zero-shot", [SOURCE, SHORT], facts, asked={"shots": 0})]
    wanted = Wanted(SUMMARY, rerank=2, rerank_critic="embedded:critic", bertscore=None)
    examples = [Example(SOURCE, (SHORT,)), Example(LONG, (SHORT,))]
    monkeypatch.setattr(asking, "write_samples", lambda *_: [[SOURCE] * 2, [SHORT] * 2])
    writer = TeacherWriter(
        wanted, str(toy_llama), examples, examples, None, [], str, lambda *_, **__: teacher
    )
    writer.prompts = prompts
    (found,) = writer.best(known, by_length)
    (searched,) = asking.write_beams(teacher, prompts, variant, [SOURCE], FURTHER_BEAMS)
    assert len(set(searched)) > 1
    assert found.outputs == [max(filter(None, searched), key=len), SHORT]
    writer.wanted = Wanted(SUMMARY, no_copies=True, bertscore=None)
    (without,) = writer.without_copies(known)
    assert without.name == "zero-shot, no copies"
    assert without.outputs == [next(filter(None, searched)), SHORT]
    row = teacher.tokens_of([f"{SOURCE}\n:"], whole=False)
    ids = teacher.model.generate(
        torch.tensor(row), num_beams=FURTHER_BEAMS, num_return_sequences=FURTHER_BEAMS,
        max_new_tokens=60, do_sample=False, pad_token_id=0,
    )  # fmt: skip
    likeliest = teacher.tokenizer.decode(ids[0, len(row[0]) :], skip_special_tokens=True)
    assert likeliest.strip().split("\n")[0].strip() == searched[0]


def test_what_obeys_a_code() -> None:
    assert obeys(SUMMARY, "short-extractive", SOURCE, SHORT)
    assert not obeys(SUMMARY, "long-extractive", SOURCE, SHORT)
    assert not obeys(PARAPHRASE, "paraphrase", SOURCE, SOURCE)
    assert obeys(PARAPHRASE, "paraphrase", SOURCE, LONG)


def test_equal_calls_choose_equally(toy_llama: Path) -> None:
    student = Student.from_pretrained(toy_llama, device="cpu", dtype="float32")
    student.spec.generation = Generation(max_new_tokens=6)
    found = [
        best_of(student, [SOURCE, ""], SUMMARY, "short-extractive", 3, by_length, seed=5)
        for _ in range(2)
    ]
    assert found[0] == found[1]
    assert found[0][1] == ""
    with pytest.raises(UsageError, match="at least one sample"):
        best_of(student, [SOURCE], SUMMARY, "short-extractive", 0, by_length)


def test_the_likeliest_beam_that_obeys_is_taken() -> None:
    student: Any = Scripted()
    student.spec = StudentSpec(architecture="seq2seq", prompts=PromptFormat.default("seq2seq"))
    find = lambda code, beams=4: likeliest_obeying(student, [SOURCE], SUMMARY, code, beams)  # noqa: E731
    assert find("long-extractive") == [LONG]
    assert find("short-extractive") == [SHORT]
    assert find("long-abstractive") == [SHORT]  # none obeys: the likeliest
    with pytest.raises(UsageError, match="two beams"):
        find("short-extractive", 1)


def test_beams_are_the_likeliest_of_all_texts(toy_llama: Path) -> None:
    """With as many beams as there are texts of two tokens the search misses none of them."""
    student = Student.from_pretrained(toy_llama, device="cpu", dtype="float32")
    row = student.encode([SOURCE], ["paraphrase"])[0]
    model, vocabulary = student.model, student.model.config.vocab_size
    ends, breaks = student.tokenizer.eos_token_id, set(find_line_breaks(student.tokenizer).tolist())
    with torch.inference_mode():
        first = model(torch.tensor([row])).logits[0, -1].log_softmax(-1)
        firsts = [token for token in range(vocabulary) if token != ends and token not in breaks]
        second = model(torch.tensor([[*row, token] for token in firsts])).logits[:, -1]
    both = first[firsts, None] + second.log_softmax(-1)
    both[:, [ends, *breaks]] = -torch.inf  # of another length, which the search weighs otherwise
    place = int(both.argmax())
    best = [firsts[place // vocabulary], place % vocabulary]
    generation = Generation(max_new_tokens=2, no_repeat_ngram=0, beams=vocabulary)
    found = student.continue_rows([row], n=1, sample=False, generation=generation)[0][0]
    assert found == take_first_line(student.tokenizer.decode(best, skip_special_tokens=True))


def test_beams_that_are_not_there_are_the_last_one(toy_llama: Path) -> None:
    student = Student.from_pretrained(toy_llama, device="cpu", dtype="float32")
    generation = Generation(max_new_tokens=3, beams=2)
    rows = student.encode([SOURCE, "A cat."], ["paraphrase"] * 2)
    two = student.continue_rows(rows, n=2, sample=False, generation=generation)
    four = student.continue_rows(rows, n=4, sample=False, generation=generation)
    assert four == [[*some, some[1], some[1]] for some in two]
    one = student.continue_rows(rows, n=1, sample=False, generation=generation)
    assert one == [some[:1] for some in two]


def test_the_nearest_in_length_is_taken() -> None:
    assert choose_nearest_in_length([["abc", "abcdef"], ["a", "bcd"]], ["abcde", "xy"]) == [
        "abcdef",
        "a",
    ]
