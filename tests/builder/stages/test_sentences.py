"""What is kept of a text: sentences, contexts, numbers and names."""

from __future__ import annotations

import random

import pytest

from builder.config import DomainConfig, load_config
from builder.critics.agreement import find_names, find_numbers, list_words, measure_found
from builder.sentences import find_fault, split, tidy
from builder.stages.contexts import _cut, _thin


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("It rained.", None),
        ('He said: "It rained."', None),
        ("Did it rain?", None),
        ("(It rained!)", None),
        ("It rained", "unfinished"),
        ("It rained,", "unfinished"),
        ("A.", "too_short"),
        ("It\nrained.", "newline"),
        ("It \x07rained.", "unprintable"),
        ("It \ufffd rained.", "unprintable"),
        ("See http://x.y.", "forbidden"),
        ("x" * 60 + ".", "too_long"),
        ("Émile a mangé 3 pommes.", None),
        ("小猫在河边睡觉。", None),
        ("他说:“好!”", None),
        ("هل تسمعني؟", None),
        ("小猫在河边睡觉", "unfinished"),
    ],
)
def test_faults(sentence: str, reason: str | None) -> None:
    assert find_fault(sentence, 50, ("http",)) == reason


@pytest.mark.embedded
def test_splitting_keeps_abbreviations_together() -> None:
    texts = ["Mr. Smith paid $3.5 million in the U.S. market. He left.", "", "No end"]
    assert list(split(texts)) == [
        ["Mr. Smith paid $3.5 million in the U.S. market.", "He left."],
        [],
        ["No end"],
    ]


@pytest.mark.embedded
def test_marks_of_other_scripts_end_sentences() -> None:
    texts = ["老人睡觉。小猫在河边！“好。”他说。没完", "He left. Did he?", "हम खुश हैं। वे आए।"]
    assert list(split(texts)) == [
        ["老人睡觉。", "小猫在河边！", "“好。”", "他说。", "没完"],
        ["He left.", "Did he?"],
        ["हम खुश हैं।", "वे आए।"],
    ]


def test_tidy() -> None:
    assert tidy("  a   b \r c") == "a b \n c"


def test_contexts_end_at_a_dropped_sentence() -> None:
    settings = load_config("embedded").contexts
    sentences = ["One is here.", "Two is here.", "broken", "Three is here."]
    found = list(_cut(sentences, settings, DomainConfig(name="news")))
    assert [reason for _, reason in found] == [
        "too_early",
        None,
        "unfinished",
        "after_a_dropped_sentence",
    ]


def test_contexts_are_bounded_and_thinned() -> None:
    settings = load_config("embedded").contexts
    sentences = [f"Sentence {i} is here." for i in range(7)]
    found = list(_cut(sentences, settings, DomainConfig(name="news")))
    reasons = [reason for _, reason in found]
    assert reasons == ["too_early", None, None, None, "too_late", "too_late", "too_late"]
    thin = _thin(iter(found), 1, random.Random(0))
    assert [reason for _, reason in thin].count(None) == 1
    assert [reason for _, reason in thin].count("sampled_out") == 2
    assert [p for p, _ in thin] == list(range(7))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It cost 1,200 dollars.", {"1200"}),
        ("It cost twelve hundred dollars.", {"1200"}),
        ("Twenty-one of 3.50 percent", {"21", "3.5"}),
        ("One of the men left.", set()),
        ("A lorry hit a bus.", set()),
        ("A hundred men", {"100"}),
        ("one million people", {"1000000"}),
        ("May 05, 2014", {"5", "2014"}),
        ("No number here.", set()),
    ],
)
def test_numbers(text: str, expected: set[str]) -> None:
    assert find_numbers(text) == expected


def test_names() -> None:
    found = find_names("The mayor of London's council, John O'Neil, met Isaac Newton.")
    assert found == {"london", "john", "o'neil", "isaac", "newton"}
    assert find_names('They said: "Nobody knows." Then Anna left.') == {"anna"}
    assert find_names("He took her to his car.") == {"he", "she"}
    assert measure_found(find_names("He said."), list_words("She said.")) == 0.0
    assert measure_found(find_names("It is his."), list_words("He says that it is his own.")) == 1.0
    assert "london" in list_words("London's mayor")


def test_shares() -> None:
    assert measure_found({"a", "b"}, {"a"}) == 0.5
    assert measure_found(set(), {"a"}) == 1.0
    assert measure_found({"a"}, set()) == 0.0
