from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dimsum.controls import CONTROLS
from dimsum.errors import UsageError
from dimsum.prompts import CONTROLLED, PromptFormat, one_line
from dimsum.spec import StudentSpec


@pytest.mark.parametrize("architecture", ["seq2seq", "causal"])
@pytest.mark.parametrize("control", [True, False])
@given(source=st.text())
def test_a_prompt_gives_back_what_it_was_made_from(
    architecture: str, control: bool, source: str
) -> None:
    form = PromptFormat.default(architecture, control=control)  # type: ignore[arg-type]
    again = PromptFormat.model_validate_json(form.model_dump_json())
    assert again.control == control
    for request in form.instructions:
        assert again.parse(form.render(source, request)) == (request, source)


def test_the_prompt_reads_as_it_should() -> None:
    form = PromptFormat.default("causal")
    assert form.render("A dog sleeps.", "paraphrase") == (
        "Write a paraphrase of the sentence.\nSentence: A dog sleeps.\nAnswer:"
    )
    assert set(CONTROLLED) == set(CONTROLS)
    assert one_line(" a\n b\t c ") == "a b c"


def test_what_is_no_prompt_is_refused() -> None:
    form = PromptFormat.default("seq2seq")
    with pytest.raises(UsageError, match="not a prompt"):
        form.parse("Sentence: A dog sleeps.")
    with pytest.raises(UsageError, match="does not know the control code 'summary'"):
        form.render("A dog sleeps.", "summary")
    for template in ("{source}", "{instruction}", "x {instruction} {source}", "{source}{source}"):
        with pytest.raises(ValidationError):
            PromptFormat(instructions={"a": "b"}, template=template)


def test_requests_follow_what_was_trained() -> None:
    form = PromptFormat.default("causal")
    counts = {"short-abstractive": 2, "long-abstractive": 5, "long-extractive": 9}
    spec = StudentSpec(architecture="causal", prompts=form, trained=counts)
    assert spec.summary_request() == "long-extractive"
    assert spec.summary_request(length="short") == "short-abstractive"
    assert spec.summary_request(style="abstractive") == "long-abstractive"
    for arguments in ({"length": "short", "style": "extractive"}, {"length": "medium"}):
        with pytest.raises(UsageError):
            spec.summary_request(**arguments)
    with pytest.raises(UsageError, match="'paraphrase'"):
        spec.checked("paraphrase")
    plain = StudentSpec(
        architecture="causal",
        prompts=PromptFormat.default("causal", control=False),
        trained={"summary": 3, "paraphrase": 1},
    )
    assert plain.summary_request() == "summary"
    with pytest.raises(UsageError, match="does not know the control code 'short'"):
        plain.summary_request(length="short")
