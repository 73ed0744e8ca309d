"""Languages in the words of a card."""

from __future__ import annotations

import pytest

from cards.languages import NAMES, add_article, describe
from cards.metadata import make_model_metadata
from cards.render import render_model_card
from tests.cards.examples import model_facts


@pytest.mark.parametrize(
    ("codes", "words", "sentence"),
    [
        (("en",), "English", "an English sentence"),
        (("zh",), "Chinese", "a Chinese sentence"),
        (("uk",), "Ukrainian", "a Ukrainian sentence"),
        (("pt-BR",), "Portuguese", "a Portuguese sentence"),
        (("fr", "de"), "French and German", "a French or German sentence"),
        (("gd",), "Scottish Gaelic", "a Scottish Gaelic sentence"),
        (("xyz",), "xyz", "a xyz sentence"),
        (("und",), "", "a sentence"),
    ],
)
def test_words(codes: tuple[str, ...], words: str, sentence: str) -> None:
    assert describe(codes) == words
    assert add_article(codes, "sentence") == sentence
    assert len(NAMES) > 100


@pytest.mark.parametrize(
    ("codes", "words"), [(("zh",), "single Chinese sentences"), (("und",), "single sentences")]
)
def test_a_student_s_card_names_its_language(codes: tuple[str, ...], words: str) -> None:
    facts = model_facts(language=codes, summary="Rewrites.", purpose="rewrite a sentence")
    assert make_model_metadata(facts)["language"] == list(codes)
    card = render_model_card(facts)
    assert f"It was trained on {words};" in card
    assert "English" not in card
