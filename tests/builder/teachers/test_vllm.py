"""vLLM as a teacher's engine, as far as it goes without vLLM; the rest is in test_contract."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from builder.cli import run
from builder.config import parse_config
from builder.decoding.continuation import Sample
from builder.decoding.settings import SamplingConfig
from builder.teachers.vllm import _Growing

END = frozenset({1})


def grow(*steps: tuple[str, list[int], float, str | None, Any], stop: Any = "sentence") -> Sample:
    """What becomes of (text, tokens, log-probability, finish_reason, stop_reason), step by step."""
    config, one = SamplingConfig(stop=stop), _Growing(2, 3, [])
    for number, (text, tokens, logprob, finish, why) in enumerate(steps, 1):
        output = SimpleNamespace(
            text=text,
            token_ids=tokens,
            cumulative_logprob=logprob,
            finish_reason=finish,
            stop_reason=why,
        )
        found = one.take(output, END, config)
        assert (found is None) == (number < len(steps))
    assert found is not None
    return found


def test_a_sample_is_cut_where_its_sentence_ends() -> None:
    found = grow(
        (" It", [5], -1.0, None, None),
        (" It rained.", [5, 6], -1.5, None, None),
        (" It rained. The", [5, 6, 7], -3.5, None, None),
    )
    assert found == Sample(2, 3, " It rained.", (5, 6), -1.5, "sentence")


def test_the_end_of_a_text_is_no_token_of_it() -> None:
    found = grow((" It", [5], -1.0, None, None), (" It", [5, 1], -4.0, "stop", None))
    assert found == Sample(2, 3, " It", (5,), -1.0, "eos")
    assert grow(("", [1], -4.0, "stop", None)) == Sample(2, 3, "", (), 0.0, "eos")


def test_a_banned_text_of_several_tokens_ends_a_sample_before_it() -> None:
    found = grow(
        (" It", [5], -1.0, None, None),
        (" It", [5, 6], -2.0, None, None),
        (" It", [5, 6, 7], -3.0, "stop", "XY"),
        stop="length",
    )
    assert found == Sample(2, 3, " It", (5,), -1.0, "eos")


def test_a_length_ends_a_sample_with_all_its_tokens() -> None:
    found = grow((" It", [5], -1.0, None, None), (" It is", [5, 6], -2.5, "length", None))
    assert found == Sample(2, 3, " It is", (5, 6), -2.5, "length")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"extra": {"dtype": "half"}}, "dtype is set by the build itself"),
        ({"memory": 1.5}, "less than or equal to 1"),
    ],
)
def test_settings_that_cannot_be(
    toy_document: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    toy_document["teacher"]["engine"] = {"kind": "vllm", **change}
    with pytest.raises(Exception, match=message):
        parse_config(toy_document)


def test_what_it_does_not_hold_is_refused_when_settings_are_read(
    toy_document: dict[str, Any],
) -> None:
    toy_document["teacher"]["engine"] = {"kind": "vllm"}
    parse_config(toy_document)
    toy_document["contexts"]["sampling"]["no_repeat_ngram"] = 3
    with pytest.raises(Exception, match=r"teacher\.engine vllm does not hold no_repeat_ngram"):
        parse_config(toy_document)


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vllm is installed")
def test_a_build_without_it_says_how_to_get_it(
    toy_yaml: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["build", str(toy_yaml), "-o", str(tmp_path / "run"), "--quiet"]
    assert run([*words, "--set", "teacher.engine={kind: vllm}"]) == 1
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 2
    assert "vllm, which is not installed" in said[0] and "dimsum-plus[vllm]" in said[1]
