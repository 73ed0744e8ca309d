from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dimsum.errors import UsageError
from dimsum.prompts import PromptFormat, join_lines
from dimsum.spec import StudentSpec
from dimsum.tasks.paraphrase import PARAPHRASE
from tests.tasks.headline import HEADLINE


@pytest.mark.parametrize("architecture", ["seq2seq", "causal"])
@pytest.mark.parametrize("control", [True, False])
@pytest.mark.parametrize("shape", ["instruction_first", "instruction_last", "chat"])
@given(source=st.text())
def test_a_prompt_gives_back_what_it_was_made_from(
    architecture: str, control: bool, shape: str, source: str
) -> None:
    form = PromptFormat.default(
        architecture,  # type: ignore[arg-type]
        control=control,
        shape=shape,  # type: ignore[arg-type]
        chat=lambda text: f"<user>{text}</user><assistant>",
    )
    again = PromptFormat.model_validate_json(form.model_dump_json())
    assert (again.control, again.shape) == (control, shape)
    for code in form.instructions:
        assert again.parse(form.render(source, code)) == (code, source)


def test_the_prompt_reads_as_it_should() -> None:
    form = PromptFormat.default("causal")
    assert form.render("A dog sleeps.", "paraphrase") == (
        "Write a paraphrase of the sentence.\nSentence: A dog sleeps.\nAnswer:"
    )
    assert form.instructions == {
        "short-abstractive": "Write a short summary of the sentence in new words.",
        "short-extractive": "Write a short summary of the sentence in its own words.",
        "long-abstractive": "Write a long summary of the sentence in new words.",
        "long-extractive": "Write a long summary of the sentence in its own words.",
        "paraphrase": "Write a paraphrase of the sentence.",
    }
    assert list(form.instructions)[-1] == "paraphrase"
    assert PromptFormat.default("causal", control=False).instructions == {
        "summary": "Write a summary of the sentence.",
        "paraphrase": "Write a paraphrase of the sentence.",
    }
    assert join_lines(" a\n b\t c ") == "a b c"


def test_the_instruction_may_stand_right_before_the_answer() -> None:
    last = PromptFormat.default("causal", shape="instruction_last")
    assert last.render("A dog {instruction} sleeps.", "paraphrase") == (
        "Sentence: A dog {instruction} sleeps.\nWrite a paraphrase of the sentence.\nAnswer:"
    )
    assert last.target_prefix == " "
    chat = PromptFormat.default("causal", shape="chat", chat=lambda text: f"<u>{text}</u><a>")
    assert chat.render("A dog sleeps.", "paraphrase") == (
        "<u>Sentence: A dog sleeps.\nWrite a paraphrase of the sentence.</u><a>"
    )
    assert chat.target_prefix == ""
    seq2seq = PromptFormat.default("seq2seq", shape="instruction_last")
    assert seq2seq.render("A.", "paraphrase") == "Sentence: A.\nWrite a paraphrase of the sentence."


def test_what_is_no_prompt_is_refused() -> None:
    form = PromptFormat.default("seq2seq")
    with pytest.raises(UsageError, match="not a prompt"):
        form.parse("Sentence: A dog sleeps.")
    with pytest.raises(UsageError, match="does not know the control code 'summary'"):
        form.render("A dog sleeps.", "summary")
    for template in ("{source}", "{instruction}", "{instruction} {source}{source}"):
        with pytest.raises(ValidationError):
            PromptFormat(instructions={"a": "b"}, template=template)


def test_codes_follow_what_was_trained() -> None:
    form = PromptFormat.default("causal")
    counts = {"short-abstractive": 2, "long-abstractive": 5, "long-extractive": 9}
    spec = StudentSpec(architecture="causal", prompts=form, trained=counts)
    assert spec.code_for("summary") == "long-extractive"
    assert spec.code_for("summary", {"length": "short", "style": None}) == "short-abstractive"
    assert spec.code_for("summary", {"style": "abstractive"}) == "long-abstractive"
    for options, message in (
        ({"length": "short", "style": "extractive"}, "control code 'short-extractive'"),
        ({"length": "medium"}, "'medium' is no length"),
        ({"tone": "dry"}, "has no tone"),
    ):
        with pytest.raises(UsageError, match=message):
            spec.code_for("summary", options)
    for task in ("paraphrase", "headline"):
        with pytest.raises(UsageError, match=f"does not know the control code '{task}'"):
            spec.code_for(task)
    with pytest.raises(UsageError, match="'paraphrase'"):
        spec.check_code("paraphrase")
    plain = StudentSpec(
        architecture="causal",
        prompts=PromptFormat.default("causal", control=False),
        trained={"summary": 3, "paraphrase": 1},
    )
    assert plain.code_for("summary") == "summary"
    with pytest.raises(UsageError, match="has no length to choose"):
        plain.code_for("summary", {"length": "short"})


def test_students_of_earlier_formats_are_understood() -> None:
    for control in (True, False):
        form = PromptFormat.default("causal", control=control)
        first = form.model_dump(exclude={"codes", "control"})
        assert PromptFormat.model_validate(first) == form
        second = form.model_dump(exclude={"codes"})
        second["requests"] = {name: code.model_dump() for name, code in form.codes.items()}
        assert PromptFormat.model_validate(second) == form
    other = PromptFormat.model_validate({**first, "instructions": {"headline": "Write one."}})
    assert other.codes["headline"].task == "headline"


def test_a_format_of_another_task_says_what_its_codes_are() -> None:
    form = PromptFormat.default("causal", tasks=(HEADLINE, PARAPHRASE))
    assert form.tasks == ("headline", "paraphrase")
    assert form.codes["tiny-headline"].options == {"size": "tiny"}
    assert PromptFormat.model_validate_json(form.model_dump_json()) == form
    with pytest.raises(ValidationError, match="codes and instructions differ"):
        PromptFormat.model_validate({**form.model_dump(), "codes": {}})
