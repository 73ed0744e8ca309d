"""Pairs as columns are the pairs that one would get one by one."""

from __future__ import annotations

import random
import re
from collections import Counter
from itertools import permutations, product
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.config import BuildConfig, load_config
from builder.critics.agreement import _numerize, find_names, find_numbers, list_words, measure_found
from builder.stages import pairs
from builder.stages.base import Work, make_schema, make_table
from builder.store import REJECTS
from dimsum.metrics.overlap import compression, density, find_fragments, rouge_l
from dimsum.metrics.words import split_words
from tests.builder.by_pair import decide_one, failing

WORDS = re.findall(
    r"\S+", "The the mayor Anna met him in Paris on 12 May two 3.5 third dogs U.S. her and a"
)


class Encoder:
    """Unit vectors that depend on the text alone."""

    def encode(self, texts: list[str]) -> Any:
        rows = []
        for text in texts:
            rows.append(np.random.default_rng(len(text) * 31 + ord(text[0])).normal(size=8))
        found = np.array(rows, dtype=np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)


class Models:
    def encoder(self) -> Encoder:
        return Encoder()


def candidates(contexts: int, seed: int) -> pa.Table:
    rng = random.Random(seed)
    names_ = ("context_id", "continuation_id", "domain", "context", "sentence", "method")
    rows = []
    for number in range(contexts):
        texts = {" ".join(rng.choices(WORDS, k=rng.randint(1, 12))) for _ in range(9)}
        for text in sorted(texts | {"..."}):
            method = rng.choice(["parallel", "sequential", "own"])
            rows.append((f"c{number}", f"d{number // 2}", "news", "Before.", text, method))
    return make_table(
        [dict(zip(names_, row, strict=True)) for row in rows],
        make_schema(**dict.fromkeys(names_, pa.string())),
    )


def one_by_one(source: str, target: str) -> dict[str, float | None]:
    a, b = split_words(source), split_words(target)
    first, second = Encoder().encode([source, target])
    return {
        "compression": compression(source, target),
        "rouge_l": rouge_l(a, b),
        "density": density(find_fragments(a, b), target),
        "numbers_forward": measure_found(find_numbers(target), find_numbers(source)),
        "numbers_backward": measure_found(find_numbers(source), find_numbers(target)),
        "names_forward": measure_found(find_names(target), list_words(source)),
        "names_backward": measure_found(find_names(source), list_words(target)),
        "cosine": float(first @ second),
    }


def made(table: pa.Table, *overrides: str) -> tuple[Any, BuildConfig]:
    config = load_config("embedded", ("pairs.bounds.paraphrase.cosine.min=-1", *overrides))
    models: Any = Models()
    return pairs.make(Work(config, 0, 5, {"candidates": table}, models)), config


@pytest.mark.parametrize(
    "override",
    ["seed=0", "pairs.bounds.paraphrase.density={max: 2.0}"],
    ids=["as it is", "density bounded"],
)
def test_rows_values_and_reasons_are_those_of_each_pair(override: str) -> None:
    table = candidates(12, 3)
    output, config = made(table, override, "pairs.bounds.summary.cosine.min=-1")
    bounds = config.pairs.bounds
    kept = iter(output.table.to_pylist())
    gone = iter(output.extra[REJECTS].to_pylist())
    reasons: Counter[str] = Counter()
    rows = table.to_pylist()
    count = 0
    for first, second in permutations(range(len(rows)), 2):
        one, other = rows[first], rows[second]
        if one["context_id"] != other["context_id"]:
            continue
        count += 1
        values = one_by_one(one["sentence"], other["sentence"])
        task, reason = decide_one(bounds, values)
        row = next(kept if task else gone)
        assert (row["source"], row["target"]) == (one["sentence"], other["sentence"])
        assert row["context_id"] == one["context_id"]
        later = one if first > second else other
        assert row["method"] == later["method"]
        if task:
            for name, value in values.items():
                assert row[name] == pytest.approx(value, rel=1e-6, abs=1e-6), name
            for name, rules in bounds.items():
                assert row[f"for_{name}"] == (not failing(rules, values))
        else:
            assert row["reason"] == reason
            reasons[reason] += 1
    assert next(kept, None) is None and next(gone, None) is None
    assert output.rejected == dict(reasons) and len(reasons) > 3
    assert output.entered == count and output.table.num_rows > 20


@pytest.mark.parametrize(("one", "other"), product(["parallel", "sequential", "own"], repeat=2))
def test_the_method_of_a_pair_is_that_of_its_later_row(one: str, other: str) -> None:
    """Whichever of the two sentences is the source, and whatever the methods are."""
    sentences = ("The mayor met Anna in Paris.", "In Paris the mayor met Anna.", "Two dogs ran.")
    methods = {"a": (one, other, one), "b": (other, one, other)}
    common = {"continuation_id": "d", "domain": "news", "context": "Before."}
    rows = [
        {"context_id": context, "sentence": sentence, "method": method, **common}
        for context, of_rows in methods.items()
        for sentence, method in zip(sentences, of_rows, strict=True)
    ]
    output, _ = made(make_table(rows, candidates(0, 0).schema))
    kept, gone = output.table.to_pylist(), output.extra[REJECTS].to_pylist()
    assert kept and gone
    found = {
        (row["context_id"], row["source"], row["target"]): row["method"] for row in kept + gone
    }
    x, y, z = sentences
    wanted = {}
    for context, (second, third) in {"a": (other, one), "b": (one, other)}.items():
        wanted |= {(context, x, y): second, (context, y, x): second}
        wanted |= {(context, x, z): third, (context, z, x): third}
        wanted |= {(context, y, z): third, (context, z, y): third}
    assert found == wanted


def test_beyond_the_setting_an_equal_share_of_each_reason_is_kept_as_rows() -> None:
    table = candidates(12, 3)
    everything, _ = made(table)
    some, _ = made(table, "pairs.keep_rejects=60")
    again, _ = made(table, "pairs.keep_rejects=60")
    assert some.rejected == everything.rejected
    assert some.table.equals(everything.table)
    assert some.extra[REJECTS].equals(again.extra[REJECTS])
    counts = Counter(some.extra[REJECTS]["reason"].to_pylist())
    share = 60 // len(everything.rejected)
    assert counts == {reason: min(n, share) for reason, n in everything.rejected.items()}
    rows = everything.extra[REJECTS].to_pylist()
    assert all(row in rows for row in some.extra[REJECTS].to_pylist())


def test_no_candidates_no_pairs() -> None:
    output, config = made(candidates(0, 0))
    assert (output.table.num_rows, output.entered, output.rejected) == (0, 0, {})
    assert output.table.schema.names == pairs.list_columns(config).names


PIECES = st.sampled_from(
    re.findall(
        r"\S+",
        "a A one two twenty-one twentyone second half quarter 1/2 3 4.5 1,000 12, . - the often "
        "vis-a-vis <num> U.S. million hundreds of a-b x-a 3,a",
    )
)


@given(st.lists(PIECES, max_size=8), st.sampled_from([" ", "", "-"]))
def test_numbers_are_those_of_the_library(pieces: list[str], between: str) -> None:
    from builder.critics import agreement

    text = between.join(pieces)
    spelled = agreement._NO_COUNT.sub("some", text)
    assert agreement._DIGITS.findall(agreement._write_digits(spelled)) == agreement._DIGITS.findall(
        _numerize(spelled)
    )
