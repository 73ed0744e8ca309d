"""Lexical constraints in conjunctive normal form: what a sentence must say.

A literal says that a phrase appears, a clause is a disjunction of literals, and the constraints
of a sentence are a conjunction of clauses (Lu et al. 2021, NeuroLogic Decoding, section 2.1). A
keyword gives one clause, its literals are the keyword's surface forms. Phrases are token ids of
one tokenizer, and "appears" means: as a contiguous run of the generated tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from builder.errors import ConfigError

Tokens = tuple[int, ...]

# A phrase is tokenised behind a word, because the space before it belongs to its first token.
_ANCHOR = "the"


@dataclass(frozen=True)
class Clause:
    """A disjunction: at least one of the phrases appears.

    Attributes:
        phrases: token ids of each.
        text: the keyword, for messages.
    """

    phrases: tuple[Tokens, ...]
    text: str = ""

    def __post_init__(self) -> None:
        if not self.phrases or not all(self.phrases):
            raise ConfigError(
                f"the keyword {self.text!r} has no tokens of this tokenizer",
                hint="a keyword needs at least one word that the tokenizer knows",
            )

    def __str__(self) -> str:
        return repr(self.text or self.phrases[0])


@dataclass(frozen=True)
class Constraints:
    """A conjunction: every clause holds. Without clauses anything goes."""

    clauses: tuple[Clause, ...] = ()

    @classmethod
    def from_keywords(cls, keywords: Iterable[str], tokenizer: Any) -> Constraints:
        """One clause for each keyword.

        Args:
            keywords: each of one or more words.
            tokenizer: of transformers.

        Raises:
            ConfigError: a keyword that the tokenizer cannot spell.
        """
        return cls(tuple(make_clause(keyword, tokenizer) for keyword in keywords))


def make_clause(keyword: str, tokenizer: Any) -> Clause:
    """The clause of a keyword as a word in running text.

    Its phrases spell the keyword as it is, in lower case, and with its first letter in upper
    case, in this order; those that come out the same are one.

    Args:
        keyword: one or more words.
        tokenizer: of transformers.

    Raises:
        ConfigError: no spelling has tokens, or only with the unknown token among them.
    """
    text = keyword.strip()
    spellings = dict.fromkeys((text, text.lower(), text[:1].upper() + text[1:]))
    phrases = dict.fromkeys(tokenize_in_text(spelling, tokenizer) for spelling in spellings)
    # GPT-2 uses its end of text as unknown token: neither can be said.
    unsayable = {tokenizer.unk_token_id, tokenizer.eos_token_id}
    return Clause(tuple(p for p in phrases if p and unsayable.isdisjoint(p)), keyword)


def tokenize_in_text(text: str, tokenizer: Any) -> Tokens:
    """The token ids of `text` where it follows a word and a space."""
    if not text:
        return ()
    before = tokenizer.encode(_ANCHOR, add_special_tokens=False)
    both = tokenizer.encode(f"{_ANCHOR} {text}", add_special_tokens=False)
    if both[: len(before)] == before:
        return tuple(both[len(before) :])
    return tuple(tokenizer.encode(" " + text, add_special_tokens=False))


def remove_unusable(constraints: Constraints, unusable: Iterable[int]) -> Constraints:
    """The constraints without the phrases that can never appear.

    Args:
        constraints: any.
        unusable: token ids that are never generated.

    Raises:
        ConfigError: a clause of which no phrase is left; the message names it.
    """
    never = frozenset(unusable)
    usable = []
    for clause in constraints.clauses:
        phrases = tuple(phrase for phrase in clause.phrases if never.isdisjoint(phrase))
        if not phrases:
            raise ConfigError(
                f"no sentence satisfies the clause ({clause})",
                hint="each of its phrases has a token that is never generated, as a banned one is",
            )
        usable.append(Clause(phrases, clause.text))
    return Constraints(tuple(usable))


def holds(tokens: Sequence[int], phrase: Sequence[int]) -> bool:
    """Whether `phrase` is a contiguous run of `tokens`."""
    size, wanted = len(phrase), tuple(phrase)
    return any(tuple(tokens[i : i + size]) == wanted for i in range(len(tokens) - size + 1))


def count_fewest_tokens(constraints: Constraints) -> int:
    """A lower bound on the tokens of any sentence that satisfies every clause.

    The sum over clauses whose phrases can share no token with each other.
    """
    counted: list[Clause] = []
    for clause in sorted(constraints.clauses, key=_measure_shortest, reverse=True):
        if not any(_may_share(clause, other) for other in counted):
            counted.append(clause)
    return sum(map(_measure_shortest, counted))


def _measure_shortest(clause: Clause) -> int:
    return min(map(len, clause.phrases))


def _may_share(one: Clause, other: Clause) -> bool:
    return any(
        holds(a, b) or holds(b, a) or _meets(a, b) or _meets(b, a)
        for a in one.phrases
        for b in other.phrases
    )


def _meets(left: Tokens, right: Tokens) -> bool:
    """Whether an end of `left` is a beginning of `right`."""
    return any(left[-n:] == right[:n] for n in range(1, min(len(left), len(right)) + 1))
