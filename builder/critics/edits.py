"""Pairs whose label is known because one place of a sentence was edited.

"He won, and she left." entails "He won."; "Firms may close." does not entail "Firms will close.";
"It has two doors." contradicts "It has four doors." What is edited is read off spaCy's English
analysis, and a sentence in which that analysis or the logic of an edit is in doubt gives no pair:
dropping a part keeps what is said only where nothing turns inferences round, so sentences with a
negation, a condition or a comparison give none but their other order, in which no word is lost.

An edit of one place teaches what a classifier trained on pairs of whole sentences overlooks; the
method is that of Naik et al. (2018), Stress Test Evaluation for Natural Language Inference, and of
McCoy et al. (2019), Right for the Wrong Reasons (HANS), which build test sets so.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from builder.critics.edit_sentence import (
    LEAST_WORDS,
    cut_out,
    find_end,
    find_main_verb,
    replace,
    split_words,
)
from builder.critics.edit_shorter import SHORTENED
from builder.critics.edit_stronger import STRENGTHENED, STRONGER
from builder.reordering import reorder_all
from builder.sentences import load_nlp

Label = Literal["entailment", "neutral", "contradiction"]
TURNING = split_words(
    "no not n't never none nobody nothing neither nor without few little hardly rarely seldom "
    "scarcely barely if unless whether than every all each any only most until before lest doubt "
    "deny refuse fail prevent avoid stop lack cease prohibit ban too least less fewer both either "
    "rather instead except as or"
)
"""Words and lemmas that may turn an inference from a sentence to a part of it round."""
PARTICLES = split_words("also always already still just even again almost nearly often now so")
"""Adverbs of a verb that a negation would not leave as they are."""
NUMBERS = {
    "two": "four",
    "three": "five",
    "four": "seven",
    "five": "eight",
    "six": "nine",
    "seven": "ten",
    "eight": "twelve",
    "nine": "eleven",
    "ten": "fifteen",
}
BOUNDS = split_words(
    "about almost another approximately around average estimated every first last least more most "
    "nearly only over past than top under up within"
)
"""Words near a number which another number may satisfy too, or that are said of its order."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A premise and a hypothesis that differ in one place.

    Attributes:
        kind: what was edited.
    """

    premise: str
    hypothesis: str
    label: Label
    kind: str


def edit_all(texts: Sequence[str], seed: int = 0) -> list[list[Edit]]:
    """The pairs with known labels that can be made of each sentence.

    Args:
        seed: of the numbers that are put in the place of others.

    Raises:
        BuilderError: spaCy's English pipeline is not installed.
    """
    orders = reorder_all(texts)
    found = []
    for text, parsed, others in zip(texts, load_nlp().pipe(texts), orders, strict=True):
        edits = list(_edit(parsed, random.Random(f"{seed} {text}")))
        edits += [Edit(text, other.text, "entailment", "reordered") for other in others]
        edits += [Edit(other.text, text, "entailment", "reordered") for other in others]
        found.append(list(dict.fromkeys(edit for edit in edits if _is_apart(edit))))
    return found


def _is_apart(edit: Edit) -> bool:
    return edit.premise != edit.hypothesis and len(edit.hypothesis.split()) >= LEAST_WORDS


def _edit(sentence: Any, chance: random.Random) -> Iterator[Edit]:
    root = find_main_verb(sentence)
    if root is None:
        return
    text = sentence.text
    present = {token.lower_ for token in sentence} | {token.lemma_.lower() for token in sentence}
    if not TURNING & present:
        for kind, drop in SHORTENED.items():
            for shorter in drop(sentence, root):
                yield Edit(text, shorter, "entailment", kind)
                yield Edit(shorter, text, "neutral", f"{kind}, added")
        for kind, change in STRENGTHENED.items():
            for other in change(sentence, root):
                yield Edit(text, other, "neutral", kind)
        for other in _negate(sentence, root):
            yield Edit(text, other, "contradiction", "negated")
            yield Edit(other, text, "contradiction", "negated")
        for other in _change_number(sentence, chance):
            yield Edit(text, other, "contradiction", "number changed")
    if not (TURNING - {"if", "unless"}) & present:
        for shorter in _drop_condition(sentence, root):
            yield Edit(text, shorter, "neutral", "condition dropped")


def _drop_condition(sentence: Any, root: Any) -> Iterator[str]:
    """ "If A, B." and "B if A." as "B." """
    for token in root.children:
        start, stop = token.left_edge.i, find_end(token)
        if token.dep_ != "advcl" or sentence[start].lower_ not in {"if", "unless"}:
            continue
        if start == 0 and stop < root.i and sentence[stop].text == ",":
            yield cut_out(sentence, 0, stop + 1)
        before = sentence[start - 1].lower_
        at_end = start > root.i and stop == len(sentence) - 1
        if at_end and before not in {"as", "even", "only", "what", "see"}:
            yield cut_out(sentence, start - (before == ","), stop)


def _negate(sentence: Any, root: Any) -> Iterator[str]:
    """The main clause with "not"."""
    relations = {t.dep_ for t in root.children}
    if relations & {"advcl", "conj", "ccomp", "npadvmod"} or "nsubj" not in relations:
        return
    if any(t.lower_ in PARTICLES or t.lower_ in STRONGER for t in sentence):
        return
    helpers = [t for t in root.children if t.dep_ in {"aux", "auxpass"} and t.i < root.i]
    first = helpers[0] if helpers else root
    plain = {"is", "are", "was", "were", "has", "have", "had", "will", "can"}
    if first.lower_ not in plain or (first is root and root.lemma_ != "be") or first.i == 0:
        return
    if any(t.dep_ == "advmod" for t in root.children):
        return
    if first.lower_ == "can":
        yield replace(sentence, first, "cannot")
    else:
        yield replace(sentence, first, f"{first.text} not")


def _change_number(sentence: Any, chance: random.Random) -> Iterator[str]:
    """A larger number, which the smaller does not entail nor the other way round."""
    counts = [token for token in sentence if token.like_num]
    if len(counts) != 1:
        return
    token = counts[0]
    near = {t.lower_ for t in sentence[max(0, token.i - 3) : token.i + 3]}
    if token.dep_ != "nummod" or BOUNDS & near or token.head.tag_ not in {"NNS", "NN"}:
        return
    if sentence[token.i + 1].text in {"-", "%"} or token.head.lower_ in {"percent", "year"}:
        return
    if token.lower_ in NUMBERS:
        yield replace(sentence, token, NUMBERS[token.lower_])
    elif re.fullmatch(r"[1-9]\d{0,2}", token.text) and int(token.text) > 1:
        value = int(token.text)
        yield replace(sentence, token, str(value + chance.randint(2, 3 + value)))
