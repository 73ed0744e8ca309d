"""Several outputs of each source, and the choice among them.

Of what a student samples for a source, and of what it writes greedily, the one stays that a judge
values most. Where beams are searched within the length of the control code, an output that obeys
the code comes first, if the judge wants it at all: readers call fewer of these valid
(docs/experiments/student.md). Where a tree is asked for, beams are chosen from as well, and of the
outputs that the judge wants the one stays whose tree is nearest to it. Source of the choice by
entailment: Falke et al. (2019), Ranking Generated Summaries by Correctness. Without a judge, of the
texts of a beam search the likeliest one stays that is what the code asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING, Any

from dimsum.controls import make_wording
from dimsum.errors import UsageError
from dimsum.metrics.words import split_words
from dimsum.syntax.nearness import measure_distances
from dimsum.tasks import TaskDefinition
from dimsum.tasks.base import ANY_LENGTH, ControlCode
from dimsum.writing import BATCH_SIZE

if TYPE_CHECKING:
    import numpy as np

    from dimsum.student import Student

FURTHER_BEAMS = 8
"""Of a search for a source of which only copies were written, or that a tree is asked for: a beam
ends earlier or goes on elsewhere, as greedy outputs and samples of a sure student do not
(docs/experiments/levers.md, docs/experiments/syntax.md)."""

Judge = Callable[[Sequence[tuple[str, str]], TaskDefinition], "np.ndarray[Any, Any]"]
"""How good each (source, output) is as a pair of a task, shape (n,); more is better, and an output
below zero is not wanted even if it is what its code asks for."""


def best_of(
    student: Student,
    sources: Sequence[str],
    task: TaskDefinition,
    code: str,
    n: int,
    judge: Judge,
    *,
    beams: int | None = None,
    greedy: Sequence[str] | None = None,
    seed: int = 0,
    batch_size: int = BATCH_SIZE,
    trees: Sequence[str] | None = None,
) -> list[str]:
    """The best of the greedy output and n samples for each source.

    Args:
        code: control code of all outputs.
        n: samples of each source, at least 1.
        beams: of a search within the lengths that the code asks for, whose texts are choices too;
            there is none for a code that asks for no length. Where nothing sensible is so short,
            the search finds what is not, such as words without blanks, so it needs the judge.
        greedy: the greedy outputs, where they are known already.
        seed: of the sampling; equal calls give equal outputs.
        trees: as `Student.write` takes them; outputs are also chosen by them.

    Returns:
        an output a source: the one that the judge values most; with beams, one that obeys the
        code if the judge wants any such, and of these the one that it values most; with a tree, of
        those that the judge wants the one whose tree is nearest to it, and of equally near ones
        the one that it values most. Of equally good ones the greedy output, then the likeliest
        beam, then the first sample. Where a tree is asked for, or nothing but the source itself was
        written, the texts of a beam search are chosen from too, so that a source is its own output
        only where these are it as well; a source without words has an empty output.

    Raises:
        UsageError: fewer than one sample, one beam, or an unknown control code.
    """
    if n < 1:
        raise UsageError(
            "at least one sample of each source is needed to choose from",
            hint="give a number of 1 or more",
        )
    if greedy is None:
        written = student.write(sources, code, batch_size=batch_size, trees=trees)
        greedy = [texts[0] for texts in written]
    sampled = student.write(
        sources, code, n=n, sample=True, seed=seed, batch_size=batch_size, trees=trees
    )
    searched: list[list[str]] = [[] for _ in sources]
    bounds = find_bounds(task, code)
    if beams and bounds:
        searched = write_beams(
            student, sources, code, beams, batch_size=batch_size, trees=trees, compression=bounds
        )
    choices = [
        list(dict.fromkeys([first, *some, *more]))
        for first, some, more in zip(greedy, searched, sampled, strict=True)
    ]
    search = _open_search(student, sources, code, batch_size, trees)
    choices = search_further(sources, choices, search, trees)
    distances = None
    if trees and any(trees):
        distances = measure_distances(student.spec.prompts.known_syntax(), trees, choices)
    obeyed = code if beams else None
    return choose_best(sources, choices, task, judge, code=obeyed, distances=distances)


def _open_search(
    student: Student,
    sources: Sequence[str],
    code: str,
    batch_size: int,
    trees: Sequence[str] | None,
) -> Callable[[list[int]], list[list[str]]]:
    """A search of `FURTHER_BEAMS` beams, by positions of sources."""

    def search(needed: list[int]) -> list[list[str]]:
        return write_beams(
            student,
            [sources[number] for number in needed],
            code,
            FURTHER_BEAMS,
            batch_size=batch_size,
            trees=None if trees is None else [trees[number] for number in needed],
        )

    return search


def search_further(
    sources: Sequence[str],
    choices: Sequence[list[str]],
    search: Callable[[list[int]], list[list[str]]],
    trees: Sequence[str] | None = None,
) -> list[list[str]]:
    """Choices, with the texts of a beam search besides where only copies were written, or where a
    tree is asked for.

    Args:
        choices: what was written of each source.
        search: from positions of sources to the `FURTHER_BEAMS` likeliest texts of each; not
            called where there are none.
        trees: asked for, one a source; empty: none.
    """
    found = list(choices)
    needed = [
        number
        for number, (source, some) in enumerate(zip(sources, choices, strict=True))
        if source.strip()
        and (
            (trees is not None and trees[number])
            or all(not text.strip() or is_copy(source, text) for text in some)
        )
    ]
    if needed:
        for number, more in zip(needed, search(needed), strict=True):
            found[number] = list(dict.fromkeys([*found[number], *more]))
    return found


def choose_best(
    sources: Sequence[str],
    choices: Sequence[Sequence[str]],
    task: TaskDefinition,
    judge: Judge,
    *,
    code: str | None = None,
    distances: Sequence[Mapping[str, float]] | None = None,
) -> list[str]:
    """Of the texts for each source the one that the judge values most, the first of equal ones.

    Args:
        choices: texts for each source, at least one, each once. The source itself is taken only
            where nothing else was written, and an empty text where all are empty.
        code: of texts that the judge wants those that obey this control code come first; None: no
            code does.
        distances: of each source's texts from the tree that it was asked for; of texts that the
            judge wants the nearest come first. None: no tree was asked for.
    """
    pairs = [(s, text) for s, some in zip(sources, choices, strict=True) for text in some]
    said = [pair for pair in dict.fromkeys(pairs) if pair[1].strip()]
    values = dict(zip(said, judge(said, task).tolist(), strict=True)) if said else {}

    def rank(number: int, text: str) -> tuple[bool, bool, bool, float, float]:
        source = sources[number]
        value = values.get((source, text), -inf)
        wanted, own = value >= 0, not is_copy(source, text)
        first = code is not None and wanted and obeys(task, code, source, text)
        if distances is None:
            return first, own, False, 0.0, value
        return first, own, wanted, -distances[number][text], value

    return [max(some, key=lambda text: rank(number, text)) for number, some in enumerate(choices)]


def likeliest_obeying(
    student: Student,
    sources: Sequence[str],
    task: TaskDefinition,
    code: str,
    beams: int,
    *,
    batch_size: int = BATCH_SIZE,
    trees: Sequence[str] | None = None,
) -> list[str]:
    """Of each source's beams the likeliest text that obeys the code, else the likeliest that is no
    copy of the source, else the likeliest.

    Args:
        code: control code of all outputs.
        beams: of the search for each source, at least 2; as many texts come out of it.
        trees: as `Student.write` takes them.

    Raises:
        UsageError: fewer than two beams, or an unknown control code.
    """
    written = write_beams(student, sources, code, beams, batch_size=batch_size, trees=trees)
    return choose_obeying(task, code, sources, written)


def write_without_copies(
    student: Student,
    sources: Sequence[str],
    code: str,
    *,
    greedy: Sequence[str] | None = None,
    batch_size: int = BATCH_SIZE,
    trees: Sequence[str] | None = None,
) -> list[str]:
    """The greedy output of each source; where that is the source itself, the likeliest of
    `FURTHER_BEAMS` beams that is not.

    Args:
        code: control code of all outputs.
        greedy: the greedy outputs, where they are known already.
        trees: as `Student.write` takes them.

    Returns:
        an output a source: a copy only where every beam is one.

    Raises:
        UsageError: an unknown control code.
    """
    if greedy is None:
        written = student.write(sources, code, batch_size=batch_size, trees=trees)
        greedy = [texts[0] for texts in written]
    search = _open_search(student, sources, code, batch_size, trees)
    return replace_copies(sources, greedy, search)


def replace_copies(
    sources: Sequence[str],
    outputs: Sequence[str],
    search: Callable[[list[int]], list[list[str]]],
) -> list[str]:
    """Outputs, where they are no copies of their sources; else the first other text of a search.

    Args:
        search: from positions of sources to texts of each, the likeliest first; not called where
            there are none. What is empty or a copy is passed over; where all is, the output stays.
    """
    found = list(outputs)
    needed = [
        number
        for number, (source, output) in enumerate(zip(sources, outputs, strict=True))
        if source.strip() and is_copy(source, output)
    ]
    if needed:
        for number, texts in zip(needed, search(needed), strict=True):
            others = (text for text in texts if text.strip() and not is_copy(sources[number], text))
            found[number] = next(others, found[number])
    return found


def write_beams(
    student: Student,
    sources: Sequence[str],
    code: str,
    beams: int,
    *,
    batch_size: int = BATCH_SIZE,
    trees: Sequence[str] | None = None,
    compression: tuple[float, float] | None = None,
) -> list[list[str]]:
    """The texts of a beam search for each source, the likeliest first.

    Args:
        compression: share of the source's characters that each text keeps to, as `Student.write`
            takes it.

    The other arguments and the errors are those of `likeliest_obeying`.
    """
    if beams < 2:
        raise UsageError("a choice needs two beams at least", hint="give a number of 2 or more")
    return student.write(
        sources,
        code,
        n=beams,
        sample=False,
        batch_size=batch_size,
        generation=student.spec.generation.model_copy(update={"beams": beams}),
        trees=trees,
        compression=compression,
    )


def choose_obeying(
    task: TaskDefinition, code: str, sources: Sequence[str], written: Sequence[Sequence[str]]
) -> list[str]:
    """Of the texts for each source the first that obeys the code, else the first that is no copy,
    else the first."""
    return [
        next(
            (text for text in some if obeys(task, code, source, text)),
            next((text for text in some if not is_copy(source, text)), some[0]),
        )
        for source, some in zip(sources, written, strict=True)
    ]


def find_bounds(task: TaskDefinition, code: str) -> tuple[float, float] | None:
    """The share of a source's characters that a control code asks for; None: any."""
    found = _find(task, code)
    return None if found is None or found.compression == ANY_LENGTH else found.compression


def obeys(task: TaskDefinition, code: str, source: str, output: str) -> bool:
    """Whether an output is what a control code asks for; anything is where it asks nothing."""
    found = _find(task, code)
    wanted = found.options if found else {}
    if not output.strip() or is_copy(source, output):
        return False
    pair = make_wording(source, output)
    return all(
        option.value_of(pair) == wanted[option.name]
        for option in task.options
        if option.name in wanted
    )


def is_copy(source: str, output: str) -> bool:
    """Whether an output has the source's very words, whatever its case, blanks and punctuation.

    Texts without words are copies only if they are the same.
    """
    return output == source or (bool(words := split_words(source)) and words == split_words(output))


def _find(task: TaskDefinition, code: str) -> ControlCode | None:
    """The code of a name; None for a task's name, which students without codes are asked by."""
    return next((one for one in task.codes if one.name == code), None)
