"""Words of other languages: identical pairs are alike, disjoint ones not, English is as ever."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from dimsum.controls import make_wording
from dimsum.evaluation.baselines import write_baseline
from dimsum.evaluation.data import Example
from dimsum.language import UNKNOWN, detect_language, detect_languages
from dimsum.metrics.bleu import measure_bleu, sentence_bleu
from dimsum.metrics.rouge import rouge
from dimsum.metrics.wording import measure_wording
from dimsum.metrics.words import (
    choose_bleu_tokeniser,
    find_spans,
    is_latin,
    split_spaces,
    split_words,
)

# Two sentences of each language that share no word, and none of their characters where it is
# written without blanks.
PAIRS = {
    "zh": ("今天天气很好大家去公园散步", "银行昨晚宣布提高存款利率"),
    "ja": ("きょうはとてもあたたかい", "銀行ヲ閉鎖シタ理由"),
    "th": ("กบกินมด", "ปลาใหญ่"),
    "lo": ("ແມວກິນປາ", "ສູງ"),
    "km": ("ឆ្មាស", "ទឹក"),
    "my": ("ကြောင်", "ပူလီ"),
    "ru": ("Совет закрыл старый мост для грузовиков", "Банк вчера повысил ставку по вкладам"),
    "ar": ("أغلق المجلس الجسر القديم أمام الشاحنات", "رفع البنك أمس سعر الفائدة"),
    "hi": ("परिषद ने पुराने पुल को बंद कर दिया", "बैंक कल ब्याज दर बढ़ाएगा"),
    "ko": ("시의회는 금요일에 낡은 다리를 폐쇄했다", "은행이 어제 금리를 올렸다"),
    "el": ("Το συμβούλιο έκλεισε την παλιά γέφυρα", "Η τράπεζα αύξησε χθες τα επιτόκια"),
    "he": ("המועצה סגרה את הגשר הישן", "הבנק העלה אתמול ריבית"),
}


@pytest.mark.parametrize("language", PAIRS)
def test_identical_pairs_score_all_and_disjoint_pairs_nothing(language: str) -> None:
    text, other = PAIRS[language]
    for output, wanted in ((text, 1.0), (other, 0.0)):
        found = [*rouge([output], [[text]]), *measure_bleu([output], [[text]], [text])[:2]]
        for one in found:
            assert one.value == pytest.approx(100 * wanted), one.name
        assert sentence_bleu([output], [text]) == [pytest.approx(wanted)]
        assert make_wording(text, output).rouge_l == wanted
        shares = {one.name: one.value for one in measure_wording([output], [text])}
        assert shares["coverage"] == wanted
        assert shares["copy_rate"] == 100 * wanted
        assert shares["novel_1grams"] == 100 * (1 - wanted)
        assert shares["density"] == (len(split_words(text)) if wanted else 0)


def test_characters_and_words() -> None:
    assert split_words("我们去iPhone 15 Pro店。") == ["我", "们", "去", "iphone", "15", "pro", "店"]
    assert split_words("データー") == ["デ", "ー", "タ", "ー"]
    assert split_words("Straße «СТАРЫЙ» мост") == ["strasse", "старый", "мост"]
    assert split_words("ＡＢＣ ２０２４ と") == ["abc", "2024", "と"]
    assert split_words("पुराने पुल।") == ["पुराने", "पुल"]
    assert split_words("می‌خواهم بروم") == ["میخواهم", "بروم"]  # a joiner of no width is no blank
    assert split_words("年٣٤ ́") == ["年", "٣٤"]
    assert split_words("…!? 🙂") == []
    assert split_spaces("今天，去 Paris。") == ["今", "天", "，", "去", "Paris。"]


@given(st.text(st.characters(max_codepoint=0x24F)))
def test_latin_text_is_split_as_ever(text: str) -> None:
    assert split_spaces(text) == text.split()
    assert is_latin(text)
    assert split_words(text) == re.findall("[a-z0-9]+", text.lower())


@given(st.text())
def test_spans_are_of_the_pieces(text: str) -> None:
    pieces = split_spaces(text)
    assert [text[first:end] for first, end in find_spans(text)] == pieces
    assert "".join(pieces) == "".join(text.split())


def test_a_foreign_name_leaves_english_as_it_is() -> None:
    text = "President Xi Jinping (习近平) met the chancellor in Berlin on Friday, her office said."
    other = "The chancellor met President Xi Jinping (习近平) in Berlin."
    assert split_spaces(text) == text.split()
    assert split_words(text) == re.findall("[a-z0-9]+", text.lower())
    ours = {one.name: one for one in rouge([other], [[text]])}
    theirs = RougeScorer(list(ours), use_stemmer=True).score(text, other)
    for name, one in ours.items():
        assert one.value == 100 * theirs[name].fmeasure
        assert "Unicode" not in one.signature


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (["The bank raised its rate."] * 9 + ["银行"], "13a"),
        (["银行昨晚宣布提高存款利率", "Apple 发布新手机"], "zh"),
        (["きょうはとても暖かい"], "char"),
        (["วันนี้อากาศดี"], "char"),
        (["Банк вчера повысил ставку"], "13a"),
        ([""], "13a"),
    ],
)
def test_the_tokeniser_of_bleu_goes_by_script_and_is_in_the_signature(
    texts: list[str], name: str
) -> None:
    assert choose_bleu_tokeniser(texts) == name
    assert f"tok:{name}|" in measure_bleu(texts, [[t] for t in texts], texts)[0].signature


def test_signatures_say_what_words_are() -> None:
    text = PAIRS["zh"][0]
    assert "not Latin" in rouge([text], [[text]])[0].signature
    assert "not Latin" in measure_wording([text], [text])[0].signature


def test_the_lead_of_a_text_without_blanks_is_not_all_of_it() -> None:
    text = PAIRS["zh"][0]
    assert write_baseline("lead", [Example(text, (text[:4],))]) == [text[:4]]
    english = "One  two three four"
    assert write_baseline("lead", [Example(english, ("a b",))]) == ["One two"]


@pytest.mark.parametrize("language", ["zh", "ja", "th", "ru", "ar", "hi", "ko", "el", "he"])
def test_the_language_is_found(language: str) -> None:
    assert detect_language(PAIRS[language][0]) == language


def test_languages_of_a_corpus() -> None:
    russian, chinese = PAIRS["ru"][0], PAIRS["zh"][0]
    assert detect_languages([russian] * 20 + [chinese]) == ("ru",)
    assert detect_languages([russian] * 5 + [chinese] * 2) == ("ru", "zh")
    assert detect_languages(["ok", "no"]) == (UNKNOWN,)
