"""Edits that leave a sentence which the first one entails: a part is dropped.

What is not yet certain of a sentence, `builder.critics.edits` asks before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from builder.critics.edit_sentence import Rewriting, cut_out, find_end, list_relations, split_words

COLLECTIVE = split_words(
    "between among together combine combination mix mixture relation relationship merge difference "
    "compare connect link balance share same other another"
)
"""Lemmas of what is said of several together and not of each."""
INTENSIFIERS = split_words("very extremely incredibly highly")
PLAIN_PARTS = frozenset({"amod", "compound", "det", "nummod", "poss", "case", "nmod", "punct"})


def _drop_aside(sentence: Any, root: Any) -> Iterator[str]:
    """A relative clause or an apposition between commas."""
    for token in sentence:
        start, stop = token.left_edge.i, find_end(token)
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
        if not (clause or apposed) or followed == "CCONJ" or "conj" in list_relations(token.head):
            continue
        closing = 1 if sentence[stop].text == "," else 0
        yield cut_out(sentence, start - 1, stop + closing)


def _drop_result(sentence: Any, root: Any) -> Iterator[str]:
    """A participle at the end: ", making it hard to see"."""
    for token in root.children:
        start = token.left_edge.i
        if token.dep_ != "advcl" or token.tag_ != "VBG" or start != token.i or start < root.i:
            continue
        at_end = find_end(token) == len(sentence) - 1 and sentence[start - 1].text == ","
        if at_end and sentence[start - 2].pos_ != "ADJ":  # not "a massive, orbiting laboratory"
            yield cut_out(sentence, start - 1, len(sentence) - 1)


def _drop_clause(sentence: Any, root: Any) -> Iterator[str]:
    """A second main clause, or a second verb with what belongs to it."""
    for token in root.children:
        if token.dep_ != "conj" or find_end(token) != len(sentence) - 1:
            continue
        joins = [t for t in root.children if t.dep_ == "cc"]
        if (
            len(joins) != 1
            or joins[0].lower_ not in {"and", "but"}
            or "ccomp" in list_relations(root)
        ):
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
            yield cut_out(sentence, join - comma, len(sentence) - 1)


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
            yield cut_out(sentence, joins[0].i, token.i + 1)


def _drop_date(sentence: Any, root: Any) -> Iterator[str]:
    """When it was, of what is past."""
    finite = [root, *(t for t in root.children if t.dep_ in {"aux", "auxpass"})]
    if not any(t.tag_ == "VBD" for t in finite):
        return
    for token in root.children:
        start, stop = token.left_edge.i, find_end(token)
        if token.dep_ != "prep" or token.lower_ not in {"in", "on"} or start < root.i + 2:
            continue
        when = [t for t in sentence[start + 1 : stop] if not t.is_punct]
        if stop != len(sentence) - 1 or not when or any(t.ent_type_ != "DATE" for t in when):
            continue
        if sentence[start - 1].pos_ not in {"ADP", "VERB", "AUX", "PART"}:
            yield cut_out(sentence, start, stop)


def _drop_intensifier(sentence: Any, root: Any) -> Iterator[str]:
    for token in sentence:
        if token.lower_ in INTENSIFIERS and token.dep_ == "advmod" and token.i:
            before = sentence[token.i - 1].lower_
            fits = token.head.pos_ == "ADJ" and token.head.i == token.i + 1
            if fits and before not in {"a", "an"} and token.head.lower_ not in {"much", "few"}:
                yield cut_out(sentence, token.i, token.i + 1)


SHORTENED: dict[str, Rewriting] = {
    "aside dropped": _drop_aside,
    "result dropped": _drop_result,
    "clause dropped": _drop_clause,
    "conjunct dropped": _drop_noun,
    "date dropped": _drop_date,
    "intensifier dropped": _drop_intensifier,
}
"""What leaves a sentence that the first one entails."""
