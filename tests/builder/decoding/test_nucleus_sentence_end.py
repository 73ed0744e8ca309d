from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.decoding.sentence_end import find_sentence_end, is_undecided


@pytest.mark.parametrize(
    "sentence",
    [
        " The cat sat.",
        " Mr. Smith met Dr. J. R. Jones.",
        " The U.S. economy grew by 3.5 percent.",
        ' "Really?" he asked.',
        " He left (early).",
        " He left (early.)",
        ' She said "no way!"',
        " What?!",
        " See Fig. 2 and e.g. the U.K. study by Lee et al. for more.",
        " It cost No. 5 in the list $1.99.",
        " At 5 p.m. London was dark.",
        " 1. The first point.",
        " Visit example.com today.",
        " It was 1990.",
        " And so it went on...",
        "\n\n Leading space is part of it.",
    ],
)
@pytest.mark.parametrize("after", [" Next", ' "Next', " (Next", "\nnext", " 12 more"])
def test_the_first_sentence(sentence: str, after: str) -> None:
    assert find_sentence_end(sentence + after) == len(sentence)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        " The cat sat.",
        ' The cat sat."',
        ' The cat sat. "',
        " The cat sat. and",
        " Mr. Smith",
        " J. Smith",
        " in the U.S. Senate",
        " so he said: yes! he did",
        " 12. Point",
    ],
)
def test_not_certain_yet(text: str) -> None:
    assert find_sentence_end(text) is None


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("老人睡觉。小", 5),
        ("“好。”他", 4),
        ("अब चलो। वे", 7),
        ("老人睡觉。", None),
        ("“好。”", None),
    ],
)
def test_marks_of_other_scripts_end_at_once(text: str, length: int | None) -> None:
    assert find_sentence_end(text) == length


@given(st.text(alphabet="aB 1.!?\"')(\n。」", max_size=40))
def test_what_is_settled_stays_settled(text: str) -> None:
    """Growing a text neither moves an end once found nor finds one that was not is_undecided."""
    found = None
    for size in range(len(text) + 1):
        end = find_sentence_end(text[:size])
        if found is not None:
            assert end == found
        elif end is not None:
            assert text[size - 1] == "\n" or is_undecided(text[: size - 1])
            assert end <= size
            assert text[:end] == text[:end].rstrip()
        found = end
