"""Each column on sentences whose value a reader can count."""

from __future__ import annotations

import numpy as np
import pytest

from builder.analysis import analyse_all
from builder.measures.base import Batch, Sentences
from builder.measures.grammar import MEASURES


def measured(source: str, target: str) -> dict[str, float]:
    batch = Batch(Sentences([source, target]), np.array([0]), np.array([1]))
    return {k: float(v[0]) for m in MEASURES for k, v in m.of(batch).items()}


@pytest.mark.parametrize(
    ("source", "target", "column", "value"),
    [
        ("The company sold the factory.", "The company sold the factory.", "new_words", 0),
        ("The company sold the factory.", "The company sold the school.", "new_words", 1 / 3),
        ("The company sold the factory.", "The company sold the school.", "new_word_count", 1),
        ("The company sold the old factory.", "The company sold the factory.", "lost_words", 1 / 4),
        ("The dog bit the man.", "The man bit the dog.", "new_roles", 2),
        ("The dog bit the man.", "The man bit the dog.", "swapped_roles", 2),
        ("The dog bit the man.", "The man was bitten by the dog.", "roles_forward", 1),
        ("The dog bit the man.", "The man was bitten by the dog.", "roles_backward", 1),
        (
            "The court may reject the appeal.",
            "The court will reject the appeal.",
            "modality_alike",
            0,
        ),
        (
            "The court may reject the appeal.",
            "The court might reject the appeal.",
            "modality_alike",
            1,
        ),
        ("The court did not reject it.", "The court rejected it.", "negation_alike", 0),
        ("The court rejected it.", "The court rejects it.", "tense_alike", 0),
        ("At least 3 men came.", "More than 3 men came.", "quantities_forward", 0),
        ("At least 3 men came.", "3 men came.", "quantities_backward", 0),
        ("Nearly all men came.", "All men came.", "hedges_backward", 0),
        ("He said that the men came.", "The men came.", "reporting_backward", 0),
        ('He said "the men came.', "He said the men came.", "source_faults", 1),
        ("The men came.", "and the men came.", "target_faults", 2),
        ("The men came.", "The men and the men came.", "target_repeats", 1 / 3),
        ("The men came, but the women left.", "The men came.", "contrasts_lost", 1),
        ("The dog bit the man.", "The dog slept.", "main_kept", 1 / 3),
        ("He won the race and left.", "He won the race.", "dropped_words", 1),
        ("He left the town early.", "He quit the city early.", "dropped_words", 0),
    ],
)
def test_a_column_by_hand(source: str, target: str, column: str, value: float) -> None:
    assert measured(source, target)[column] == pytest.approx(value)


@pytest.mark.parametrize(
    ("source", "target", "splices"),
    [
        (
            "The team is in the city, and they are in the right place.",
            "They are in the right place, the team is in the city.",
            1,
        ),
        ("The team is in the city, and they like it.", "The team is in the city, they like it.", 1),
        # Its source has it as well.
        ("It is not old, it is new, and we like it.", "It is not old, it is new.", 0),
        # A report, a speaker's aside, a clause that depends, and a list are no such clauses.
        ("Police said that the man left early.", "The man left early, police said.", 0),
        ("For 20 years, I mean, he has run it.", "I mean, he has run it for 20 years.", 0),
        ("The school closed when it rained.", "When it rained, the school closed.", 0),
        ("He came and saw the town and left it.", "He came, he saw the town, and he left it.", 0),
        ("It rained, and the school closed.", "The school closed, and it rained.", 0),
    ],
)
def test_clauses_that_a_comma_alone_joins(source: str, target: str, splices: int) -> None:
    assert measured(source, target)["new_splices"] == splices


@pytest.mark.parametrize(
    ("source", "target", "broken"),
    [
        ("He is tired and is expected to leave.", "Is expected to leave, he is tired.", 1),
        ("Is he expected to leave?", "Is he leaving?", 0),
        (
            "It is set in a town, where a woman finds her son.",
            "Where a woman finds her son, it is set in a town.",
            1,
        ),
        ("The school closed when it rained.", "When it rained, the school closed.", 0),
    ],
)
def test_parts_that_cannot_stand_first(source: str, target: str, broken: int) -> None:
    assert measured(source, target)["broken_openings"] == broken


def test_equal_sentences_agree_in_everything() -> None:
    for text in ("The court may not reject it, but he said that most men came.", "Yes.", "?"):
        found = measured(text, text)
        ones = ("roles_forward", "roles_backward", "modality_alike", "negation_alike", "main_kept")
        zeros = ("new_words", "lost_words", "new_roles", "swapped_roles", "contrasts_lost")
        assert all(found[name] == 1 for name in ones)
        assert all(found[name] == 0 for name in zeros)


def test_values_lie_in_their_columns_bounds() -> None:
    texts = ["", "Go!", "He said he may have seen it (once.", "The cat and the dog ran and ran."]
    for source in texts:
        for target in texts:
            found = measured(source, target)
            for column in (column for measure in MEASURES for column in measure.columns):
                assert column.low <= found[column.name] <= column.high


def test_conjuncts_share_a_subject_and_relatives_stand_for_their_noun() -> None:
    both, relative = analyse_all(
        ["The firm makes cars and sells boats.", "The firm which sells boats grew."]
    )
    assert {("make", "subject", "firm"), ("sell", "subject", "firm")} <= both.relations
    assert ("sell", "subject", "firm") in relative.relations
