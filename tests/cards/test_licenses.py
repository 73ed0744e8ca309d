"""A licence is computed or it is `other`; it is never guessed."""

from __future__ import annotations

import pytest

from cards.hub_values import LICENCES
from cards.licenses import LicenceInput, find_licence
from cards.render import render_dataset_card
from tests.cards.examples import CRITIC, TEACHER, dataset_facts


def computed(*licences: str | None) -> str:
    inputs = [LicenceInput(what=f"input {i}", licence=x) for i, x in enumerate(licences)]
    return find_licence(inputs).id


@pytest.mark.parametrize(
    ("licences", "result"),
    [
        (["mit"], "mit"),
        (["cc0-1.0", "mit"], "mit"),
        (["mit", "apache-2.0", "bsd-3-clause"], "apache-2.0"),
        (["apache-2.0", "cc-by-4.0"], "cc-by-4.0"),
        (["cc-by-3.0", "cc-by-4.0"], "cc-by-4.0"),
        (["mit", "cc-by-sa-3.0", "cc-by-sa-4.0"], "cc-by-sa-4.0"),
        (["cc-by-4.0", "cc-by-nc-4.0"], "cc-by-nc-4.0"),
        (["cc-by-nc-4.0", "cc-by-nc-sa-4.0"], "cc-by-nc-sa-4.0"),
        (["cc-by-sa-4.0", "cc-by-nc-4.0"], "other"),
        (["cc-by-sa-4.0", "cc-by-nc-sa-4.0"], "other"),
        (["gpl-3.0", "mit"], "gpl-3.0"),
        (["gpl-3.0", "cc-by-sa-4.0"], "other"),
        (["gpl-2.0", "apache-2.0"], "other"),
        (["mit", "cc-by-nd-4.0"], "other"),
        (["mit", "llama3"], "other"),
        (["mit", "creativeml-openrail-m"], "other"),
        (["mit", None], "other"),
        (["mit", "unknown"], "other"),
        (["mit", "other"], "other"),
        (["mit", "MIT License"], "other"),
        ([], "other"),
    ],
)
def test_combinations(licences: list[str | None], result: str) -> None:
    assert computed(*licences) == result
    assert computed(*reversed(licences)) == result


@pytest.mark.parametrize("licence", sorted(LICENCES))
def test_every_licence_of_the_hub_has_an_answer(licence: str) -> None:
    alone = computed(licence)
    assert alone in {licence, "other"}
    assert computed(licence, "mit") in LICENCES


def test_an_unknown_licence_is_seen_on_the_card() -> None:
    known = render_dataset_card(dataset_facts())
    assert "**Warning.**" not in known
    unknown = dataset_facts(models=(TEACHER.model_copy(update={"licence": None}), CRITIC))
    card = render_dataset_card(unknown)
    assert "license: other\n" in card
    assert "> **Warning.** No licence could be computed: the licence of teacher" in card
