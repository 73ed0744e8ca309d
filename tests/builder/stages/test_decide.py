from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.config import Bound, load_config
from builder.decide import decide
from tests.builder.by_pair import decide_one, failing

RULES = load_config("news").rules
MEASURES = sorted({measure for rules in RULES.values() for measure in rules})
NUMBER = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, 2.0])
BOUND = st.tuples(NUMBER, NUMBER).map(lambda ends: Bound(min=min(ends), max=max(ends)))
NAMES = ("a", "b", "c", "d")
SOME_RULES = st.dictionaries(
    st.sampled_from(["summary", "paraphrase", "headline"]),
    st.dictionaries(st.sampled_from(NAMES), BOUND, max_size=4),
    min_size=1,
)
ROW = st.fixed_dictionaries({name: st.one_of(st.none(), NUMBER) for name in NAMES})


def columns(rows: list[dict[str, float | None]]) -> dict[str, Any]:
    return {
        name: np.array([np.nan if row[name] is None else row[name] for row in rows], dtype=float)
        for name in rows[0]
    }


@given(SOME_RULES, st.lists(ROW, min_size=1, max_size=20))
@settings(max_examples=300)
def test_columns_are_decided_as_each_pair_alone(rules: Any, rows: list[Any]) -> None:
    found = decide(rules, columns(rows), len(rows))
    for index, row in enumerate(rows):
        task, reason = decide_one(rules, row)
        assert found.names[found.codes[index]] == (task or reason)
        assert found.kept[index] == (task is not None)
        for name in rules:
            assert found.fits[name][index] == (not failing(rules[name], row))
    assert sum(found.counts().values()) == len(rows)


def test_the_papers_rules_on_a_pair() -> None:
    values: dict[str, float | None] = {
        "compression": 1.0,
        "rouge_l": 0.5,
        "numbers_forward": 1.0,
        "numbers_backward": 1.0,
        "entail_forward": 0.75,
        "entail_backward": 0.8,
    }
    rows = [
        values,
        {**values, "rouge_l": 0.76},
        {**values, "compression": 0.5},
        {**values, "compression": 0.5, "numbers_forward": 0.5},
        {**values, "entail_forward": None},
    ]
    found = decide(RULES, columns(rows), len(rows))
    assert [found.names[code] for code in found.codes] == [
        "paraphrase",
        "paraphrase.rouge_l",
        "summary",
        "summary.numbers_forward",
        "paraphrase.entail_forward",
    ]


def test_a_measure_that_nobody_took_fails() -> None:
    found = decide({"paraphrase": {"rouge_l": Bound(max=0.5)}}, {}, 2)
    assert found.counts() == {"paraphrase.rouge_l": 2}
