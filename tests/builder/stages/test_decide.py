from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from builder.config import Bound, load_config
from builder.decide import admitted, decide, failing

RULES = load_config("news").rules
MEASURES = sorted({measure for rules in RULES.values() for measure in rules})
VALUES = st.fixed_dictionaries(
    {measure: st.one_of(st.none(), st.floats(0, 2)) for measure in MEASURES}
)


@given(VALUES)
def test_kept_exactly_when_every_rule_of_a_task_holds(values: dict[str, float | None]) -> None:
    task, reason = decide(RULES, values)
    fits = [name for name, rules in RULES.items() if not failing(rules, values)]
    assert task == (fits[0] if fits else None)
    assert bool(reason) == (task is None)
    if task is None:
        name, _, measure = reason.partition(".")
        assert measure == failing(RULES[name], values)[0]  # type: ignore[index]
        assert len(failing(RULES[name], values)) == min(  # type: ignore[index]
            len(failing(rules, values)) for rules in RULES.values()
        )


def test_the_papers_rules_on_a_pair() -> None:
    values: dict[str, float | None] = {
        "compression": 1.0,
        "rouge_l": 0.5,
        "numbers_forward": 1.0,
        "numbers_backward": 1.0,
        "entail_forward": 0.75,
        "entail_backward": 0.8,
    }
    assert decide(RULES, values) == ("paraphrase", "")
    assert decide(RULES, {**values, "rouge_l": 0.76}) == (None, "paraphrase.rouge_l")
    assert decide(RULES, {**values, "compression": 0.5}) == ("summary", "")
    assert decide(RULES, {**values, "compression": 0.5, "numbers_forward": 0.5}) == (
        None,
        "summary.numbers_forward",
    )


def test_admission_is_by_task() -> None:
    bounds = {"paraphrase": {"rouge_l": Bound(max=0.5)}, "summary": {"compression": Bound(max=1)}}
    assert admitted(bounds, {"rouge_l": 0.4, "compression": 1.2}) == {  # type: ignore[arg-type]
        "paraphrase": True,
        "summary": False,
    }
