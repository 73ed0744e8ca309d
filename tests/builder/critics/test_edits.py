from __future__ import annotations

import pytest

from builder.critics.edits import edit_all


@pytest.mark.parametrize(
    ("premise", "hypothesis", "label", "kind"),
    [
        (
            "The report, which was released on Monday, shows a large increase in crime.",
            "The report shows a large increase in crime.",
            "entailment",
            "aside dropped",
        ),
        (
            "The reef is under threat from climate change, making it a pressing issue.",
            "The reef is under threat from climate change.",
            "entailment",
            "result dropped",
        ),
        (
            "The company has built a factory in Poland, and the workers are happy.",
            "The company has built a factory in Poland.",
            "entailment",
            "clause dropped",
        ),
        (
            "The company has built a factory in Poland.",
            "The company has built a factory in Poland, and the workers are happy.",
            "neutral",
            "clause dropped, added",
        ),
        (
            "The farmer sells fresh apples and pears.",
            "The farmer sells fresh apples.",
            "entailment",
            "conjunct dropped",
        ),
        (
            "The company opened a factory in 2010.",
            "The company opened a factory.",
            "entailment",
            "date dropped",
        ),
        (
            "The new book is very useful.",
            "The new book is useful.",
            "entailment",
            "intensifier dropped",
        ),
        (
            "The school was closed after a fire broke out.",
            "After a fire broke out, the school was closed.",
            "entailment",
            "reordered",
        ),
        (
            "The minister said that the bridge is safe.",
            "The bridge is safe.",
            "neutral",
            "speaker dropped",
        ),
        (
            "The country has a population of nine million, according to the United Nations.",
            "The country has a population of nine million.",
            "neutral",
            "source dropped",
        ),
        (
            "The bank will probably close the office.",
            "The bank will close the office.",
            "neutral",
            "hedge dropped",
        ),
        (
            "The bank may close the office.",
            "The bank will close the office.",
            "neutral",
            "modality changed",
        ),
        (
            "The old road could be dangerous.",
            "The old road is dangerous.",
            "neutral",
            "modality changed",
        ),
        (
            "The climbers tried to reach the summit.",
            "The climbers managed to reach the summit.",
            "neutral",
            "attempt as done",
        ),
        (
            "Some companies have cut their prices.",
            "All companies have cut their prices.",
            "neutral",
            "quantity strengthened",
        ),
        (
            "People who smoke die young.",
            "People die young.",
            "neutral",
            "restriction dropped",
        ),
        (
            "Germany defeated Brazil in the final.",
            "Brazil defeated Germany in the final.",
            "neutral",
            "roles swapped",
        ),
        (
            "If it rains, the match will be cancelled.",
            "The match will be cancelled.",
            "neutral",
            "condition dropped",
        ),
        (
            "The museum is open on Sundays.",
            "The museum is not open on Sundays.",
            "contradiction",
            "negated",
        ),
        (
            "The museum is not open on Sundays.",
            "The museum is open on Sundays.",
            "contradiction",
            "negated",
        ),
        (
            "The house has two doors.",
            "The house has four doors.",
            "contradiction",
            "number changed",
        ),
    ],
)
def test_each_edit_and_its_label(premise: str, hypothesis: str, label: str, kind: str) -> None:
    (from_premise,), (from_hypothesis,) = edit_all([premise]), edit_all([hypothesis])
    made = {(e.premise, e.hypothesis): (e.label, e.kind) for e in from_premise + from_hypothesis}
    assert made[premise, hypothesis] == (label, kind)


@pytest.mark.parametrize(
    "text",
    [
        "Nobody bought apples and pears.",  # what nobody did is not what nobody did of it
        "The company develops and sells cars.",  # the object is both verbs'
        "The doctor denies that he stole the money and sold the car.",
        "If he sells the house and the garden, he will move.",
        "The treaty changed the relations between France and Germany.",
        "Many of the houses are empty.",
        'He said: "The bank may close the office."',
        "Can you help me?",
        "and the company built a factory in Poland.",
        "The man, the woman, and the dog ran away.",
        "A massive, orbiting laboratory.",
        "",
    ],
)
def test_a_doubtful_sentence_gives_no_shorter_one(text: str) -> None:
    (found,) = edit_all([text])
    assert not [edit for edit in found if "dropped" in edit.kind and edit.kind[:9] != "condition"]


def test_a_number_is_changed_to_a_larger_one_by_the_seed() -> None:
    text = "The school has 12 teachers."
    made = [edit_all([text], seed)[0] for seed in range(6)]
    assert made[0] == edit_all(["Other.", text], 0)[1]
    numbers = {int(e.hypothesis.split()[3]) for es in made for e in es if e.label != "neutral"}
    assert len(numbers) > 1
    assert min(numbers) > 12
    for bounded in ("The school has at least 12 teachers.", "He won in 2012.", "It fell by 12%."):
        assert not [e for e in edit_all([bounded])[0] if e.kind == "number changed"]


def test_an_edit_changes_no_more_than_one_place() -> None:
    texts = [
        "The report, which was released on Monday, shows an increase, and the police may act.",
        "Some firms, according to the bank, have 12 offices and shops.",
    ]
    for edits in edit_all(texts):
        assert edits
        for edit in edits:
            if edit.kind == "reordered":
                continue
            one, two = edit.premise.split(), edit.hypothesis.split()
            front = 0
            while front < min(len(one), len(two)) and one[front].strip(",") == two[front].strip(
                ","
            ):
                front += 1
            back = 0
            while back < min(len(one), len(two)) - front and one[-1 - back].strip(".") == two[
                -1 - back
            ].strip("."):
                back += 1
            assert min(len(one), len(two)) - front - back <= 1
