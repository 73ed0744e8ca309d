"""The page on syntax control holds the numbers of the document that it is written from."""

from __future__ import annotations

from typing import Any

from dimsum.spec import StudentSpec
from tests.scripts import script

syntax_page = script("syntax_page")


def test_the_page_says_what_was_measured() -> None:
    heads = [*syntax_page.HEADS, "ted_3_given", "ted_f_given"]

    def cells(value: float) -> dict[str, Any]:
        return {name: {"value": value, "interval": (value - 1, value + 1)} for name in heads}

    base = {k: v for k, v in cells(11.26).items() if not k.endswith("given")}
    others = "small, exemplars of others"
    test = {
        "a": "small, exemplar",
        "b": others,
        "metric": "ted_3_exemplar",
        "difference": -0.75,
        "low": -1.25,
        "high": -0.3,
        "p": 0.004,
    }
    document = {
        "set": "MADE",
        "examples": 321,
        "pool": 4567,
        "refused": {others: 3, "small, exemplar": 0},
        "systems": {"source": base, "small, exemplar": base, others: cells(5.55)},
        "signatures": {"bleu": "sacrebleu, some version"},
        "paired": [test],
        "apart": 210,
        "paired_apart": [{**test, "difference": -0.85}],
        "together": {"paired": [], "apart": 432, "paired_apart": [{**test, "p": 0.002}]},
    }
    spec = StudentSpec.model_validate(SPEC)
    text = syntax_page.format_page([document], {"small": spec}, "Read by nobody.")
    assert "321 pairs; exemplars from a pool of 4,567 sentences." in text
    row = next(line for line in text.splitlines() if line.startswith("| source |"))
    assert row.count("11.3 [10.3, 12.3]") == len(syntax_page.HEADS)
    assert f"{others}: 3." in text and "small, exemplar: 0" not in text
    assert f"{others}: 5.5 [4.5, 6.5] (TED-3)" in text
    assert (
        f"| small, exemplar | {others} | TED-3 to exemplar | -0.75 [-1.25, -0.30] | 0.004 |" in text
    )
    assert "Of the 210 pairs whose source is not already built" in text
    assert "TED-3 to exemplar | -0.85 [-1.25, -0.30] | 0.004 |" in text
    together = text[text.index("## The sets together") :]
    assert "Of the 432 pairs" in together and "-0.75 [-1.25, -0.30] | 0.002 |" in together
    assert "| small | some base | pairs.jsonl | 1,234 | 987 | 1 | dependency, height 3 |" in text
    assert text.index("Read by nobody.") < text.index("sacrebleu, some version")


SPEC: dict[str, Any] = {
    "architecture": "causal",
    "prompts": {
        "instructions": {"paraphrase": "Paraphrase."},
        "template": "{source} {instruction}",
        "codes": {"paraphrase": {"task": "paraphrase", "options": {}, "meaning": "the same"}},
        "syntax": {"parser": "dependency", "height": 3, "labels": ["text"]},
    },
    "max_source_tokens": 16,
    "trained": {"paraphrase": 1234},
    "training": {
        "from": "some base",
        "epochs": 1.0,
        "data": {"reference": "pairs.jsonl", "train": 1234, "trees": {"shown": 987}},
    },
}
