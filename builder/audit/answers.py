"""Readers' answers out of their files, checked against the sheets; no file is ever changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from builder.audit.key import Key, Showing, show_item
from builder.audit.questions import POINTS, VALID
from builder.errors import ConfigError
from dimsum.data.files import read_file_rows
from dimsum.data.values import as_bool

Values = dict[str, bool | int | None]
"""Question -> answer; None where there is none."""

MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """One reader's answer to one item.

    Attributes:
        values: of a pair one mapping; of a comparison one for each output, as the sheet has them.
        contradicted: called valid although another answer is no.
    """

    showing: Showing
    values: tuple[Values, ...]
    note: str = ""
    contradicted: bool = False

    @property
    def whole(self) -> bool:
        """Whether every question is answered."""
        return all(value is not None for one in self.values for value in one.values())


@dataclass
class Answers:
    """All answers to an audit.

    Attributes:
        by_reader: reader -> item -> answer; only readers who answered something.
        warnings: what a user should know of the files, a sentence each.
    """

    by_reader: dict[str, dict[str, Answer]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def read_answers(key: Key, files: Sequence[Path]) -> Answers:
    """Read and check the files that came back.

    A reader's answers may come in several files. A pair that is not faithful, not fluent or misses
    the main point is not valid, whatever was answered to that; where it was called valid all the
    same, a warning says so.

    Raises:
        ConfigError: lines about other items than the readers' sheets have, texts that were
            changed, values that are no answer, or two different answers of one reader to an item.
    """
    known = {showing.item: (reader, showing) for reader, s in key.sheets.items() for showing in s}
    answers = Answers()
    faults: list[str] = []
    for file in files:
        for row in read_file_rows(file):
            where = f"{file}, {row.position}"
            fault = _find_identity_fault(key, row, known)
            reader, showing = (
                known.get(row.get("item", ""), ("", None)) if not fault else ("", None)
            )
            if showing is not None:
                fault = _find_value_fault(key, row, showing)
            if showing is None or fault:
                faults.append(f"{where}: {fault}")
                continue
            answer = _make_answer(key, row, showing)
            if all(value is None for one in answer.values for value in one.values()):
                continue
            before = answers.by_reader.setdefault(reader, {}).get(showing.item)
            if before is not None and before.values != answer.values:
                faults.append(
                    f"{where}: reader {reader} answered item {showing.item} twice, unlike"
                )
                continue
            answers.by_reader[reader][showing.item] = answer
    if faults:
        raise _make_refusal(faults)
    if not answers.by_reader:
        raise ConfigError("nothing is answered in these files", hint="null is no answer")
    _warn(key, answers)
    return answers


def _make_refusal(faults: Sequence[str]) -> ConfigError:
    named = "; ".join(faults[:MOST_NAMED])
    more = f"; and {len(faults) - MOST_NAMED} more" if len(faults) > MOST_NAMED else ""
    return ConfigError(
        f"{len(faults)} line{'s' if len(faults) > 1 else ''} cannot be used: {named}{more}",
        hint="give the files that the sheets of this audit gave; correct or take out those lines",
    )


def _find_identity_fault(
    key: Key, row: Mapping[str, Any], known: Mapping[str, tuple[str, Showing]]
) -> str:
    """Why a line is not about an item of its reader, or nothing."""
    item = row.get("item")
    if not isinstance(item, str):
        return "it names no item"
    if row.get("audit", key.audit) != key.audit:
        return f"it belongs to another audit, {row['audit']}"
    if item not in known:
        return f"item {item} is on no sheet of this audit"
    reader, showing = known[item]
    if row.get("reader", reader) != reader:
        return f"item {item} is on the sheet of reader {reader}, not of {row['reader']}"
    for name, value in show_item(key, showing).items():
        if row.get(name, value) != value:
            return f"its {name} is not the one on the sheet of item {item}"
    return ""


def _find_value_fault(key: Key, row: Mapping[str, Any], showing: Showing) -> str:
    """Why a line holds no answer, or nothing."""
    pairs = key.kind == "pairs"
    parts = [row] if pairs else row.get("answers")
    if not isinstance(parts, list) or not all(isinstance(part, Mapping) for part in parts):
        return "its answers are no list of objects"
    if not pairs and len(parts) != len(showing.order):
        return "it has not one answer for each output"
    for part in parts:
        for question in key.questions:
            value = part.get(question)
            said = as_bool(value) if isinstance(value, bool | str) else None  # a table has text
            right = said is not None if pairs else value in POINTS and value is not True
            if value not in (None, "") and not right:
                allowed = "true or false" if pairs else ", ".join(map(str, POINTS))
                return f"{question} is {value!r}, not {allowed} or null"
    return ""


def _make_answer(key: Key, row: Mapping[str, Any], showing: Showing) -> Answer:
    note = str(row.get("note") or "")
    if key.kind == "comparison":
        parts = row["answers"]
        return Answer(
            showing, tuple({q: part.get(q) for q in key.questions} for part in parts), note
        )
    values: Values = {question: as_bool(row.get(question)) for question in key.questions}
    failed = any(value is False for question, value in values.items() if question != VALID)
    contradicted = failed and values[VALID] is True
    if failed:
        values[VALID] = False
    return Answer(showing, (values,), note, contradicted)


def _warn(key: Key, answers: Answers) -> None:
    """Say what was left out, and where answers contradict each other."""
    for reader, showings in key.sheets.items():
        given = answers.by_reader.get(reader, {})
        whole = sum(answer.whole for answer in given.values())
        if not given:
            answers.warnings.append(f"reader {reader} answered nothing")
        elif whole < len(showings):
            answers.warnings.append(
                f"reader {reader} answered {whole} of {len(showings)} items; "
                "the others are left out"
            )
        torn = [item for item, answer in given.items() if answer.contradicted]
        if torn:
            answers.warnings.append(
                f"reader {reader} called {len(torn)} pair{'s' if len(torn) > 1 else ''} valid "
                f"with another answer that is no ({', '.join(torn[:MOST_NAMED])}); they count as "
                "not valid"
            )
