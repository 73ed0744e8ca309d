"""Students that write through the sampler say what they say through `generate`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from builder.prepacking import prepack
from builder.writing import open_student
from dimsum import Student
from dimsum.spec import Generation
from tests.student_toys import make_decisive, make_llama, make_t5, toy_pairs


@pytest.fixture(params=[make_llama, make_t5], ids=["causal", "seq2seq"])
def both(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Student, Student]:
    make: Callable[[Path], Path] = request.param
    folder = make(tmp_path / "m")
    quick = open_student(str(folder), device="cpu", dtype="float32", prepacked="off")
    plain = Student.from_pretrained(folder, device="cpu", dtype="float32")
    for one in (quick, plain):
        make_decisive(one.model)
    if quick.writer is not None:
        prepack(quick.model)  # only now: what is packed does not follow its weights
    assert (quick.writer is None) == (quick.spec.architecture == "seq2seq")
    return quick, plain


@pytest.mark.parametrize("ngram", [0, 2])
def test_greedy_outputs_are_those_of_generate(both: tuple[Student, Student], ngram: int) -> None:
    quick, plain = both
    sources = [pair["source"] for pair in toy_pairs(6)]
    codes = (plain.spec.codes * 2)[:6]
    settings = Generation(max_new_tokens=12, no_repeat_ngram=ngram)
    expected = plain.write(sources, codes, generation=settings)
    counts: list[int] = []
    assert quick.write(sources, codes, generation=settings, on_tokens=counts.append) == expected
    assert len({text for texts in expected for text in texts}) > 1
    assert sum(counts) >= 6
    twice = quick.write(sources, codes, n=2, sample=False, generation=settings)
    assert twice == [texts * 2 for texts in expected]


def test_sampling_in_a_nucleus_of_one_token_is_greedy(both: tuple[Student, Student]) -> None:
    quick, _ = both
    sources = [pair["source"] for pair in toy_pairs(4)]
    settings = Generation(max_new_tokens=12, top_p=1e-6)
    greedy = quick.write(sources, "paraphrase", n=3, sample=False, generation=settings)
    assert quick.write(sources, "paraphrase", n=3, seed=5, generation=settings) == greedy
    free = settings.model_copy(update={"top_p": 1.0, "temperature": 5.0})
    drawn = quick.write(sources, "paraphrase", n=3, seed=5, generation=free)
    assert [len(texts) for texts in drawn] == [3] * 4
    assert any(len(set(texts)) > 1 for texts in drawn)
    assert quick.write(sources, "paraphrase", n=3, seed=5, generation=free) == drawn
    assert quick.write(sources, "paraphrase", n=3, seed=6, generation=free) != drawn
