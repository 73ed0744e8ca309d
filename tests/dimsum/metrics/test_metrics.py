"""Every metric against its library and against values worked by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU

from dimsum.controls import make_wording
from dimsum.metrics import bootstrap
from dimsum.metrics.bertscore import BertScore, bert_ibleu
from dimsum.metrics.bleu import measure_bleu, sentence_bleu
from dimsum.metrics.control import measure_control
from dimsum.metrics.measured import measure_mean
from dimsum.metrics.rouge import rouge
from dimsum.metrics.wording import measure_novel_share, measure_wording
from dimsum.tasks.paraphrase import PARAPHRASE
from dimsum.tasks.summary import SUMMARY, length_of, style_of
from tests.tasks.headline import HEADLINE

SOURCES = [
    "The minister said on Monday that the road would be closed for repairs.",
    "A cat that lives in the old house sleeps all day.",
    "Two birds sang in the garden before the rain came.",
]
OUTPUTS = ["The road will be closed for repairs.", "A cat sleeps all day.", ""]
REFERENCES = [
    ["Road closed for repairs.", "The road will be closed, the minister said."],
    ["A cat sleeps all day."],
    ["Two birds sang."],
]


def test_rouge_is_the_library_s_and_takes_the_best_reference() -> None:
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)
    for measured in rouge(OUTPUTS, REFERENCES):
        best = [
            max(scorer.score(reference, output)[measured.name].fmeasure for reference in known)
            for output, known in zip(OUTPUTS, REFERENCES, strict=True)
        ]
        assert measured.value == pytest.approx(100 * sum(best) / 3)
        assert measured.stats[1, 0] == 100
    by_hand = rouge(["a b c d"], [["a c e"]])
    assert by_hand[0].value == pytest.approx(100 * 4 / 7)  # 2 shared of 4 and 3
    assert by_hand[1].value == 0
    assert by_hand[2].value == pytest.approx(100 * 4 / 7)


def test_bleu_is_sacrebleu_s_corpus_score() -> None:
    columns = [[known[i] if i < len(known) else None for known in REFERENCES] for i in range(2)]
    found = {one.name: one for one in measure_bleu(OUTPUTS, REFERENCES, SOURCES)}
    target = BLEU().corpus_score(OUTPUTS, columns).score
    copied = BLEU().corpus_score(OUTPUTS, [SOURCES]).score
    assert found["bleu"].value == pytest.approx(target)
    assert found["source_bleu"].value == pytest.approx(copied)
    assert found["ibleu"].value == pytest.approx(0.7 * target - 0.3 * copied)
    assert "nrefs:var" in found["bleu"].signature
    assert "version:" in found["bleu"].signature
    copies = {one.name: one for one in measure_bleu(SOURCES, REFERENCES, SOURCES)}
    assert copies["source_bleu"].value == pytest.approx(100)
    assert sentence_bleu(SOURCES[:1], SOURCES[:1]) == [pytest.approx(1.0)]


def test_bleu_by_hand() -> None:
    output, reference = "a b c d e", "a b c d f"
    # Precisions 4/5, 3/4, 2/3, 1/2; equal lengths, so no brevity penalty.
    expected = 100 * math.exp(sum(math.log(p) for p in (4 / 5, 3 / 4, 2 / 3, 1 / 2)) / 4)
    assert measure_bleu([output], [[reference]], [output])[0].value == pytest.approx(expected)


def test_bert_ibleu_by_hand() -> None:
    assert bert_ibleu(0.9, 0.2) == pytest.approx(5 / (4 / 0.9 + 1 / 0.8))
    assert bert_ibleu(0.9, 0.2, beta=1) == pytest.approx(2 / (1 / 0.9 + 1 / 0.8))
    assert bert_ibleu(1.0, 1.0) == 0.0
    assert bert_ibleu(0.0, 0.3) == 0.0


@pytest.fixture(scope="module")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import BertModel

    from tests.toys import make_critic

    folder = make_critic(tmp_path_factory.mktemp("bert"))
    BertModel.from_pretrained(folder).save_pretrained(folder)
    return folder


def test_bertscore_is_the_library_s(tiny_bert: Path) -> None:
    from bert_score import score

    measure = BertScore(str(tiny_bert))
    known = [r[:1] for r in REFERENCES[:2]]
    expected = score(
        OUTPUTS[:2],
        [r[0] for r in known],
        model_type=str(tiny_bert),
        num_layers=1,
        use_fast_tokenizer=True,
    )[2]
    assert measure.f1(OUTPUTS[:2], known) == pytest.approx(expected.tolist(), abs=1e-6)
    several = measure.f1(OUTPUTS, REFERENCES)
    singles = [measure.f1(OUTPUTS[:1], [[r]])[0] for r in REFERENCES[0]]
    assert several[0] == pytest.approx(max(singles), abs=1e-6)
    assert several[1] == pytest.approx(1.0, abs=1e-5)
    assert several[2] == 0.0
    assert "layer 1" in measure.signature and str(tiny_bert.parent) not in measure.signature
    found = measure.bert_ibleu(OUTPUTS, SOURCES)
    kept = measure.f1(OUTPUTS, [[s] for s in SOURCES])
    copied = sentence_bleu(OUTPUTS, SOURCES)
    pairs = zip(kept, copied, strict=True)
    assert found.value == pytest.approx(sum(100 * bert_ibleu(k, c) for k, c in pairs) / 3)


def test_wording_by_hand() -> None:
    found = {one.name: one for one in measure_wording(["a b x", "p q"], ["a b c d", "p q"])}
    assert found["compression"].value == pytest.approx((5 / 7 + 1) / 2)
    assert found["density"].value == pytest.approx((4 / 3 + 4 / 2) / 2)
    assert found["coverage"].value == pytest.approx((2 / 3 + 1) / 2)
    assert found["copy_rate"].value == 50
    assert found["novel_1grams"].value == pytest.approx(100 * (1 / 3) / 2)
    assert found["novel_2grams"].value == pytest.approx(100 * (1 / 2) / 2)
    assert measure_novel_share(["a"], ["a"], 2) is None


def test_control_accuracy_by_hand() -> None:
    source = "the red dog and the black cat sat by the river near the town"
    assert length_of(make_wording(source, source)) is None
    assert length_of(make_wording(source, "")) is None
    assert length_of(make_wording(source, source[:29])) == "short"
    assert length_of(make_wording(source, source[:40])) == "long"
    assert style_of(make_wording(source, "the red dog and the black cat sat")) == "extractive"
    assert style_of(make_wording(source, "animals rested near water")) == "abstractive"
    outputs = ["animals rested near water", "the red dog and the black cat sat by", "x"]
    asked = ["short-abstractive", "short-extractive", "paraphrase"]
    found = measure_control([source] * 3, outputs, asked, [SUMMARY, PARAPHRASE])
    assert found == {"length": 0.5, "style": 1.0, "control": 0.5}
    nothing = {"length": None, "style": None, "control": None}
    assert measure_control([source], ["x"], ["paraphrase"], [SUMMARY, PARAPHRASE]) == nothing
    assert measure_control([source] * 3, outputs, asked, [PARAPHRASE]) == {"control": None}
    size = measure_control([source] * 2, outputs[:2], ["tiny-headline"] * 2, [HEADLINE])
    assert size == {"size": 0.5, "control": 0.5}


def test_intervals_cover_as_often_as_they_say() -> None:
    chance = np.random.default_rng(0)
    weights = bootstrap.draw_resamples(80, resamples=300)
    hits = 0
    for _ in range(200):
        low, high = bootstrap.find_interval(
            measure_mean("m", chance.normal(1, 2, 80).tolist(), ""), weights
        )
        hits += low <= 1 <= high
    assert 0.88 <= hits / 200 <= 0.99
    assert weights.sum(axis=1).tolist() == [80] * 300
    assert bootstrap.draw_resamples(80, resamples=300).tolist() == weights.tolist()


def test_paired_tests_see_what_is_there_and_nothing_else() -> None:
    chance = np.random.default_rng(1)
    base = chance.normal(0, 5, 300)
    worse = measure_mean("m", base.tolist(), "")
    better = measure_mean("m", (base + 0.5 + chance.normal(0, 0.5, 300)).tolist(), "")
    weights = bootstrap.draw_resamples(300)
    found = bootstrap.compare(better, worse, weights)
    assert found.difference == pytest.approx(better.value - worse.value)
    assert found.low <= found.difference <= found.high
    assert found.p == pytest.approx(1 / 1001)
    assert bootstrap.compare(worse, better, weights).p > 0.99
    assert bootstrap.compare(worse, worse, weights).p == 1.0
    low = measure_mean("m", base.tolist(), "", better="lower")
    high = measure_mean("m", (base + 1).tolist(), "", better="lower")
    assert bootstrap.compare(low, high, weights).p < 0.01
    with pytest.raises(ValueError, match="same examples"):
        bootstrap.compare(worse, measure_mean("m", [1.0], ""), weights)


def test_resampled_bleu_is_bleu_of_the_resample() -> None:
    bleu = measure_bleu(OUTPUTS * 4, REFERENCES * 4, SOURCES * 4)[0]
    weights = bootstrap.draw_resamples(12, resamples=3)
    values = bootstrap.resample_values(bleu, weights)
    for row, value in zip(weights, values, strict=True):
        chosen = [i for i, count in enumerate(row) for _ in range(int(count))]
        outputs = [(OUTPUTS * 4)[i] for i in chosen]
        known = [(REFERENCES * 4)[i] for i in chosen]
        assert value == pytest.approx(measure_bleu(outputs, known, outputs)[0].value)


def test_results_are_plain_numbers() -> None:
    found: Sequence[Any] = [*rouge(OUTPUTS, REFERENCES), *measure_wording(OUTPUTS, SOURCES)]
    json.dumps([one.value for one in found])
