"""Edits that leave a sentence which claims something else or more than the first one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from builder.critics.edit_sentence import (
    Rewriting,
    cut_out,
    find_end,
    list_relations,
    raise_first,
    replace,
    split_words,
)

SAYING = split_words(
    "argue allege announce believe claim estimate expect fear hope insist predict report say "
    "suggest suspect think"
)
"""Verbs whose clause may be false though they are said truly."""
HEDGING = split_words(
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
SYMMETRIC = split_words(
    "be become beat contact date equal fight face have include join love marry match meet "
    "mean remain resemble share see"
)
"""Verbs of which both directions may be true at once, or that are not done by one to another."""


def _drop_speaker(sentence: Any, root: Any) -> Iterator[str]:
    """ "X said that Y." as "Y." """
    if root.lemma_ not in SAYING or any(t.dep_ in {"prep", "dobj"} for t in root.children):
        return
    for token in root.children:
        start = token.left_edge.i
        if token.dep_ != "ccomp" or start < root.i or find_end(token) != len(sentence) - 1:
            continue
        if not any(t.dep_ in {"nsubj", "nsubjpass", "expl"} for t in token.children):
            continue
        has_mark = sentence[start].lower_ == "that" and sentence[start].dep_ == "mark"
        begin = start + has_mark
        second = any("mark" in list_relations(other) for other in token.conjuncts)
        if start == root.i + 1 and sentence[begin].text[0].isalnum() and not second:
            yield cut_out(sentence, 0, begin)


def _drop_source(sentence: Any, root: Any) -> Iterator[str]:
    """ ", according to X" at the end."""
    for token in root.children:
        start = token.left_edge.i
        if token.lower_ == "according" and find_end(token) == len(sentence) - 1 and start > 2:
            yield cut_out(sentence, start - (sentence[start - 1].text == ","), len(sentence) - 1)


def _drop_hedge(sentence: Any, root: Any) -> Iterator[str]:
    for token in sentence:
        hedges = token.lower_ in HEDGING and token.dep_ == "advmod" and token.head == root
        if hedges and token.i and sentence[token.i - 1].text != ",":
            yield cut_out(sentence, token.i, token.i + 1)


def _strengthen_modal(sentence: Any, root: Any) -> Iterator[str]:
    """ "may" as "will", of the main verb."""
    for token in root.children:
        stronger = MODALS.get(token.lower_)
        if token.dep_ != "aux" or token.tag_ != "MD" or stronger is None or token.i > root.i:
            continue
        following = sentence[token.i + 1]
        if following.lower_ != "have":
            if following.lower_ not in {"well", "be"}:
                yield replace(sentence, token, stronger)
            elif following.lower_ == "be" and token.lower_ != "can" and (be := _conjugate_be(root)):
                yield replace(sentence, token, be, gone=1)


def _conjugate_be(verb: Any) -> str | None:
    """The present of "be" for a verb's subject; None where its number is in doubt."""
    for token in verb.children:
        if token.dep_ in {"nsubj", "nsubjpass"} and "conj" not in list_relations(token):
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
        yield replace(sentence, root, "managed")
    elif root.lemma_ in wanted and root.tag_ in {"VBZ", "VBP"} and not helped:
        yield replace(sentence, root, "will", gone=1)


def _strengthen_quantity(sentence: Any, root: Any) -> Iterator[str]:
    for token in sentence:
        stronger = STRONGER.get(token.lower_)
        if stronger is None or token.i + 1 >= len(sentence):
            continue
        following = sentence[token.i + 1].lower_
        if token.dep_ in {"amod", "det"} and token.head.tag_ == "NNS":
            whole = following not in {"more", "other", "others", "such", "hundred", "thousand"}
            if whole and sentence[token.i - 1].lower_ not in {"so", "as", "how", "the", "very"}:
                yield replace(sentence, token, stronger)
        elif token.pos_ == "ADV" and token.head == root and token.i > 0:
            before = sentence[token.i - 1]
            placed = token.i < root.i or before.pos_ == "AUX"
            if placed and before.lower_ not in {"very", "quite", "more", "so", ","}:
                yield replace(sentence, token, stronger)


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
            start, stop = part.left_edge.i, find_end(part)
            relative = part.dep_ == "relcl" and sentence[start].lower_ in {"who", "that"}
            near = start == token.i + 1 and stop == find_end(token)
            if relative and near and sentence[stop].text != ",":
                yield cut_out(sentence, start, stop)
            narrows = part.dep_ == "amod" and part.pos_ == "ADJ" and stop - start == 1
            if narrows and part.lower_ not in {*STRONGER, "such", "other", "own"}:
                yield cut_out(sentence, start, stop)


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
    yield f"{raise_first(second.text)}{between}{first.text}{text[second.end_char :]}"


def _is_name(token: Any) -> bool:
    inside = token.doc[token.left_edge.i : token.right_edge.i + 1]
    return all(t.ent_type_ in {"PERSON", "ORG", "GPE"} and t.pos_ == "PROPN" for t in inside)


STRENGTHENED: dict[str, Rewriting] = {
    "speaker dropped": _drop_speaker,
    "source dropped": _drop_source,
    "hedge dropped": _drop_hedge,
    "modality changed": _strengthen_modal,
    "attempt as done": _achieve,
    "quantity strengthened": _strengthen_quantity,
    "restriction dropped": _drop_restriction,
    "roles swapped": _swap_roles,
}
"""What leaves a sentence that claims something else or more."""
