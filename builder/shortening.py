"""The same sentence without an aside, an adjunct in front, or several of them.

"The plan, which was made in May, failed." becomes "The plan failed.", and "After the fire, the
school was closed." becomes "The school was closed." Words are deleted and none is changed. What
remains follows from the whole where the deleted part only adds to it: relative clauses and
appositions between commas, participles, adverbial clauses and phrases. What opens a condition, an
exception or a report is never deleted, since the rest would claim more.

Source: the parts are those of Knight and Marcu (2000), "Statistics-based summarization: step one,
sentence compression", read off a dependency tree as Filippova and Strube (2008), "Dependency tree
based sentence compression", do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from typing import Any

from builder.analysis import HEDGES, QUANTIFIERS, REPORTING
from builder.reordering import UNMOVED, raise_first
from builder.sentences import load_nlp

PARTS = frozenset({"acl", "advcl", "advmod", "appos", "npadvmod", "prep", "relcl"})
"""Relations of a part that may be deleted where commas set it off."""
IN_FRONT = frozenset({"advcl", "npadvmod", "prep"})
"""Relations to the main verb of a part that may be deleted where a sentence begins with it."""
LIMITS = frozenset(
    {"according", "as", "but", "except", "if", "in", "not", "or", "provided", "unless", "until"}
    | {"when", "whenever", "where", "without"}
)
"""First words of a part without which the rest may claim more; a relative "where" may go."""
PLACES = frozenset({"in", "where", "when"})
"""Of these, those that limit nothing behind a comma."""
LEAST_WORDS = 4
"""Words of what is left."""
MOST_PARTS = 4
"""Of a sentence that are tried together."""

Span = tuple[int, int]
"""First token of a part, and the one behind its last."""


def shorten_all(texts: Sequence[str]) -> list[list[str]]:
    """What is left of each sentence, the shortest deletion first.

    Raises:
        BuilderError: spaCy's English pipeline is not installed.
    """
    return [list(dict.fromkeys(_shorten(parsed))) for parsed in load_nlp().pipe(texts)]


def _shorten(sentence: Any) -> Iterator[str]:
    roots = [token for token in sentence if token.dep_ == "ROOT"]
    if len(roots) != 1 or sentence[-1].text != "." or UNMOVED & set(sentence.text):
        return
    spans = list(_find_spans(sentence, roots[0]))[:MOST_PARTS]
    chosen = [some for n in range(1, len(spans) + 1) for some in combinations(spans, n)]
    for parts in sorted(chosen, key=lambda some: sum(end - start for start, end in some)):
        if not any(a[1] > b[0] for a, b in pairwise(parts)):
            text = _cut_out(sentence, parts)
            if len(text.split()) >= LEAST_WORDS:
                yield text


def _find_spans(sentence: Any, root: Any) -> Iterator[Span]:
    """Parts that may go, each with one of the commas that set it off."""
    found = []
    for token in sentence:
        start, end = token.left_edge.i, token.right_edge.i + 1
        if end - start < 2 or _is_limit(sentence[start:end], in_front=start == 0):
            continue
        behind = sentence[end].text if end < len(sentence) else ""
        if start == 0:
            if token.dep_ in IN_FRONT and token.head.i == root.i and behind == "," and end < root.i:
                found.append((0, end + 1))
        elif token.dep_ in PARTS and sentence[start - 1].text == ",":
            if behind == ",":
                found.append((start - 1, end + 1))
            elif end == len(sentence) - 1:
                found.append((start - 1, end))
    yield from sorted(set(found))


def _is_limit(part: Any, *, in_front: bool) -> bool:
    """Whether the rest may claim more without a part."""
    first = part[0].lower_
    if first in LIMITS and (in_front or first not in PLACES):
        return True
    words = {token.lemma_.lower() for token in part}
    return bool(words & (HEDGES | REPORTING | QUANTIFIERS))


def _cut_out(sentence: Any, parts: Sequence[Span]) -> str:
    gone = {index for start, end in parts for index in range(start, end)}
    kept = [token for token in sentence if token.i not in gone]
    text = ""
    for token in kept:
        # A part between two commas takes both with it, so the word before gets its blank back.
        glued = token.i == 0 or not sentence[token.i - 1].whitespace_
        text += token.text if glued or not text else f" {token.text}"
    return raise_first(text)
