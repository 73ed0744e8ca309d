"""The same sentence with an adjunct, a clause or a report at its other end.

"The school was closed after a fire broke out." becomes "After a fire broke out, the school was
closed.", and the other way round; "Police said that he left." becomes "He left, police said." Words
are moved and none is changed, so what is said stays the same where the moved part is one that may
stand at either end. Whether it may is more than a parse can tell: a teacher's probability of the
new sentence decides that (`builder/methods/reordered.py`).

What a grammar calls these moves: Huddleston and Pullum (2002), The Cambridge Grammar of the English
Language, chapters 8 and 16.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from builder.sentences import load_nlp

CLAUSE_MARKS = frozenset(
    {"although", "as", "because", "before", "if", "once", "since", "though", "unless", "until"}
    | {"after", "when", "whenever", "where", "whereas", "while"}
)
"""What opens an adverbial clause that may stand at either end."""
PREPOSITIONS = frozenset(
    {"according", "across", "after", "among", "at", "before", "between", "despite", "during"}
    | {"following", "for", "in", "over", "since", "through", "throughout", "under"}
    | {"until", "within", "without"}
)
"""What opens a phrase that may; "on", "by", "with" and "from" seldom do (docs/validity.md)."""
WITH_COMMA = frozenset({"according", "although", "as", "since", "though", "whereas", "while"})
"""Openings that are set off by a comma at the end of a sentence too."""
REPORTS = frozenset({"add", "announce", "argue", "claim", "explain", "report", "say", "warn"})
"""Lemmas of verbs whose report may come first."""
LEADS = frozenset({"and", "but", "or", "so", "yet"})
"""First words of a sentence that lean on the one before, so nothing goes in front of them."""
UNMOVED = frozenset('"“”()[]:;?!—')
"""Characters of sentences that are left alone: what they enclose or join would come apart."""
UNFINISHED = frozenset({"VERB", "AUX", "ADP", "ADV", "PART", "SCONJ", "CCONJ", "DET"})
"""Parts of speech of a last word that still waits for what was moved ("The house is based")."""
POINTING = frozenset({"he", "her", "him", "his", "it", "its", "she", "their", "them", "they"})
"""Pronouns that point back to a noun."""
NEAR = frozenset({"that", "these", "this", "those"})
"""First words that point to the sentence before, and would point to what is put in front."""
ASIDES = ("i mean,", "i think,", "you know,", "you see,")
"""What a speaker puts in: with a part in front of it, it would seem to take that part back."""
CLAUSES = frozenset({"acl", "advcl", "ccomp", "csubj", "relcl", "xcomp"})
"""Relations of a clause inside a clause."""
LEAST_MOVED = 3
"""Words of a part that is moved: "in fact" is no news at the other end."""
LEAST_WORDS = 4
"""Words of the clause that a part is moved around."""
MOST_REPORT_WORDS = 8
"""Words of a report that is moved behind what is reported."""


@dataclass(frozen=True, slots=True)
class Reordering:
    """A sentence in another order.

    Attributes:
        text: of the new sentence.
        move: what was moved where, such as "front:after", "back:if" or "report".
    """

    text: str
    move: str


def reorder_all(texts: Sequence[str]) -> list[list[Reordering]]:
    """The other orders of each sentence, by the place of what is moved.

    Raises:
        BuilderError: spaCy's English pipeline is not installed.
    """
    return [list(_reorder(parsed)) for parsed in load_nlp().pipe(texts)]


def _reorder(sentence: Any) -> Iterator[Reordering]:
    roots = [token for token in sentence if token.dep_ == "ROOT"]
    if len(roots) != 1 or sentence[-1].text != "." or UNMOVED & set(sentence.text):
        return
    if any(aside in sentence.text.lower() for aside in ASIDES):
        return
    root = roots[0]
    has_subject = any(t.dep_ in {"nsubj", "nsubjpass", "expl", "csubj"} for t in root.children)
    if root.pos_ not in {"VERB", "AUX"} or not has_subject:
        return
    for part in root.children:
        if part.dep_ == "ccomp":
            yield from _move_report(sentence, root, part)
            continue
        opening = _find_opening(part)
        if opening is None or _count_words(_find_span(part)) < LEAST_MOVED:
            continue
        if part.right_edge.i == len(sentence) - 2 and part.left_edge.i > root.i:
            yield from _move_to_front(sentence, part, opening)
        elif part.left_edge.i == 0 and part.right_edge.i + 1 < root.i:
            yield from _move_to_back(sentence, part, opening)


def _find_opening(part: Any) -> str | None:
    """The word by which a part of the main clause may stand at either end, None if it may not."""
    first = part.left_edge
    if part.dep_ == "advcl":
        marks = [t for t in part.children if t.dep_ in {"mark", "advmod"}]
        begins = bool(marks) and marks[0].i == first.i and first.lower_ in CLAUSE_MARKS
        if begins and first.nbor().lower_ != "also":  # "while also" adds to what stands before it
            return str(first.lower_)
    opens = part.dep_ == "prep" and part.i == first.i and part.lower_ in PREPOSITIONS
    # "in part, of a storm": what stands behind the comma belongs to the verb.
    if opens and "," not in part.doc[part.i : part.i + LEAST_MOVED].text:
        return str(part.lower_)
    return None


def _move_to_front(sentence: Any, part: Any, opening: str) -> Iterator[Reordering]:
    start = part.left_edge.i
    stop = start - 1 if sentence[start - 1].text == "," else start
    if sentence[0].lower_ in LEADS or _begins_with_adjunct(sentence):
        return
    # "in the north, in Oregon": the second says where in the first, and not the other way round.
    if stop < start and part.dep_ == "prep" and opening in {t.lower_ for t in sentence[:stop]}:
        return
    points = POINTING & {token.lower_ for token in _find_span(part)}
    if points and (part.dep_ == "prep" or sentence[0].lower_ in NEAR):
        return
    rest = sentence[:stop]
    if _count_words(rest) >= LEAST_WORDS and rest[-1].pos_ not in UNFINISHED:
        moved = raise_first(sentence[start:-1].text)
        yield Reordering(f"{moved}, {_lower_first(rest)}.", f"front:{opening}")


def _move_to_back(sentence: Any, part: Any, opening: str) -> Iterator[Reordering]:
    start = part.right_edge.i + 1
    rest = sentence[start + 1 : -1]
    if sentence[start].text != "," or _count_words(rest) < LEAST_WORDS:
        return
    # With a comma or another clause in the rest, the moved part would seem to belong to its end.
    if "," in rest.text or any(token.dep_ in CLAUSES for token in rest):
        return
    # "If John is late, he ...": behind what points to it, the name would be another's.
    has_noun = any(token.pos_ in {"NOUN", "PROPN"} for token in _find_span(part))
    if has_noun and POINTING & {token.lower_ for token in rest}:
        return
    between = ", " if opening in WITH_COMMA else " "
    moved = _lower_first(sentence[:start])
    yield Reordering(f"{raise_first(rest.text)}{between}{moved}.", f"back:{opening}")


def _move_report(sentence: Any, root: Any, part: Any) -> Iterator[Reordering]:
    """ "X said that Y." as "Y, X said."."""
    start = part.left_edge.i
    if root.lemma_ not in REPORTS or part.right_edge.i != len(sentence) - 2 or start < root.i:
        return
    subject = next((t for t in root.children if t.dep_ == "nsubj"), None)
    report = sentence[:start]
    if subject is None or subject.left_edge.i != 0 or len(report) > MOST_REPORT_WORDS:
        return
    if any(t.dep_ == "neg" for t in root.children) or report[-1].text == ",":
        return
    if root.tag_ == "VBG":  # "they are saying"
        return
    said = sentence[start + 1 : -1] if sentence[start].lower_ == "that" else sentence[start:-1]
    # "The company says it ...": the pronoun would come before its noun.
    if not said.text[:1].isalnum() or said[0].lower_ in POINTING:
        return
    yield Reordering(f"{raise_first(said.text)}, {_lower_first(report)}.", "report")


def _find_span(part: Any) -> Any:
    return part.doc[part.left_edge.i : part.right_edge.i + 1]


def _begins_with_adjunct(sentence: Any) -> bool:
    first = sentence[0]
    return first.dep_ in {"prep", "advcl", "mark"} or first.head.dep_ == "advcl"


def _count_words(tokens: Any) -> int:
    return sum(not token.is_punct for token in tokens)


def raise_first(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]


def _lower_first(tokens: Any) -> str:
    """The text with a small first letter, unless its first word is a name, "I" or capitals."""
    first, text = tokens[0], str(tokens.text)
    is_name = first.pos_ == "PROPN" or first.ent_type_ in {"PERSON", "ORG", "GPE", "NORP"}
    if is_name and first.pos_ not in {"DET", "PRON", "ADP"}:
        return text
    if (first.text[0:1] == "I" and first.text in {"I", "I'm"}) or any(
        c.isupper() for c in first.text[1:]
    ):
        return text
    return text[:1].lower() + text[1:]
