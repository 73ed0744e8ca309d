"""The experiment on proximity: sums by hand, claims on planted effects, a whole run on toys."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builder.critics.entailment import Scores
from dimsum.metrics.bootstrap import resample_ratio
from tests.scripts import script

proximity = script("proximity")
NextSentences, Judged = proximity.NextSentences, proximity.Judged
numbers = sys.modules["scripts.reproduce.proximity_findings"]
SETTINGS = proximity.make_parser().parse_args(
    ["--documents", "12", "--samples", "6", "--pairs", "10", "--temperatures", "0.3,1.0"]
)
DOCS = Path(__file__).parents[2] / "docs/experiments"


class ByLetters:
    """A critic to whom a sentence entails those whose letters it has."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def score(self, pairs: Sequence[tuple[str, str]]) -> Scores:
        self.asked += pairs
        rows = [[0.9, 0.05, 0.05] if set(b) <= set(a) else [0.1, 0.8, 0.1] for a, b in pairs]
        return np.asarray(rows, dtype=np.float32).reshape(-1, 3)


def test_equivalent_means_entailment_both_ways() -> None:
    critic = ByLetters()
    drawn = NextSentences(3, 2, 0.3, 5, ("abc", "cba", "ab", "xyz"))
    found = proximity.judge_draws(critic, [drawn], SETTINGS)
    assert len(found) == 6
    assert {(p.first, p.second) for p in found if p.equivalent} == {("abc", "cba")}
    # Only pairs whose first direction is entailment are asked again.
    assert len(critic.asked) == 6 + sum(set(p.second) <= set(p.first) for p in found)
    assert {(p.document, p.length, p.temperature) for p in found} == {(3, 2, 0.3)}
    again = proximity.judge_draws(ByLetters(), [drawn], SETTINGS)
    assert again == found


def test_bleu_of_pairs_is_that_of_the_library_both_ways() -> None:
    from sacrebleu import sentence_bleu

    a, b = "the old dog sleeps in the garden", "the dog sleeps in the old garden now"
    both = [sentence_bleu(x, [y], use_effective_order=True).score for x, y in ((a, b), (b, a))]
    assert proximity.measure_bleu([(a, b)]) == pytest.approx([sum(both) / 2])
    same, other = proximity.measure_bleu([(a, a), ("one two", "three four")])
    assert same == pytest.approx(100) and other < 40


def test_moments_by_hand() -> None:
    values = np.array([1.0, 2.0, 3.0, 5.0, 7.0])
    document = np.array([0, 0, 1, 2, 2])
    w = np.array([[1.0, 1, 1], [2, 0, 1]])
    a, b = (
        numbers.measure_moments(values, document, w),
        numbers.measure_moments(values - 2, document, w),
    )
    resampled = np.array([1, 2, 1, 2, 5, 7.0])
    assert a.mean == pytest.approx([3.6, resampled.mean()])
    assert a.variance == pytest.approx([values.var(), resampled.var()])
    assert numbers.cohens_d(a, b) == pytest.approx([2 / values.std(), 2 / resampled.std()])
    assert np.isnan(resample_ratio(np.ones(3), np.zeros(3), w)).all()
    assert numbers.fit_slope(np.arange(3.0), np.array([[1.0, 3, 5]])) == pytest.approx([2])


def test_an_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        shift = rng.normal(size=25)
        values = np.repeat(shift, 4) + rng.normal(size=100) * 0.1
        document = np.repeat(np.arange(25), 4)
        found = numbers.estimate(
            numbers.measure_moments(values, document, numbers.draw_weights(25, 400, trial)).mean
        )
        assert found["low"] <= found["value"] <= found["high"]
        covered += found["low"] <= 0 <= found["high"]
    assert 0.86 <= covered / 200 <= 0.99


def test_what_is_not_defined_is_none_and_never_nan() -> None:
    assert numbers.estimate(np.array([np.nan, 1.0])) == {"value": None, "low": None, "high": None}
    assert numbers.estimate(np.array([1.0, np.nan, np.nan])) == {
        "value": 1.0,
        "low": None,
        "high": None,
    }
    assert np.isfinite(proximity.centre_vectors(np.ones((3, 2), dtype=np.float32))).all()


def planted(effect: float) -> dict[str, Any]:
    """Findings on made pairs: an effect of 1 plants every prediction, -1 its opposite."""
    rng = random.Random(0)
    noise = np.random.default_rng(0)
    drawn, pairs = [], []
    vectors: dict[str, list[float]] = {}
    for document in range(SETTINGS.documents):
        topic = noise.normal(size=8)
        for length in numbers.LENGTHS:
            for temperature in SETTINGS.temperatures:
                names = [f"{document} {length} {temperature:g} {n}" for n in range(6)]
                drawn.append(NextSentences(document, length, temperature, 6, tuple(names)))
                cold = 0.5 * (temperature < 0.5)
                share = 0.4 + effect * (0.06 * (length - 3) + cold - 0.25)
                for n in range(0, 6, 2):
                    same = rng.random() < share
                    bleu = 40 + effect * 20 * (cold - 0.25) + rng.random()
                    first = effect * topic + noise.normal(size=8) * 0.5
                    near = same if effect > 0 else not same
                    second = (first if near else effect * topic) + noise.normal(size=8) * 0.5
                    vectors[names[n]], vectors[names[n + 1]] = first.tolist(), second.tolist()
                    origin = (document, length, temperature, names[n], names[n + 1])
                    pairs.append(Judged(*origin, equivalent=same, bleu=bleu))
    sentences = list(vectors)
    matrix: Any = proximity.centre_vectors(
        np.asarray([vectors[s] for s in sentences], dtype=np.float32)
    )
    states = {"middle": matrix, "last": matrix}
    return numbers.sum_up(drawn, pairs, states, sentences, SETTINGS.documents, SETTINGS)


def test_planted_effects_are_found_and_their_opposites_are_too() -> None:
    there = planted(1)
    assert [claim["verdict"] for claim in there["claims"]] == ["holds"] * 9
    whole = there["whole"]
    assert whole["pairs"] == 12 * 5 * 2 * 3
    assert whole["equivalent"] == sum(cell["equivalent"] for cell in there["cells"])
    assert whole["share"]["value"] == whole["equivalent"] / whole["pairs"]
    for cells in ("by_length", "by_temperature", "cells"):
        assert sum(cell["pairs"] for cell in there[cells]) == whole["pairs"]
    opposite = [claim["verdict"] for claim in planted(-1)["claims"]]
    assert opposite[:5] == ["the opposite holds"] * 5


def test_contexts_grow_on_the_same_texts(tmp_path: Path) -> None:
    texts = [
        " ".join(f"The {animal} number {n} sat down." for n in range(6))
        for animal in ("cat", "dog", "bird")
    ]
    file = tmp_path / "texts.txt"
    file.write_text("\n".join([*texts, "Too short."]))
    documents = proximity.read_documents(file, SETTINGS)
    assert len(documents) == 3
    for document in documents:
        longest = proximity.join_context(document, 5)
        assert longest in " ".join(texts)
        assert all(longest.startswith(proximity.join_context(document, n)) for n in numbers.LENGTHS)
    file.write_text("Too short.")
    with pytest.raises(SystemExit, match="has 0 texts of 5 sentences"):
        proximity.read_documents(file, SETTINGS)


def test_states_do_not_depend_on_the_batch(toy_teacher: Path) -> None:
    from builder.models import load_causal

    teacher = load_causal(str(toy_teacher), device="cpu", dtype="float32")
    sentences = ["The dog sleeps.", "A cat sits in the garden near the river.", "Mary sings."]
    together = proximity.read_states(teacher, sentences)
    assert set(together) == {"middle", "last"}
    alone = proximity.read_states(teacher, sentences, most=1)
    for layer, vectors in together.items():
        np.testing.assert_allclose(vectors, alone[layer], atol=1e-4)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_small_experiment_writes_its_page(
    toy_teacher: Path, toy_critic: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    texts = tmp_path / "texts.txt"
    lines = [" ".join(f"{who} {n} waits in the garden." for n in range(6)) for who in "ABCD"]
    texts.write_text("\n".join(lines))
    page = tmp_path / "docs/proximity.md"
    words = ["-o", str(page), "--contexts", str(texts), "--teacher", str(toy_teacher)]
    words += ["--critic", str(toy_critic), "--documents", "3", "--samples", "4", "--pairs", "4"]
    words += ["--max-new-tokens", "24", "--temperatures", "0.5,1.5"]
    proximity.main(words)
    found = json.loads(page.with_suffix(".json").read_text())
    assert found["documents"] == 3 and len(found["cells"]) == 10
    text = page.read_text()
    assert "nan" not in text.lower() and "None" not in text
    assert str(tmp_path) not in text
    assert len(list((page.parent / "pictures").iterdir())) == 6
    for line in text.splitlines():
        if line.startswith("!["):
            assert (page.parent / line.partition("(")[2].rstrip(")")).is_file()
    for wrong in ("1.0", "1,0.5", "1,9"):
        with pytest.raises(SystemExit):
            proximity.main([*words, "--temperatures", wrong])
        assert "two or more ascending ones" in capfd.readouterr().err


def test_the_page_is_that_of_its_numbers() -> None:
    numbers = json.loads((DOCS / "proximity.json").read_text())
    assert (DOCS / "proximity.md").read_text() == script("proximity_page").format_page(numbers)
