"""What `proximity.py` found: shares, likeness of wording, likeness of states, and what they say.

The pairs of one text are not independent of each other, so intervals come from resampling texts.
Everything is a function of sums over texts, and a replicate is one weighting of them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from dimsum.metrics.bootstrap import AnyArray, draw_resamples, find_percentiles, resample_ratio
from dimsum.metrics.measured import Array

LENGTHS = (1, 2, 3, 4, 5)
"""Sentences of a context."""
LAYERS = ("middle", "last")
GROUPS = ("mutually entailing", "other pairs of a context", "pairs across contexts")
LIKE_WORDING = (0.0, 10.0, 20.0, 35.0, 50.0, 100.001)
"""Edges, in BLEU, of the bins in which wording counts as alike."""
VERDICTS = {
    "holds": "What holds",
    "not distinguishable from chance": "What these samples cannot distinguish from chance",
    "the opposite holds": "What is the other way round",
    "not measurable here": "What could not be measured",
}
"""What may be said of a claim, and the words before those of which it is said."""
Estimate = dict[str, float | None]
"""A number and its 95% interval; None where it is not defined."""


@dataclass(frozen=True)
class Moments:
    """Of a group of values in every replicate."""

    count: Array
    mean: Array
    variance: Array


def draw_weights(documents: int, replicates: int, seed: int) -> Array:
    """How often each text is drawn, shape (1 + replicates, documents); row 0 is the sample."""
    return np.concatenate([np.ones((1, documents)), draw_resamples(documents, replicates, seed)])


def estimate(values: Array) -> Estimate:
    """From a statistic's value on the sample (first) and on every replicate.

    A replicate in which it is not defined is left out; with fewer than half left, or where all
    agree, there is no interval.
    """
    if not np.isfinite(values[0]):
        return {"value": None, "low": None, "high": None}
    rest = values[1:][np.isfinite(values[1:])]
    enough = 0 < len(values) - 1 <= 2 * len(rest)
    low, high = find_percentiles(rest) if enough else (0.0, 0.0)
    known = low != high
    return {
        "value": float(values[0]),
        "low": low if known else None,
        "high": high if known else None,
    }


def measure_moments(values: AnyArray, document: AnyArray, w: Array) -> Moments:
    """Moments of values under every weighting of the texts that they come from."""
    x = values.astype(np.float64)
    count, total, squares = (
        np.bincount(document.astype(np.int64), weights=some, minlength=w.shape[1])
        for some in (np.ones(len(x)), x, x**2)
    )
    mean = resample_ratio(total, count, w)
    return Moments(w @ count, mean, np.maximum(resample_ratio(squares, count, w) - mean**2, 0))


def cohens_d(a: Moments, b: Moments) -> Array:
    """(mean of a - mean of b) / pooled standard deviation, in every replicate."""
    with np.errstate(invalid="ignore", divide="ignore"):
        pooled = (a.count * a.variance + b.count * b.variance) / (a.count + b.count)
        return np.asarray((a.mean - b.mean) / np.sqrt(np.where(pooled > 0, pooled, np.nan)))


def fit_slope(x: Array, y: Array) -> Array:
    """Least-squares slope of each row of y, shape (replicates, len(x)), over x."""
    moved = x - x.mean()
    return np.asarray((y - y.mean(1, keepdims=True)) @ moved / (moved @ moved))


class Pairs:
    """The judged pairs as columns, and the weights of every replicate."""

    def __init__(self, pairs: Sequence[Any], w: Array) -> None:
        self.document = np.asarray([pair.document for pair in pairs])
        self.length = np.asarray([pair.length for pair in pairs])
        self.temperature = np.asarray([pair.temperature for pair in pairs])
        self.bleu = np.asarray([pair.bleu for pair in pairs])
        self.equivalent = np.asarray([pair.equivalent for pair in pairs], bool)
        self.w = w

    def mean(self, column: str, where: AnyArray) -> Array:
        """Mean of a column over some pairs, on the sample and in every replicate."""
        return measure_moments(getattr(self, column)[where], self.document[where], self.w).mean


def sum_up(
    drawn: Sequence[Any],
    pairs: Sequence[Any],
    states: dict[str, Any],
    sentences: Sequence[str],
    documents: int,
    asked: Any,
) -> dict[str, Any]:
    """Sum up.

    Args:
        states: unit vectors of `sentences` by layer.
        documents: texts that the contexts are of.
        asked: with `temperatures`, `replicates` and `seed`.
    """
    w = draw_weights(documents, asked.replicates, asked.seed)
    columns = Pairs(pairs, w)
    groups = _form_groups(drawn, pairs, sentences, asked.seed)
    same, other, across = GROUPS
    claims = _predict_shares(columns, asked.temperatures)
    likeness = []
    for layer, vectors in states.items():
        cosines = {n: (vectors[a] * vectors[b]).sum(1) for n, (a, b, _) in groups.items()}
        of = {name: measure_moments(cosines[name], groups[name][2], w) for name in GROUPS}
        apart = ((same, other), (other, across), (same, across))
        likeness.append(
            {
                "layer": layer,
                "pairs": {name: len(groups[name][0]) for name in GROUPS},
                "means": {name: estimate(of[name].mean) for name in GROUPS},
                "effects": {f"{a} over {b}": estimate(cohens_d(of[a], of[b])) for a, b in apart},
            }
        )
        claims += _predict_states(layer, of, _compare_within_bins(cosines, columns))

    def cell(length: int | None, temperature: float | None) -> dict[str, Any]:
        return _describe_cell(drawn, columns, length, temperature)

    return {
        "documents": documents,
        "cells": [cell(n, t) for t in asked.temperatures for n in LENGTHS],
        "by_length": [cell(n, None) for n in LENGTHS],
        "by_temperature": [cell(None, t) for t in asked.temperatures],
        "whole": cell(None, None),
        "likeness": likeness,
        "claims": [_judge_claim(*one) for one in claims],
    }


def _describe_cell(
    drawn: Sequence[Any], pairs: Pairs, length: int | None, temperature: float | None
) -> dict[str, Any]:
    """Numbers of one length of context at one temperature; None stands for all of them."""
    here = np.isin(pairs.length, LENGTHS if length is None else length)
    here &= (pairs.temperature == temperature) | (temperature is None)
    these = [
        x for x in drawn if length in (None, x.length) and temperature in (None, x.temperature)
    ]
    return {
        "length": length,
        "temperature": temperature,
        "drawn": sum(one.drawn for one in these),
        "distinct": sum(len(one.sentences) for one in these),
        "pairs": int(here.sum()),
        "equivalent": int((here & pairs.equivalent).sum()),
        "share": estimate(pairs.mean("equivalent", here)),
        "self_bleu": estimate(pairs.mean("bleu", here & pairs.equivalent)),
        "other_bleu": estimate(pairs.mean("bleu", here & ~pairs.equivalent)),
    }


def _form_groups(
    drawn: Sequence[Any], pairs: Sequence[Any], sentences: Sequence[str], seed: int
) -> dict[str, AnyArray]:
    """Of the pairs of each of GROUPS: rows of both sentences' vectors, the text, shape (3, n).

    Across contexts as many are drawn as were judged.
    """
    row = {sentence: i for i, sentence in enumerate(sentences)}
    rng = random.Random(seed)
    owners = [(sentence, one.document) for one in drawn for sentence in one.sentences]
    across: list[tuple[int, int, int]] = []
    if len({document for _, document in owners}) > 1:
        while len(across) < len(pairs):
            (a, i), (b, j) = rng.choice(owners), rng.choice(owners)
            if i != j:
                across.append((row[a], row[b], i))
    judged = [(row[p.first], row[p.second], p.document) for p in pairs]
    same = [one for one, p in zip(judged, pairs, strict=True) if p.equivalent]
    other = [one for one, p in zip(judged, pairs, strict=True) if not p.equivalent]
    return {
        name: np.asarray(members, dtype=np.int64).reshape(-1, 3).T
        for name, members in zip(GROUPS, (same, other, across), strict=True)
    }


def _compare_within_bins(cosines: dict[str, Array], pairs: Pairs) -> Array:
    """Mean difference of cosines between equivalent and other pairs of like BLEU."""
    total, counted = np.zeros(len(pairs.w)), np.zeros(len(pairs.w))
    for low, high in pairwise(LIKE_WORDING):
        of = []
        for name, members in zip(GROUPS[:2], (pairs.equivalent, ~pairs.equivalent), strict=True):
            bleu = pairs.bleu[members]
            here = (bleu >= low) & (bleu < high)
            of.append(measure_moments(cosines[name][here], pairs.document[members][here], pairs.w))
        difference = of[0].mean - of[1].mean
        weight = np.where(np.isfinite(difference), of[0].count, 0)
        total += weight * np.where(np.isfinite(difference), difference, 0)
        counted += weight
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(counted > 0, total / counted, np.nan)


Prediction = tuple[str, str, Array]
"""Text and number of a claim that is true where the number is above 0, and the number."""


def _predict_shares(pairs: Pairs, temperatures: Sequence[float]) -> list[Prediction]:
    by_length = [pairs.mean("equivalent", pairs.length == n) for n in LENGTHS]
    cold, hot = temperatures[0], temperatures[-1]
    ends = [pairs.temperature == end for end in (cold, hot)]
    shares = [pairs.mean("equivalent", end) for end in ends]
    bleu = [pairs.mean("bleu", end & pairs.equivalent) for end in ends]
    return [
        (
            "The longer the context, the larger the share of mutually entailing pairs",
            "change of the share, in points, with each further sentence of context",
            100 * fit_slope(np.asarray(LENGTHS, dtype=np.float64), np.stack(by_length, 1)),
        ),
        (
            "The colder the sampling, the larger that share",
            f"share at temperature {cold:g} less share at {hot:g}, in points",
            100 * (shares[0] - shares[1]),
        ),
        (
            "The colder the sampling, the more such pairs repeat each other's words",
            f"Self-BLEU of such pairs at temperature {cold:g} less that at {hot:g}",
            bleu[0] - bleu[1],
        ),
    ]


def _predict_states(layer: str, of: dict[str, Moments], like_wording: Array) -> list[Prediction]:
    same, other, across = (of[name].mean for name in GROUPS)
    where = f"the {layer} layer's states"
    number = "difference of mean cosines"
    binned = f"{number} within bins of BLEU, weighted by mutually entailing pairs"
    mutual = "mutually entailing pairs are"
    return [
        (
            f"M{mutual[1:]} more alike in {where} than other pairs of a context",
            number,
            same - other,
        ),
        (f"Of like wording, {mutual} still more alike in {where}", binned, like_wording),
        (
            f"Other pairs of a context are more alike in {where} than pairs across contexts",
            number,
            other - across,
        ),
    ]


def _judge_claim(text: str, number: str, replicates: Array) -> dict[str, Any]:
    found = estimate(replicates)
    low, high = found["low"], found["high"]
    verdict = "not distinguishable from chance"
    if low is None or high is None:
        verdict = "not measurable here"
    elif low > 0 or high < 0:
        verdict = "holds" if low > 0 else "the opposite holds"
    return {"text": text, "number": number, "found": found, "verdict": verdict}
