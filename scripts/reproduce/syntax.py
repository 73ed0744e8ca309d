"""The experiment with syntax control, from trained students to docs/experiments/syntax.md.

    python scripts/reproduce/syntax.py --student NAME=FOLDER --set NAME=FILE --pool FILE \
        --pairs FILE --work FOLDER --critic REF

Draws an exemplar for each reference, lets each student write with it, without it, with the tree of
the reference, with a tree that was retrieved without it and with exemplars of others, and measures
them beside copies of the source and of the exemplar. Outputs that are there already are not written
again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from syntax_page import format_page

from builder.judges import load_entailment_critic, make_pair_judge
from builder.writing import open_student
from dimsum import Student
from dimsum.data.files import read_file_rows
from dimsum.evaluation.data import Example, read_examples
from dimsum.evaluation.measure import Critic, measure
from dimsum.evaluation.syntax import measure_tree_distances, measure_unparsed
from dimsum.files import open_whole_file, write_json
from dimsum.metrics import bootstrap
from dimsum.metrics.measured import Measured
from dimsum.prompts import join_lines
from dimsum.rerank import Judge, best_of
from dimsum.spec import read_spec
from dimsum.syntax.control import find_trees
from dimsum.syntax.exemplars import choose_nearest_exemplars, retrieve_trees, shuffle_exemplars
from dimsum.syntax.parsers import Parser, find_parser
from dimsum.tasks.paraphrase import PARAPHRASE

PAGE = Path(__file__).parents[2] / "docs" / "experiments" / "syntax.md"
SHOWN = ("bleu", "source_bleu", "ibleu", "entailment", "entailment_back")
"""Metrics of `dimsum evaluate` that the page has beside the tree distances."""
CHOSEN = ("exemplar", "exemplars of others")
"""Of what is asked for also the nearest of several samples is taken."""
Numbers = Mapping[str, Mapping[str, Measured]]
"""Of each system what was measured, by the name of the metric."""
DISTANCES = ("ted_3_reference", "ted_f_reference", "ted_3_exemplar", "ted_f_exemplar")


def parse_arguments(texts: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--student", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--set", action="append", default=[], dest="sets", metavar="NAME=FILE")
    parser.add_argument("--pool", action="append", default=[], help="of exemplars: pairs")
    parser.add_argument(
        "--pairs", required=True, help="training pairs, that trees are retrieved from"
    )
    parser.add_argument("--limit", type=int, default=300, help="pairs of each set")
    parser.add_argument("--work", type=Path, required=True, help="folder of the outputs")
    parser.add_argument("--critic", required=True, help="judges entailment")
    parser.add_argument("--rerank", type=int, default=0, help="also the nearest of N samples")
    parser.add_argument("--rerank-critic", default="embedded:critic", help="says which are wanted")
    parser.add_argument("--notes", type=Path, help="prose that the page ends with")
    parser.add_argument("-o", "--output", type=Path, default=PAGE)
    return parser.parse_args(texts)


def split_named(text: str) -> tuple[str, str]:
    name, equals, path = text.partition("=")
    if not equals:
        sys.exit(f"{text!r} is not of the form NAME=PATH")
    return name, path


def read_pool(files: list[str]) -> list[str]:
    """Both sentences of every pair, each once, in order."""
    rows = [row for file in files for row in read_file_rows(Path(file))]
    return list(dict.fromkeys(join_lines(row[side]) for row in rows for side in ("s1", "s2")))


def read_pairs(file: str) -> list[tuple[str, str]]:
    """Source and target of each training pair."""
    return [
        (join_lines(row["source"]), join_lines(row["target"])) for row in read_file_rows(Path(file))
    ]


def choose_exemplars(examples: list[Example], pool: list[str], path: Path) -> list[str]:
    """Drawn once, and kept under a hash of what they were drawn from."""
    texts = [[one.source, one.references[0]] for one in examples]
    key = sha256(json.dumps([texts, pool]).encode()).hexdigest()
    if path.is_file() and (kept := json.loads(path.read_text(encoding="utf-8")))["key"] == key:
        found: list[str] = kept["exemplars"]
        return found
    print(f"drawing {len(examples)} exemplars from {len(pool)} sentences", file=sys.stderr)
    sources, references = map(list, zip(*texts, strict=True))
    found = choose_nearest_exemplars(sources, references, pool, find_parser())
    write_json(path, {"key": key, "exemplars": found})
    return found


def write_outputs(
    student: Student,
    sources: list[str],
    asked: list[str] | None,
    path: Path,
    n: int = 0,
    referee: Judge | None = None,
) -> tuple[list[str], int]:
    """What a student writes, kept as it goes to a file, and how many were refused a tree.

    Args:
        n: samples of which the one nearest to the tree is taken that `referee` wants; 0: greedy.
    """
    trees, refused = [""] * len(sources), 0
    if asked is not None:
        control = student.spec.prompts.known_syntax()
        for number, found in enumerate(find_trees(control, sources, asked)):
            if isinstance(found, str):
                trees[number] = found
            else:
                refused += 1
    asking = [student.spec.model_dump(mode="json"), sources, trees, *([n] if n else [])]
    key = sha256(json.dumps(asking).encode())
    if path.is_file():
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["key"] == key.hexdigest():
            return kept["outputs"], refused
    print(f"writing {path.name}", file=sys.stderr)
    code = student.spec.code_for(PARAPHRASE.name)
    if referee is None:
        written = [found[0] for found in student.write(sources, code, trees=trees)]
    else:
        written = best_of(student, sources, PARAPHRASE, code, n, referee, trees=trees)
    write_json(path, {"key": key.hexdigest(), "trees": trees, "outputs": written})
    return written, refused


def measure_all(
    outputs: list[str],
    examples: list[Example],
    exemplars: list[str],
    parser: Parser,
    critic: Critic,
) -> dict[str, Measured]:
    references = [one.references[0] for one in examples]
    found = measure(outputs, examples, critic=critic)
    trees = [
        *measure_tree_distances(outputs, references, parser, "reference"),
        *measure_tree_distances(outputs, exemplars, parser, "exemplar"),
        measure_unparsed(outputs, parser),
    ]
    return {one.name: one for one in [*trees, *(found[name] for name in SHOWN)]}


def list_hows(students: dict[str, str], rerank: int) -> list[tuple[str, str]]:
    """Each student with each way of writing, as the names of systems end."""
    ways = ["", f", best of {rerank}"] if rerank else [""]
    return [(student, way) for student in students for way in ways]


def judge(
    name: str,
    data: str,
    students: dict[str, str],
    pool: list[str],
    pairs: list[tuple[str, str]],
    wanted: argparse.Namespace,
    critic: Critic,
    referee: Judge | None,
) -> tuple[dict[str, Any], Numbers]:
    """The document of one set, and what was measured of each system."""
    folder: Path = wanted.work / name
    folder.mkdir(parents=True, exist_ok=True)
    examples = read_examples(data, PARAPHRASE, where={"label": 1}, limit=wanted.limit)
    own = {text for one in examples for text in (one.source, *one.references)}
    offered = [text for text in pool if text not in own]
    exemplars = choose_exemplars(examples, offered, folder / "exemplars.json")
    sources = [one.source for one in examples]
    references = [one.references[0] for one in examples]
    parser = find_parser()
    retrieved = retrieve_trees(sources, pairs, parser)
    systems: dict[str, list[str]] = {"source": sources, "exemplar": exemplars}
    refused: dict[str, int] = {}
    given: dict[str, list[str]] = {}
    for student, path in students.items():
        opened = open_student(path)
        control = opened.spec.prompts.known_syntax()
        others = shuffle_exemplars(
            exemplars,
            lambda n, text: isinstance(find_trees(control, [sources[n]], [text])[0], str),  # noqa: B023
        )
        given[student] = others
        asked = {
            "no tree": None,
            "exemplar": exemplars,
            "tree of the reference": references,
            "tree retrieved": retrieved,
            "exemplars of others": others,
        }
        for how, texts in asked.items():
            label = f"{student}, {how}"
            file = folder / f"{label.replace(', ', '-').replace(' ', '_')}.json"
            systems[label], refused[label] = write_outputs(opened, sources, texts, file)
            if wanted.rerank and how in CHOSEN:
                label += f", best of {wanted.rerank}"
                file = file.with_stem(f"{file.stem}-best_of_{wanted.rerank}")
                systems[label], refused[label] = write_outputs(
                    opened, sources, texts, file, wanted.rerank, referee
                )
        del opened
    weights = bootstrap.draw_resamples(len(examples))
    numbers = {}
    for label, outputs in systems.items():
        print(f"{name}: measuring {label}", file=sys.stderr)
        numbers[label] = measure_all(outputs, examples, exemplars, parser, critic)
    best = [f", best of {wanted.rerank}"] if wanted.rerank else []
    for student, others in given.items():  # whether the outputs follow what they were given
        for how in ("", *best):
            label = f"{student}, exemplars of others{how}"
            for one in measure_tree_distances(systems[label], others, parser, "given"):
                numbers[label][one.name] = one
    hows = list_hows(students, wanted.rerank)
    return {
        "set": name,
        "examples": len(examples),
        "pool": len(offered),
        "refused": refused,
        "systems": {
            label: {
                metric: {"value": one.value, "interval": bootstrap.find_interval(one, weights)}
                for metric, one in found.items()
            }
            for label, found in numbers.items()
        },
        "signatures": {
            metric: one.signature for found in numbers.values() for metric, one in found.items()
        },
        **compare_all(numbers, hows),
    }, numbers


def join_sets(each: Sequence[Numbers]) -> Numbers:
    """The distances of the pairs of all sets as if they were one."""
    return {
        label: {
            metric: replace(
                found[metric], stats=np.concatenate([one[label][metric].stats for one in each])
            )
            for metric in DISTANCES
        }
        for label, found in each[0].items()
    }


def compare_all(numbers: Numbers, hows: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Tests over all pairs, and over those whose source is not built as its exemplar is: where it
    is, nothing but the source is as near."""
    apart = np.flatnonzero(numbers["source"]["ted_3_exemplar"].stats[:, 0] > 0)
    of_apart = {
        label: {name: replace(found[name], stats=found[name].stats[apart]) for name in DISTANCES}
        for label, found in numbers.items()
    }
    return {
        "paired": compare_systems(numbers, hows, DISTANCES),
        "apart": len(apart),
        "paired_apart": compare_systems(of_apart, hows, ("ted_3_reference", "ted_3_exemplar")),
    }


def compare_systems(
    numbers: Numbers, hows: Sequence[tuple[str, str]], metrics: Sequence[str]
) -> list[dict[str, Any]]:
    """Each student under its exemplars beside what control has to show against."""
    tests = []
    for student, how in hows:
        first = f"{student}, exemplar{how}"
        for other in (f"{student}, no tree", f"{student}, exemplars of others{how}", "source"):
            for metric in metrics:
                a, b = numbers[first][metric], numbers[other][metric]
                found = asdict(bootstrap.compare(a, b, bootstrap.draw_resamples(a.n)))
                tests.append({"a": first, "b": other, "metric": metric, **found})
    return tests


def main(texts: list[str] | None = None) -> None:
    wanted = parse_arguments(texts)
    wanted.work.mkdir(parents=True, exist_ok=True)
    students = dict(map(split_named, wanted.student))
    pool, critic = read_pool(wanted.pool), load_entailment_critic(wanted.critic)
    pairs = read_pairs(wanted.pairs)
    referee = make_pair_judge(wanted.rerank_critic) if wanted.rerank else None
    judged = [
        judge(name, data, students, pool, pairs, wanted, critic, referee)
        for name, data in map(split_named, wanted.sets)
    ]
    documents = [document for document, _ in judged]
    if len(judged) > 1:
        together = join_sets([numbers for _, numbers in judged])
        documents[-1]["together"] = compare_all(together, list_hows(students, wanted.rerank))
    specs = {name: read_spec(Path(path)) for name, path in students.items()}
    write_json(wanted.work / "syntax.json", documents)
    with open_whole_file(wanted.output) as stream:
        stream.write(
            format_page(documents, specs, wanted.notes and wanted.notes.read_text("utf-8"))
        )
    print(wanted.output)


if __name__ == "__main__":
    main()
