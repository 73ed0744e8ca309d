"""The same sentence in easier words.

"The company utilizes numerous methods in order to assist physicians." becomes "The company uses
many methods to help doctors." Each rarer word or phrase of a list (`builder/easier_words.py`) gives
way to a commoner one in the form that the sentence asks for. Whether the word means that here, a
list cannot tell: a teacher's probability of the new sentence and a critic in both directions decide
(`builder/methods/eased.py`, the rules of the task).

Words are replaced one by one as lexical simplification does since Devlin and Tait (1998), "The use
of a psycholinguistic database in the simplification of text for aphasic readers".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from builder import easier_words as words
from builder.sentences import load_nlp

_BY_PART = {
    "VERB": words.parse_entries(words.VERBS),
    "NOUN": words.parse_entries(words.NOUNS),
    "ADJ": words.parse_entries(words.ADJECTIVES),
    "ADV": words.parse_entries(words.ADVERBS),
}
_PHRASES = {
    tuple(phrase.split()): common
    for phrase, common in words.parse_entries(words.PHRASES, "|").items()
}
_LONGEST = max(map(len, _PHRASES))
_PAST = {line.split()[0]: line.split()[1:] for line in words.IRREGULAR.strip().splitlines()}
_QUOTES = frozenset('"“”')
"""What is quoted is in somebody's own words."""
_COMPARED = frozenset({"JJR", "JJS", "RBR", "RBS"})
_VOWELS = "aeiou"


class Change(NamedTuple):
    """Words of a sentence that give way: the first, the one behind the last, and what comes."""

    start: int
    end: int
    text: str


def ease_all(texts: Sequence[str]) -> list[list[str]]:
    """Each sentence in easier words: first with all that can be changed, then with each alone.

    Raises:
        BuilderError: spaCy's English pipeline is not installed.
    """
    return [list(dict.fromkeys(_ease(parsed))) for parsed in load_nlp().pipe(texts)]


def _ease(sentence: Any) -> Iterator[str]:
    if _QUOTES & set(sentence.text):
        return
    changes = list(_find_changes(sentence))
    if changes:
        yield _apply(sentence, changes)
        for change in changes:
            yield _apply(sentence, [change])


def _find_changes(sentence: Any) -> Iterator[Change]:
    lower = [token.lower_ for token in sentence]
    position = 0
    while position < len(sentence):
        for length in range(min(_LONGEST, len(sentence) - position), 0, -1):
            common = _PHRASES.get(tuple(lower[position : position + length]))
            if common is not None:
                yield Change(position, position + length, common)
                position += length
                break
        else:
            text = _choose_easier(sentence[position])
            if text is not None:
                yield Change(position, position + 1, text)
            position += 1


def _choose_easier(token: Any) -> str | None:
    """The commoner word in the token's form; None to leave it."""
    common = _BY_PART.get(token.pos_, {}).get(token.lemma_.lower())
    capital = token.i > 0 and token.text[:1].isupper()
    named = token.dep_ == "compound" or "-" in (token.nbor(-1).text if token.i else "")
    if common is None or capital or named or token.tag_ in _COMPARED:
        return None
    if token.pos_ == "VERB":
        return _ease_verb(token, common)
    if token.pos_ == "NOUN":
        return _ease_noun(token, common)
    taken = {"det", "poss", "nummod", "predet"}
    if common in words.AMOUNTS and (
        token.dep_ != "amod" or any(child.dep_ in taken for child in token.head.children)
    ):
        return None
    return common


def _ease_verb(token: Any, common: str) -> str | None:
    children = {child.dep_: child for child in token.children}
    base, _, particle = common.partition(" ")
    if "prt" in children or (token.tag_ == "VBN" and base in words.NO_PASSIVE):
        return None
    if particle and (
        # "carry out it", "a set up firm"
        token.dep_ == "amod" or ("dobj" in children and children["dobj"].pos_ == "PRON")
    ):
        return None
    form = _conjugate(base, token.tag_)
    return None if form is None else f"{form} {particle}".strip()


def _conjugate(base: str, tag: str) -> str | None:
    if tag in ("VB", "VBP"):
        return base
    if tag in ("VBD", "VBN") and base in _PAST:
        return _PAST[base][tag == "VBN"]
    stem = base + base[-1] if base in words.DOUBLED else base
    after_e = base[:-1] if base.endswith("e") and not base.endswith("ee") else stem
    after_y = base[:-1] + "i" if base[-1] == "y" and base[-2] not in _VOWELS else None
    if tag == "VBZ":
        return _add_s(base)
    if tag == "VBG":
        return f"{after_e}ing"
    if tag in ("VBD", "VBN"):
        return f"{after_y or after_e}ed" if not base.endswith("ee") else f"{base}d"
    return None


def _add_s(word: str) -> str:
    if word[-1] == "y" and word[-2] not in _VOWELS:
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("s", "x", "z", "ch", "sh", "go")) else f"{word}s"


def _ease_noun(token: Any, common: str) -> str | None:
    singular = any(child.lower_ in ("a", "an") for child in token.children)
    if common in words.UNCOUNTED:
        return None if singular else common
    if token.tag_ != "NNS":
        return common
    return words.PLURALS.get(common) or _add_s(common)


def _apply(sentence: Any, changes: Sequence[Change]) -> str:
    by_start = {change.start: change for change in changes}
    pieces: list[str] = []
    position = 0
    while position < len(sentence):
        change = by_start.get(position)
        if change is None:
            pieces.append(sentence[position].text_with_ws)
            position += 1
            continue
        text = change.text
        if sentence[position].text[:1].isupper():
            text = text[0].upper() + text[1:]
        if pieces and pieces[-1].strip().lower() in ("a", "an"):
            pieces[-1] = _choose_article(pieces[-1], text)
        pieces.append(text + sentence[change.end - 1].whitespace_)
        position = change.end
    return "".join(pieces)


def _choose_article(was: str, following: str) -> str:
    """The article that goes with the word behind it, by its letters: of those listed, only
    "useful", "usual" and "use" sound otherwise."""
    vowel = following[0].lower() in _VOWELS and not following.startswith("us")
    return ("A" if was[0] == "A" else "a") + ("n" if vowel else "") + " "
