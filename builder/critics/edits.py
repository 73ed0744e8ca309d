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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from builder.reordering import reorder_all
from builder.sentences import nlp

Label = Literal["entailment", "neutral", "contradiction"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


TURNING = _words(
    "no not n't never none nobody nothing neither nor without few little hardly rarely seldom "
    "scarcely barely if unless whether than every all each any only most until before lest doubt "
    "deny refuse fail prevent avoid stop lack cease prohibit ban too least less fewer both either "
    "rather instead except as or"
)
"""Words and lemmas that may turn an inference from a sentence to a part of it round."""
COLLECTIVE = _words(
    "between among together combine combination mix mixture relation relationship merge difference "
    "compare connect link balance share same other another"
)
"""Lemmas of what is said of several together and not of each."""
LEFT_ALONE = frozenset('"“”()[]:;?!—…*/')
"""Characters of sentences that are not edited."""
SAYING = _words(
    "argue allege announce believe claim estimate expect fear hope insist predict report say "
    "suggest suspect think"
)
"""Verbs whose clause may be false though they are said truly."""
HEDGING = _words(
    "allegedly apparently maybe perhaps possibly potentially presumably probably reportedly "
    "seemingly supposedly"
)
"""Adverbs without which a sentence claims more."""
MODALS = {"may": "will", "might": "will", "could": "will", "should": "will", "can": "must"}
"""What an auxiliary is strengthened to, a verb after it."""
STRONGER = {
    "some": "all",
    "several": "all",
    "many": "all",
    "sometimes": "always",
    "often": "always",
    "usually": "always",
    "occasionally": "always",
    "generally": "always",
    "frequently": "always",
}
"""Quantity words and what claims more; none of them before "other" or "more"."""
INTENSIFIERS = _words("very extremely incredibly highly")
PARTICLES = _words("also always already still just even again almost nearly often now so")
"""Adverbs of a verb that a negation would not leave as they are."""
SYMMETRIC = _words(
    "be become beat contact date equal fight face have include join love marry match meet "
    "mean remain resemble share see"
)
"""Verbs of which both directions may be true at once, or that are not done by one to another."""
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
BOUNDS = _words(
    "about almost another approximately around average estimated every first last least more most "
    "nearly only over past than top under up within"
)
"""Words near a number which another number may satisfy too, or that are said of its order."""
PLAIN_PARTS = frozenset({"amod", "compound", "det", "nummod", "poss", "case", "nmod", "punct"})
LEAST_WORDS = 3
"""Words of a hypothesis at the least."""
MOST_WORDS = 45
"""Words of a sentence that is edited; the analysis of longer ones is too often wrong."""


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
    for text, parsed, others in zip(texts, nlp().pipe(texts), orders, strict=True):
        edits = list(_edit(parsed, random.Random(f"{seed} {text}")))
        edits += [Edit(text, other.text, "entailment", "reordered") for other in others]
        edits += [Edit(other.text, text, "entailment", "reordered") for other in others]
        found.append(list(dict.fromkeys(edit for edit in edits if _is_apart(edit))))
    return found


def _is_apart(edit: Edit) -> bool:
    return edit.premise != edit.hypothesis and len(edit.hypothesis.split()) >= LEAST_WORDS


def _edit(sentence: Any, chance: random.Random) -> Iterator[Edit]:
    root = _root(sentence)
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


def _root(sentence: Any) -> Any:
    """The main verb of one whole sentence that is plain enough to be edited, or None."""
    roots = [token for token in sentence if token.dep_ == "ROOT"]
    words = sum(not token.is_punct for token in sentence)
    if len(roots) != 1 or sentence[-1].text != "." or LEFT_ALONE & set(sentence.text):
        return None
    if not LEAST_WORDS < words <= MOST_WORDS or not sentence.text[0].isupper():
        return None
    if any(token.is_space for token in sentence) or sentence[0].pos_ in {"CCONJ", "VERB"}:
        return None
    has_subject = any(t.dep_ in {"nsubj", "nsubjpass", "expl"} for t in roots[0].children)
    return roots[0] if roots[0].pos_ in {"VERB", "AUX"} and has_subject else None


def _without(sentence: Any, start: int, stop: int) -> str:
    """The sentence without its tokens from `start` to before `stop`."""
    gone = range(start, stop)
    kept = "".join(
        f"{token.text} " if token.i + 1 in gone else token.text_with_ws
        for token in sentence
        if token.i not in gone
    )
    kept = re.sub(r"\s+([.,])", r"\1", kept).strip()
    return _raise(kept)


def _replaced(sentence: Any, token: Any, word: str, gone: int = 0) -> str:
    """The sentence with another word for a token and the `gone` that follow it."""
    last = sentence[token.i + gone]
    if token.is_title and token.i == 0:
        word = _raise(word)
    before, after = sentence.text[: token.idx], sentence.text[last.idx + len(last) :]
    return f"{before}{word}{after}"


def _drop_aside(sentence: Any, root: Any) -> Iterator[str]:
    """A relative clause or an apposition between commas."""
    for token in sentence:
        start, stop = token.left_edge.i, _end(token)
        if start < 2 or sentence[start - 1].text != ",":
            continue
        if sentence[stop].text not in {",", "."} or start < token.head.i:
            continue
        clause = token.dep_ == "relcl" and sentence[start].lower_ in {"which", "who"}
        apposed = (
            token.dep_ == "appos"
            and token.head.pos_ == "PROPN"
            and sentence[start].lower_ in {"a", "an", "the"}
            and sentence[stop].text == ","
        )
        followed = sentence[stop + 1].pos_ if sentence[stop].text == "," else ""
        if not (clause or apposed) or followed == "CCONJ" or "conj" in _relations(token.head):
            continue
        closing = 1 if sentence[stop].text == "," else 0
        yield _without(sentence, start - 1, stop + closing)


def _drop_result(sentence: Any, root: Any) -> Iterator[str]:
    """A participle at the end: ", making it hard to see"."""
    for token in root.children:
        start = token.left_edge.i
        if token.dep_ != "advcl" or token.tag_ != "VBG" or start != token.i or start < root.i:
            continue
        at_end = _end(token) == len(sentence) - 1 and sentence[start - 1].text == ","
        if at_end and sentence[start - 2].pos_ != "ADJ":  # not "a massive, orbiting laboratory"
            yield _without(sentence, start - 1, len(sentence) - 1)


def _drop_clause(sentence: Any, root: Any) -> Iterator[str]:
    """A second main clause, or a second verb with what belongs to it."""
    for token in root.children:
        if token.dep_ != "conj" or _end(token) != len(sentence) - 1:
            continue
        joins = [t for t in root.children if t.dep_ == "cc"]
        if len(joins) != 1 or joins[0].lower_ not in {"and", "but"} or "ccomp" in _relations(root):
            continue
        join = joins[0].i
        if token.left_edge.i != join + 1 or token.pos_ not in {"VERB", "AUX"}:
            continue
        own = any(t.dep_ in {"nsubj", "nsubjpass", "expl"} for t in token.children)
        # "develop and sell cars": the object belongs to both verbs.
        complete = any(
            t.dep_ in {"dobj", "attr", "acomp", "prep"} and t.right_edge.i < join
            for t in root.children
            if t.i > root.i
        )
        comma = sentence[join - 1].text == ","
        if (own and comma) or (not own and complete and sentence[join - 1].pos_ != "ADP"):
            yield _without(sentence, join - comma, len(sentence) - 1)


def _drop_noun(sentence: Any, root: Any) -> Iterator[str]:
    """The second of two objects."""
    if COLLECTIVE & {token.lemma_.lower() for token in sentence}:
        return
    for token in sentence:
        if token.dep_ != "conj" or token.head.dep_ != "dobj" or token.i != token.right_edge.i:
            continue
        joins = [t for t in token.head.children if t.dep_ == "cc"]
        plain = {child.dep_ for child in token.children} <= PLAIN_PARTS
        if len(joins) != 1 or joins[0].lower_ != "and" or not plain:
            continue
        if sum(t.dep_ == "conj" for t in token.head.children) != 1:
            continue
        # A noun that needs the next word, or shares what follows, is no whole conjunct.
        after = sentence[token.i + 1]
        whole = token.left_edge.i == joins[0].i + 1 and after.text in {".", ","}
        if whole and token.pos_ == token.head.pos_ and sentence[joins[0].i - 1].text != ",":
            yield _without(sentence, joins[0].i, token.i + 1)


def _drop_date(sentence: Any, root: Any) -> Iterator[str]:
    """When it was, of what is told in the past."""
    finite = [root, *(t for t in root.children if t.dep_ in {"aux", "auxpass"})]
    if not any(t.tag_ == "VBD" for t in finite):
        return
    for token in root.children:
        start, stop = token.left_edge.i, _end(token)
        if token.dep_ != "prep" or token.lower_ not in {"in", "on"} or start < root.i + 2:
            continue
        when = [t for t in sentence[start + 1 : stop] if not t.is_punct]
        if stop != len(sentence) - 1 or not when or any(t.ent_type_ != "DATE" for t in when):
            continue
        if sentence[start - 1].pos_ not in {"ADP", "VERB", "AUX", "PART"}:
            yield _without(sentence, start, stop)


def _drop_intensifier(sentence: Any, root: Any) -> Iterator[str]:
    for token in sentence:
        if token.lower_ in INTENSIFIERS and token.dep_ == "advmod" and token.i:
            before = sentence[token.i - 1].lower_
            fits = token.head.pos_ == "ADJ" and token.head.i == token.i + 1
            if fits and before not in {"a", "an"} and token.head.lower_ not in {"much", "few"}:
                yield _without(sentence, token.i, token.i + 1)


def _drop_speaker(sentence: Any, root: Any) -> Iterator[str]:
    """ "X said that Y." as "Y." """
    if root.lemma_ not in SAYING or any(t.dep_ in {"prep", "dobj"} for t in root.children):
        return
    for token in root.children:
        start = token.left_edge.i
        if token.dep_ != "ccomp" or start < root.i or _end(token) != len(sentence) - 1:
            continue
        if not any(t.dep_ in {"nsubj", "nsubjpass", "expl"} for t in token.children):
            continue
        has_mark = sentence[start].lower_ == "that" and sentence[start].dep_ == "mark"
        begin = start + has_mark
        second = any("mark" in _relations(other) for other in token.conjuncts)
        if start == root.i + 1 and sentence[begin].text[0].isalnum() and not second:
            yield _without(sentence, 0, begin)


def _drop_source(sentence: Any, root: Any) -> Iterator[str]:
    """ ", according to X" at the end."""
    for token in root.children:
        start = token.left_edge.i
        if token.lower_ == "according" and _end(token) == len(sentence) - 1 and start > 2:
            yield _without(sentence, start - (sentence[start - 1].text == ","), len(sentence) - 1)


def _drop_hedge(sentence: Any, root: Any) -> Iterator[str]:
    for token in sentence:
        hedges = token.lower_ in HEDGING and token.dep_ == "advmod" and token.head == root
        if hedges and token.i and sentence[token.i - 1].text != ",":
            yield _without(sentence, token.i, token.i + 1)


def _strengthen_modal(sentence: Any, root: Any) -> Iterator[str]:
    """ "may" as "will", of the main verb."""
    for token in root.children:
        stronger = MODALS.get(token.lower_)
        if token.dep_ != "aux" or token.tag_ != "MD" or stronger is None or token.i > root.i:
            continue
        following = sentence[token.i + 1]
        if following.lower_ != "have":
            if following.lower_ not in {"well", "be"}:
                yield _replaced(sentence, token, stronger)
            elif following.lower_ == "be" and token.lower_ != "can" and (be := _be(root)):
                yield _replaced(sentence, token, be, gone=1)


def _be(verb: Any) -> str | None:
    """The present of "be" for a verb's subject; None where its number is in doubt."""
    for token in verb.children:
        if token.dep_ in {"nsubj", "nsubjpass"} and "conj" not in _relations(token):
            if token.lower_ in {"we", "you", "they"} or token.tag_ in {"NNS", "NNPS"}:
                return "are"
            if token.lower_ in {"he", "she", "it", "this"} or token.tag_ in {"NN", "NNP"}:
                return "is"
    return None


def _achieve(sentence: Any, root: Any) -> Iterator[str]:
    """What is tried as done, and what is wanted as what will be."""
    wanted = {"want", "plan", "hope", "intend", "aim"}
    aim = next((t for t in root.children if t.dep_ == "xcomp"), None)
    if (
        aim is None
        or aim.i < root.i
        or sentence[root.i + 1].lower_ != "to"
        or aim.left_edge.i != root.i + 1
    ):
        return
    helped = any(t.dep_ in {"aux", "auxpass"} for t in root.children)
    if root.lemma_ in {"try", "attempt"} and root.tag_ == "VBD" and not helped:
        yield _replaced(sentence, root, "managed")
    elif root.lemma_ in wanted and root.tag_ in {"VBZ", "VBP"} and not helped:
        yield _replaced(sentence, root, "will", gone=1)


def _strengthen_quantity(sentence: Any, root: Any) -> Iterator[str]:
    for token in sentence:
        stronger = STRONGER.get(token.lower_)
        if stronger is None or token.i + 1 >= len(sentence):
            continue
        following = sentence[token.i + 1].lower_
        if token.dep_ in {"amod", "det"} and token.head.tag_ == "NNS":
            whole = following not in {"more", "other", "others", "such", "hundred", "thousand"}
            if whole and sentence[token.i - 1].lower_ not in {"so", "as", "how", "the", "very"}:
                yield _replaced(sentence, token, stronger)
        elif token.pos_ == "ADV" and token.head == root and token.i > 0:
            before = sentence[token.i - 1]
            placed = token.i < root.i or before.pos_ == "AUX"
            if placed and before.lower_ not in {"very", "quite", "more", "so", ","}:
                yield _replaced(sentence, token, stronger)


def _drop_restriction(sentence: Any, root: Any) -> Iterator[str]:
    """What narrows a plural of which something general is said."""
    if root.tag_ not in {"VBP"} and not any(t.tag_ == "VBP" for t in root.children):
        return
    for token in root.children:
        if token.dep_ != "nsubj" or token.tag_ != "NNS" or token.left_edge.i != 0:
            continue
        parts = list(token.children)
        if any(part.dep_ in {"det", "poss", "nummod", "conj", "prep"} for part in parts):
            continue
        for part in parts:
            start, stop = part.left_edge.i, _end(part)
            relative = part.dep_ == "relcl" and sentence[start].lower_ in {"who", "that"}
            near = start == token.i + 1 and stop == _end(token)
            if relative and near and sentence[stop].text != ",":
                yield _without(sentence, start, stop)
            narrows = part.dep_ == "amod" and part.pos_ == "ADJ" and stop - start == 1
            if narrows and part.lower_ not in {*STRONGER, "such", "other", "own"}:
                yield _without(sentence, start, stop)


def _swap_roles(sentence: Any, root: Any) -> Iterator[str]:
    """Who did it and to whom it was done, two names."""
    if root.lemma_ in SYMMETRIC or root.pos_ != "VERB":
        return
    who = [t for t in root.children if t.dep_ == "nsubj" and _is_name(t)]
    whom = [t for t in root.children if t.dep_ == "dobj" and _is_name(t)]
    if len(who) != 1 or len(whom) != 1 or who[0].left_edge.i != 0:
        return
    first = sentence[: who[0].right_edge.i + 1]
    second = sentence[whom[0].left_edge.i : whom[0].right_edge.i + 1]
    text = sentence.text
    between = text[first.end_char : second.start_char]
    yield f"{_raise(second.text)}{between}{first.text}{text[second.end_char :]}"


def _is_name(token: Any) -> bool:
    inside = token.doc[token.left_edge.i : token.right_edge.i + 1]
    return all(t.ent_type_ in {"PERSON", "ORG", "GPE"} and t.pos_ == "PROPN" for t in inside)


def _raise(text: str) -> str:
    return text[:1].upper() + text[1:]


def _drop_condition(sentence: Any, root: Any) -> Iterator[str]:
    """ "If A, B." and "B if A." as "B." """
    for token in root.children:
        start, stop = token.left_edge.i, _end(token)
        if token.dep_ != "advcl" or sentence[start].lower_ not in {"if", "unless"}:
            continue
        if start == 0 and stop < root.i and sentence[stop].text == ",":
            yield _without(sentence, 0, stop + 1)
        before = sentence[start - 1].lower_
        at_end = start > root.i and stop == len(sentence) - 1
        if at_end and before not in {"as", "even", "only", "what", "see"}:
            yield _without(sentence, start - (before == ","), stop)


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
        yield _replaced(sentence, first, "cannot")
    else:
        yield _replaced(sentence, first, f"{first.text} not")


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
        yield _replaced(sentence, token, NUMBERS[token.lower_])
    elif re.fullmatch(r"[1-9]\d{0,2}", token.text) and int(token.text) > 1:
        value = int(token.text)
        yield _replaced(sentence, token, str(value + chance.randint(2, 3 + value)))


def _end(token: Any) -> int:
    """Behind the last token of a part; the full stop is of no part, whatever it hangs on."""
    return min(int(token.right_edge.i) + 1, len(token.doc) - 1)


def _relations(token: Any) -> set[str]:
    return {child.dep_ for child in token.children}


Rewriting = Callable[[Any, Any], Iterator[str]]

SHORTENED: dict[str, Rewriting] = {
    "aside dropped": _drop_aside,
    "result dropped": _drop_result,
    "clause dropped": _drop_clause,
    "conjunct dropped": _drop_noun,
    "date dropped": _drop_date,
    "intensifier dropped": _drop_intensifier,
}
"""What leaves a sentence that the first one entails."""
STRENGTHENED: dict[str, Rewriting] = {
    "speaker dropped": _drop_speaker,
    "source dropped": _drop_source,
    "hedge dropped": _drop_hedge,
    "modality changed": _strengthen_modal,
    "attempt told as done": _achieve,
    "quantity strengthened": _strengthen_quantity,
    "restriction dropped": _drop_restriction,
    "roles swapped": _swap_roles,
}
"""What leaves a sentence that claims something else or more."""
