"""What every engine of a teacher promises, by the same tests; the oracle is transformers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from builder.decoding.sentence_end import find_sentence_end
from builder.decoding.settings import TeacherSampling
from builder.models import LoadedModel, load_causal
from builder.sampling import make_sampler, sample_each
from builder.teachers.server import ServedTeacher
from builder.teachers.settings import ServerSettings, VllmSettings
from tests.builder.teachers.loopback import NAME, Server, serve
from tests.toys import make_teacher

PROMPTS = ["News: A cat", "News: The old dog sits", "News: Two birds sing. Mary"]
WANTED = TeacherSampling(temperature=0.8, top_p=0.9, max_new_tokens=30, banned=("\n",))


@pytest.fixture(scope="module")
def server(toy_teacher: Path) -> Iterator[Server]:
    with serve(toy_teacher) as found:
        yield found


@pytest.fixture(scope="module")
def wide_teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_teacher(tmp_path_factory.mktemp("wide"), hidden=128)


@pytest.fixture(scope="module", params=["torch", "server", "vllm"])
def engine(request: pytest.FixtureRequest) -> tuple[Any, LoadedModel]:
    """A teacher, and the same model by transformers."""
    kind = request.param
    if kind == "vllm":
        pytest.importorskip("vllm", reason="the extra vllm is not installed")
    folder = request.getfixturevalue("wide_teacher" if kind == "vllm" else "toy_teacher")
    loaded = load_causal(str(folder), device="cpu", dtype="float32")
    if kind == "torch":
        return loaded, loaded
    if kind == "server":
        served = request.getfixturevalue("server")
        return ServedTeacher.find(ServerSettings(url=served.url, concurrency=4), NAME), loaded
    from builder.teachers.vllm import VllmTeacher

    settings = VllmSettings(extra={"enforce_eager": True})
    return VllmTeacher.load(settings, str(folder), "float32"), loaded


@pytest.fixture
def teacher(engine: tuple[Any, LoadedModel]) -> Any:
    return engine[0]


@pytest.fixture
def reference(engine: tuple[Any, LoadedModel]) -> LoadedModel:
    return engine[1]


def spelt(samples: Any) -> list[tuple[int, int, str, int]]:
    """Samples without their log-probabilities, whose last digits depend on the batch."""
    return [(one.prompt, one.index, one.text, len(one.tokens)) for one in samples]


def draw(teacher: Any, wanted: TeacherSampling = WANTED, stop: Any = "sentence", **how: Any) -> Any:
    asked = {"prompts": PROMPTS, "samples": 4, "seed": 5, "tick": lambda count: None, **how}
    return sample_each(make_sampler(teacher, wanted, stop), **asked)


def logprob_of(reference: LoadedModel, prompt: str, text: str) -> float:
    """Of a text after a prompt, by one pass of the model over both."""
    tokenizer, model = reference.tokenizer, reference.model
    before = tokenizer.encode(prompt)
    ids = torch.tensor([before + tokenizer.encode(text, add_special_tokens=False)])
    with torch.inference_mode():
        probable = torch.log_softmax(model(input_ids=ids).logits[0].double(), -1)
    return sum(probable[n - 1, ids[0, n]].item() for n in range(len(before), ids.shape[1]))


def test_all_samples_in_their_order(teacher: Any) -> None:
    ticks: list[int] = []
    found, faults = draw(teacher, tick=ticks.append)
    assert faults == {}
    assert [(one.prompt, one.index) for one in found] == [
        (p, i) for p in range(3) for i in range(4)
    ]
    assert sum(ticks) >= sum(len(one.tokens) for one in found) > 0
    assert len({one.text for one in found}) > 6


def test_a_seed_decides_and_each_sample_has_its_own(teacher: Any) -> None:
    first, _ = draw(teacher)
    again, _ = draw(teacher)
    other, _ = draw(teacher, seed=6)
    fewer, _ = draw(teacher, samples=2)
    assert first == again
    assert [one.text for one in first] != [one.text for one in other]
    assert spelt(fewer) == spelt(one for one in first if one.index < 2)


def test_a_sample_ends_with_its_first_sentence(teacher: Any) -> None:
    found, _ = draw(teacher)
    ended = [one for one in found if one.finish == "sentence"]
    assert len(ended) > 6
    for one in ended:
        assert one.text.rstrip().endswith((".", "!", "?"))
        assert find_sentence_end(one.text + " The") == len(one.text)


def test_log_probabilities_are_the_models_own(teacher: Any, reference: LoadedModel) -> None:
    """At temperature 1 and unmasked, whatever it was drawn at."""
    found, _ = draw(teacher, WANTED.model_copy(update={"temperature": 0.5, "top_p": 0.7}))
    compared = 0
    for one in found:
        ids = reference.tokenizer.encode(one.text, add_special_tokens=False)
        if len(ids) == len(one.tokens):  # spelt by the tokens that the tokenizer would take
            expected = logprob_of(reference, PROMPTS[one.prompt], one.text)
            assert one.logprob == pytest.approx(expected, abs=2e-3)
            compared += 1
    assert compared > len(found) / 2


def test_a_nucleus_of_one_token_is_the_likeliest_text(teacher: Any, reference: LoadedModel) -> None:
    found, _ = draw(teacher, WANTED.model_copy(update={"top_p": 1e-6}), stop="length", samples=2)
    for one in found:
        prompt = reference.tokenizer(PROMPTS[one.prompt], return_tensors="pt")
        with torch.inference_mode():
            ids = reference.model.generate(
                **prompt, do_sample=False, max_new_tokens=30, pad_token_id=1
            )
        text = reference.tokenizer.decode(
            ids[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True
        )
        assert one.text == text


def test_no_banned_text_comes(teacher: Any) -> None:
    wanted = WANTED.model_copy(update={"banned": (" garden", "\n")})
    free, _ = draw(teacher, stop="length")
    kept, _ = draw(teacher, wanted, stop="length")
    assert any(" garden" in one.text for one in free)
    assert not any(" garden" in one.text for one in kept)


def test_a_length_is_kept(teacher: Any) -> None:
    found, _ = draw(teacher, WANTED.model_copy(update={"max_new_tokens": 4}), stop="length")
    assert {len(one.tokens) for one in found if one.finish == "length"} == {4}
    assert all(len(one.tokens) <= 4 for one in found)


def test_contexts_that_cannot_be_continued_are_reasons(teacher: Any) -> None:
    found, faults = draw(teacher, prompts=[PROMPTS[0], "word " * 400, PROMPTS[1]], samples=2)
    assert faults == {1: "prompt_unusable"}
    assert [(one.prompt, one.index) for one in found] == [(0, 0), (0, 1), (2, 0), (2, 1)]
