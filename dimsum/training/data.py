"""The pairs that a student is trained on: read, held out, encoded."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import Any

import numpy as np

from dimsum.data.dataset import read_rows
from dimsum.data.values import Reading
from dimsum.errors import UsageError
from dimsum.language import detect_languages
from dimsum.models import make_public_name
from dimsum.objectives.settings import GKD
from dimsum.pairs import Data, Pair, is_held_out, read_pairs
from dimsum.prompts import PromptFormat
from dimsum.student import Student
from dimsum.training.balance import balance_codes
from dimsum.training.examples import Encoding, Examples, encode_pairs, find_code
from dimsum.training.recipe import Recipe
from dimsum.training.trees import Shown, add_trees, check_syntax, fit_syntax, note_labels


@dataclass
class Prepared:
    """Encoded examples and what became of the rows."""

    train: Examples
    validation: Examples
    sample: list[tuple[Pair, str]]
    encoding: Encoding
    reading: Reading
    checked: Reading
    facts: dict[str, Any]


def prepare(student: Student, data: Data, recipe: Recipe) -> Prepared:
    """Read, hold out and encode the pairs.

    Raises:
        UsageError: an empty dataset or missing columns.
    """
    reading = Reading()
    rows = read_rows(data.reference, "train", data.config, reading)
    tasks, trees = recipe.definitions, recipe.syntax
    columns = recipe.columns(data.columns)
    pairs = _limit(read_pairs(rows, columns, data.reference, reading, tasks), recipe.max_pairs)
    ready = Reading()
    own = read_rows(data.reference, "validation", data.config)
    checked = list(
        islice(read_pairs(own, columns, data.reference, ready, tasks), recipe.validation_pairs)
    )
    used: Iterable[Pair] = pairs
    if not checked:
        share = recipe.validation_share
        everything = list(pairs)
        checked = [p for p in everything if is_held_out(p.source, share)][: recipe.validation_pairs]
        used = [p for p in everything if not is_held_out(p.source, share)]
    shown, seen = Shown(), Shown()
    if trees:
        used = add_trees(used, trees, shown)
        checked = list(add_trees(checked, trees, seen))
    causal = student.spec.architecture == "causal"
    student.spec.max_source_tokens = min(student.spec.max_source_tokens, recipe.max_source_tokens)
    keep = isinstance(recipe.objective, GKD) and recipe.objective.reward is not None
    encoding, aside = Encoding(asked={} if keep else None), Encoding()
    most = recipe.max_target_tokens
    training = Examples(encode_pairs(student, used, most, encoding), causal=causal)
    if recipe.weight_column:
        training.weights = np.asarray(encoding.weights, dtype=np.float32)
    training = balance_codes(training, encoding.codes, recipe.balance)
    if training.weights is not None and len(training):
        training.weights = _divide_by_mean(training.weights, data.reference, recipe.weight_column)
    validation = Examples(encode_pairs(student, checked, most, aside), causal=causal)
    for name, part in (("training", training), ("validation", validation)):
        if len(part) == 0:
            raise reading.nothing(
                data.reference,
                f"{name} pair",
                data.columns.where,
                "rows need a source and a target; a few dozen pairs are the least",
            )
    sample = [(pair, find_code(student, pair)) for pair in checked[: recipe.sample_pairs]]
    student.spec.prompts = note_labels(student.spec.prompts, shown)
    facts = {
        "reference": make_public_name(data.reference),
        "rows": reading.rows,
        "dropped": reading.as_json(),
        "other_splits": dict(reading.other_splits),
        "too_long": dict(encoding.too_long + aside.too_long),
        "train": len(encoding.codes),
        "an_epoch": len(training),
        "validation": len(validation),
        "language": list(detect_languages(pair.source for pair in checked)),
        "by_code": dict(sorted(encoding.trained.items())),
        **({"trees": dict(sorted(shown.counts.items()))} if trees else {}),
    }
    return Prepared(training, validation, sample, encoding, reading, ready, facts)


def _divide_by_mean(
    weights: np.ndarray[Any, Any], reference: str, column: str
) -> np.ndarray[Any, Any]:
    """Weights that are 1 in the mean, so that they change no learning rate."""
    mean = weights.mean()
    if mean == 0:
        raise UsageError(
            f"the training pairs of {reference} have no weight: {column!r} is 0 in all",
            hint="leave objective.weight_column empty, or name another column",
        )
    found: np.ndarray[Any, Any] = weights / mean
    return found


def _limit(pairs: Iterable[Pair], most: int | None) -> Iterable[Pair]:
    """The `most` pairs of the smallest hashes, in the order of their hashes; all if None."""
    if most is None:
        return pairs
    keyed = (
        (sha256(f"{pair.source}\n{pair.target}".encode()).hexdigest(), i, pair)
        for i, pair in enumerate(pairs)
    )
    return [pair for _, _, pair in heapq.nsmallest(most, keyed)]


def describe_data(prepared: Prepared) -> list[str]:
    """Lines about the data for a person."""
    facts = prepared.facts
    lines = [f"{facts['train']:,} training and {facts['validation']:,} validation pairs"]
    if facts["an_epoch"] != facts["train"]:
        lines.append(f"pairs of rarer control codes are repeated: {facts['an_epoch']:,} an epoch")
    if others := prepared.reading.other_splits:
        rows = " and ".join(f"{count:,} {split} rows" for split, count in sorted(others.items()))
        lines.append(f"not trained on: {rows}")
    if trees := facts.get("trees"):
        lines.append(
            f"{trees.get('shown', 0):,} prompts show their target's tree, "
            f"{trees.get('without', 0):,} do not, {trees.get('no_parse', 0):,} have no parse"
        )
    long = facts["too_long"]
    if long:
        sides = " and ".join(f"{count:,} {side}s" for side, count in sorted(long.items()))
        lines.append(f"left out as longer than the student takes: {sides}")
    if prepared.reading.dropped:
        lines.append(f"left out: {prepared.reading}")
    if prepared.checked.dropped:
        lines.append(f"left out of the validation rows: {prepared.checked}")
    return lines


def count_codes(student: Student, prepared: Prepared) -> None:
    """Add this training's examples to those the student has seen; write only for what is known."""
    earlier, trained = student.spec.trained, prepared.encoding.trained
    student.spec.trained = {
        code: earlier.get(code, 0) + trained.get(code, 0)
        for code in student.spec.prompts.instructions
    }
    known = set(student.spec.codes)
    prepared.sample = [(pair, code) for pair, code in prepared.sample if code in known]


def fit_prompts(student: Student, recipe: Recipe) -> None:
    """Give a new student its prompts; one that is trained further keeps its own.

    Raises:
        UsageError: the recipe asks for other prompts than the student was trained with, or for a
            chat template that its base does not have.
    """
    if student.spec.trained:
        if student.spec.prompts.control != recipe.control:
            raise UsageError(
                f"{recipe.student} was trained {'with' if not recipe.control else 'without'} "
                "control codes",
                hint="train it further as it was trained, or begin with a plain model",
            )
        shape = student.spec.prompts.shape
        if shape != recipe.prompt:
            raise UsageError(
                f"{recipe.student} was trained with prompt: {shape}, not {recipe.prompt}",
                hint=f"--set prompt={shape}, or begin with a plain model",
            )
        known, asked = student.spec.prompts.tasks, [task.name for task in recipe.definitions]
        if set(known) != set(asked):
            raise UsageError(
                f"{recipe.student} was trained for {', '.join(known)}, not {', '.join(asked)}",
                hint="name its tasks in the recipe, or begin with a plain model",
            )
        check_syntax(student.spec.prompts, recipe.syntax, recipe.student)
        return
    plain = PromptFormat.default(
        student.spec.architecture,
        control=recipe.control,
        tasks=recipe.definitions,
        shape=recipe.prompt,
        chat=student.chat_turn if recipe.prompt == "chat" else None,
    )
    student.spec.prompts = fit_syntax(plain, recipe.syntax)
