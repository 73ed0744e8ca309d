"""Parts that need a model, on vectors and critics whose verdicts are known."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builder.cli import run
from builder.config import CriticConfig
from builder.critics.entailment import EntailmentCritic
from builder.errors import ConfigError
from builder.models import resolve
from builder.statistics import fidelity, vectors
from builder.statistics.corpus import Columns, Corpus, open_corpus
from builder.statistics.fidelity import measure_agreement, refuse_own_critic
from builder.statistics.frame import open_frame
from builder.statistics.hygiene import measure_foreign
from builder.statistics.offensive import OffensiveWords
from builder.statistics.pairs import Options
from builder.statistics.study import Settings, study
from builder.statistics.vectors import measure_cosine, measure_vendi, vendi_score
from builder.statistics.written import print_tables
from dimsum.language import detect_language
from tests.builder.statistics.corpora import made, write

OPTIONS = Options(OffensiveWords("none", frozenset()))


class Letters:
    """An encoder: the unit vector of a text's letters."""

    def encode(self, texts: list[str]) -> np.ndarray:
        found = np.zeros((len(texts), 26), np.float32)
        for row, text in enumerate(texts):
            for letter in text.lower():
                if "a" <= letter <= "z":
                    found[row, ord(letter) - 97] += 1
        return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)


def test_vendi_counts_different_vectors() -> None:
    assert vendi_score(np.eye(7)) == pytest.approx(7)
    assert vendi_score(np.eye(3)[[0, 1, 2] * 4]) == pytest.approx(3)
    assert vendi_score(np.ones((5, 4)) / 2) == pytest.approx(1)
    half = np.asarray([[1, 0], [0.5, math.sqrt(0.75)]])  # cosine 1/2: eigenvalues 3/4 and 1/4
    assert vendi_score(half) == pytest.approx(math.exp(-0.75 * math.log(0.75) + 0.5 * math.log(2)))


def test_cosine_and_vendi_of_a_sample(tmp_path: Path) -> None:
    rows = [{"source": "ab", "target": "ab"}, {"source": "ab", "target": "a"}] * 10
    encoder: Any = Letters()
    with open_frame(open_corpus(str(write(tmp_path / "c.jsonl", rows))), OPTIONS) as frame:
        found = measure_cosine(frame, encoder, "letters", 100)
        assert found.value == pytest.approx(100 * (1 + 1 / math.sqrt(2)) / 2, rel=1e-5)
        assert found.low is not None and found.low < found.value
        assert "encoder:letters" in found.signature and "rows:20 of 20" in found.signature
        assert measure_cosine(frame, encoder, "letters", 5).rows == 5
        score = measure_vendi(frame, "source", encoder, "letters", 10)
        assert score.value == pytest.approx(1.0)


def test_entailment_is_the_critics_word(
    toy_critic: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = made(12)
    path = str(write(tmp_path / "c.jsonl", rows))
    settings = Settings(measures=frozenset({"entailment"}), critic=str(toy_critic))
    document = study([path], settings)
    found = {m["measure"]: m for m in document["corpora"][0]["measures"]}
    critic = EntailmentCritic.load(CriticConfig(model=str(toy_critic), dtype="float32"))
    forward = critic.score([(r["source"], r["target"]) for r in rows])[:, 0]
    backward = critic.score([(r["target"], r["source"]) for r in rows])[:, 0]
    assert found["entail_forward"]["value"] == pytest.approx(forward.mean(), abs=1e-5)
    assert found["entail_backward"]["value"] == pytest.approx(backward.mean(), abs=1e-5)
    both = np.minimum(forward, backward)
    assert found["entail_both"]["value"] == pytest.approx(both.mean(), abs=1e-5)
    below = document["corpora"][0]["entailment"]["share_below"]["entail_forward"]
    assert [b["share"] for b in below] == pytest.approx(
        [float((forward < b["threshold"]).mean()) for b in below]
    )
    assert document["corpora"][0]["not_measured"] == {}
    none = study([path], Settings(measures=frozenset({"entailment"})))["corpora"][0]
    assert "--critic" in none["not_measured"]["entailment"] and none["measures"] == []
    print_tables(document)
    assert "share below" in capfd.readouterr().out
    assert f"critic:{toy_critic.name} (" in found["entail_both"]["signature"]


def test_a_critic_does_not_judge_what_it_filtered(toy_critic: Path) -> None:
    identity = resolve(str(toy_critic)).identity
    filtered = Corpus("c", "run", (), Columns(), critics=(identity,))
    with pytest.raises(ConfigError, match="filtered c and cannot judge it"):
        refuse_own_critic(filtered, str(toy_critic))
    refuse_own_critic(Corpus("c", "files", (), Columns()), str(toy_critic))


def test_numbers_and_names_agree_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"Anna Bell": frozenset({"anna", "bell"}), "Paris": frozenset({"paris"})}
    monkeypatch.setattr(
        fidelity,
        "find_entities",
        lambda texts: [[words for name, words in known.items() if name in t] for t in texts],
    )
    rows = [
        {"source": "Anna Bell saw 42 birds in Paris.", "target": "Bell, Anna, saw forty-two."},
        {"source": "Two men left.", "target": "3 men left Paris."},
    ]
    with open_frame(open_corpus(str(write(tmp_path / "c.jsonl", rows))), OPTIONS) as frame:
        found = {m.name: m.value for m in measure_agreement(frame, 10)}
    assert found == {
        "numbers_forward": (1 + 0) / 2,
        "numbers_backward": (1 + 0) / 2,
        "entities_forward": (1 + 0) / 2,
        "entities_backward": (1 / 2 + 1) / 2,
    }


def test_languages_are_told_and_short_texts_are_not_judged(tmp_path: Path) -> None:
    french = "Le conseil municipal a fermé le pont de la ville vendredi soir."
    english = "The city council closed the bridge of the town on Friday evening."
    assert (detect_language(french), detect_language(english), detect_language("ok")) == (
        "fr",
        "en",
        None,
    )
    rows = [{"source": english, "target": english}] * 3
    rows += [{"source": english, "target": french}, {"source": "a", "target": "b"}]
    with open_frame(open_corpus(str(write(tmp_path / "c.jsonl", rows))), OPTIONS) as frame:
        found, languages = measure_foreign(frame, 100)
    assert (found.value, found.rows) == (0.25, 4)
    assert languages == {"en": 4, "fr": 1}


def test_an_encoder_is_named_with_its_weights(toy_critic: Path) -> None:
    name = vectors.name_model(str(toy_critic))
    assert name.startswith(f"{toy_critic.name} (") and str(toy_critic.parent) not in name
    assert resolve(str(toy_critic)).identity.removeprefix("sha256:")[:12] in name


def test_a_release_carries_its_statistics_and_can_be_measured(
    toy_yaml: Path, toy_critic: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    assert run(["build", str(toy_yaml), "--output", str(folder), "--quiet"]) == 0
    capfd.readouterr()
    released = folder / "dimsum_plus"
    kept = json.loads((released / "provenance" / "statistics.json").read_text())
    documents = []
    for corpus in (folder, released):
        arguments = ["stats", str(corpus), "--json", "--quiet", "--processes", "1"]
        assert run(arguments) == 0
        documents.append(json.loads(capfd.readouterr().out)["corpora"][0])
    of_run, of_release = documents
    assert (of_run["kind"], of_release["kind"]) == ("run", "release")
    for key in ("rows", "digest", "splits", "measures", "distributions"):
        assert of_run[key] == of_release[key] == kept["corpus"][key]
    assert of_run["rows"] == kept["rows"]
    assert run(["stats", str(folder), "--critic", str(toy_critic), "--quiet"]) == 2
    assert "cannot judge it" in capfd.readouterr().err
