"""A sample becomes a folder: a page and a JSONL file for each reader, and a private key.

FOLDER/reader-1.html      one page that needs no network; answers are kept in the browser
FOLDER/reader-1.jsonl     the same for those who read elsewhere: fill in the answers
FOLDER/guideline.md       what to judge
FOLDER/private/key.json   which item is which; not for readers
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from builder.audit.compared import draw_compared
from builder.audit.guideline import describe_comparison, describe_pairs
from builder.audit.key import Corpus, Key, Pair, Showing, show_item
from builder.audit.known import draw_known, find_lacking_known
from builder.audit.order import order_sheet
from builder.audit.page import render_sheet
from builder.audit.population import SCORE, Population, open_population
from builder.audit.questions import find_question
from builder.audit.strata import draw_sample
from builder.errors import ConfigError
from builder.store import digest
from dimsum.data.values import Reading
from dimsum.files import open_whole_file, open_whole_folder, try_folder, write_text
from dimsum.tasks import TaskDefinition, task_of
from dimsum.tasks.words import join_and

KNOWN = 8
GUIDELINE = "guideline.md"


def draw(
    corpus: Path,
    output: Path,
    *,
    n: int = 200,
    readers: int = 2,
    rejects: bool = False,
    seed: int = 0,
    score: str = SCORE,
    repeats: int | None = None,
    known: int = KNOWN,
    guideline: Path | None = None,
    reading: Reading | None = None,
) -> Key:
    """Draw a blind sample of pairs and write the sheets.

    Args:
        corpus: a run, a released folder or a file of pairs.
        output: a new or empty folder.
        n: pairs to judge; all there are if these are fewer.
        rejects: spend a third of them on pairs that the run dropped.
        score: column whose thirds are strata.
        repeats: pairs that each reader sees twice; one in 20 by default.
        known: pairs whose answers are known, put in between.
        guideline: Markdown to read instead of the shipped one.
        reading: where rows and those that are no pairs of texts are counted.

    Raises:
        ConfigError: nothing to draw from, or a folder that is not empty.
    """
    try_folder(output.parent)
    population = open_population(corpus, rejects=rejects, score=score, reading=reading)
    sample = draw_sample(population, min(n, len(population.keys)), seed)
    texts = population.rows([row.position for row in sample.rows])
    pairs = _make_pairs(population, [(texts[row.position], row.stratum) for row in sample.rows])
    there = [one for one in population.tasks if one.name in {pair.task for pair in pairs}]
    fixed = draw_known(known, seed, there)
    again = max(2, round(len(pairs) / 20)) if repeats is None else repeats
    rows, extra = [pair.id for pair in pairs], [pair.id for pair in fixed]
    sheets = {
        name: order_sheet(rows, extra, again, seed, name) for name in _name_readers(readers, output)
    }
    key = _make_key(
        kind="pairs",
        corpus=Corpus(
            name=population.name,
            origin=population.origin,
            folder=str(population.folder),
            rows=population.released,
            count=population.count,
            score=score,
        ),
        seed=seed,
        sizes=sample.sizes,
        pairs=(*pairs, *fixed),
        sheets=sheets,
        drawn="released and rejected pairs" if rejects else "released pairs",
        hints=_find_hints(there),
    )
    text = describe_pairs(
        {pair.task for pair in pairs},
        {task.name: task for task in there},
        {pair.task for pair in fixed},
    )
    write_sheets(key, output, text if guideline is None else _read(guideline))
    return key


def compare(
    outputs: list[Path],
    output: Path,
    *,
    task: str,
    n: int = 200,
    readers: int = 2,
    seed: int = 0,
    repeats: int | None = None,
    guideline: Path | None = None,
) -> Key:
    """Draw sources with what several systems made of them, the systems hidden.

    Args:
        outputs: of `dimsum evaluate --save-outputs`: folders, or files like their outputs.jsonl,
            all of the same sources.

    Raises:
        ConfigError: as `draw`; fewer than two systems; files about other sources.
        UsageError: no such task.
    """
    asked = task_of(task)
    try_folder(output.parent)
    corpus, rows = draw_compared(outputs, n, asked.name, seed)
    again = max(2, round(len(rows) / 20)) if repeats is None else repeats
    sheets = {}
    for name in _name_readers(readers, output):
        order = order_sheet([row.id for row in rows], [], again, seed, name)
        by_id = {row.id: row for row in rows}
        sheets[name] = tuple(
            showing.model_copy(update={"order": by_id[showing.row].shuffle(seed, showing.item)})
            for showing in order
        )
    key = _make_key(
        kind="comparison",
        corpus=corpus,
        seed=seed,
        sizes={"all": corpus.count},
        compared=rows,
        sheets=sheets,
        drawn="sources of systems' outputs",
        question=find_question(asked),
        hints=_find_hints([asked]),
    )
    text = describe_comparison(asked, key.question)
    write_sheets(key, output, text if guideline is None else _read(guideline))
    return key


def _find_hints(tasks: Sequence[TaskDefinition]) -> dict[str, str]:
    return {task.name: task.meaning for task in tasks}


def _read(guideline: Path) -> str:
    try:
        return guideline.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{guideline} is not a text file", hint="give Markdown") from error


def _make_key(**parts: Any) -> Key:
    """A key whose name is a digest of the rest."""
    unnamed = Key(audit="", **parts)
    return unnamed.model_copy(update={"audit": digest(unnamed.model_dump(mode="json"))[:16]})


def _name_readers(count: int, output: Path) -> list[str]:
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ConfigError(
            f"{output} is not empty", hint="choose a new folder: answers to another draw get lost"
        )
    return [str(number) for number in range(1, count + 1)]


def _make_pairs(
    population: Population, drawn: list[tuple[dict[str, Any], str]]
) -> tuple[Pair, ...]:
    """The drawn rows; a row that stands there twice gets a name of its own."""
    found = []
    seen: set[str] = set()
    for row, stratum in drawn:
        name = row["id"]
        while name in seen:
            name += "+"
        seen.add(name)
        found.append(Pair(**{**row, "id": name}, stratum=stratum))
    return tuple(found)


def write_sheets(key: Key, output: Path, guideline: str) -> None:
    """Write all files of an audit; the folder appears whole or not at all.

    Args:
        guideline: Markdown.
    """
    with open_whole_folder(output) as folder:
        write_text(folder / GUIDELINE, guideline)
        for reader, showings in key.sheets.items():
            write_text(folder / f"reader-{reader}.html", render_sheet(key, reader, guideline))
            with open_whole_file(folder / f"reader-{reader}.jsonl") as stream:
                for showing in showings:
                    line = json.dumps(make_blank(key, reader, showing), ensure_ascii=False)
                    stream.write(line + "\n")
        key.write(folder)


def say_fewer(key: Key, n: int, repeats: int | None, known: int = 0) -> list[str]:
    """A line for each kind of item of which there are fewer than were asked for.

    Args:
        n, repeats, known: as for `draw`.
    """
    judged = len(key.compared) or sum(one.right is None for one in key.pairs)
    again = [sum(showing.again for showing in sheet) for sheet in key.sheets.values()]
    kinds = (
        (n, judged, "sources" if key.kind == "comparison" else "pairs to judge"),
        (repeats or 0, min(again), "to be shown twice, at most half of a sheet"),
        (known, sum(one.right is not None for one in key.pairs), "pairs whose answer is known"),
    )
    said = [
        f"{wanted:,} were asked for, and there are {found:,} {what}"
        for wanted, found, what in kinds
        if found < wanted
    ]
    lacking = find_lacking_known(key.pairs) if known else []
    return [
        *said,
        *([f"no pair whose answer is known is of {join_and(lacking)}"] if lacking else []),
    ]


def make_blank(key: Key, reader: str, showing: Showing) -> dict[str, Any]:
    """A line of a sheet, with nothing answered."""
    row = {"audit": key.audit, "reader": reader, "item": showing.item, **show_item(key, showing)}
    if key.kind == "pairs":
        return {**row, **dict.fromkeys(key.questions), "note": ""}
    unanswered = [dict.fromkeys(key.questions) for _ in showing.order]
    return {**row, "answers": unanswered, "note": ""}
