"""Lexical constraints in conjunctive normal form: what a sentence must and must not say.

A literal says that a phrase appears, or that it does not; a clause is a disjunction of
literals; the constraints of a sentence are a conjunction of clauses (Lu et al. 2021, NeuroLogic
Decoding, section 2.1). Phrases are kept as the token ids of one tokenizer, one sequence for each
surface form, and "appears" means: as a contiguous run of the generated tokens.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from builder.errors import ConfigError

Tokens = tuple[int, ...]
Case = typing.Literal["written", "lower", "capitalised"]

ALL_CASES: tuple[Case, ...] = ("written", "lower", "capitalised")
# A phrase is tokenised behind a word, because the space before it belongs to its first token.
_ANCHOR = "the"
_SPELT: dict[Case, Callable[[str], str]] = {
    "written": str,
    "lower": str.lower,
    "capitalised": lambda text: text[:1].upper() + text[1:],
}


@dataclass(frozen=True)
class Literal:
    """A phrase that appears (positive) or does not appear (negative).

    Attributes:
        forms: the phrase's surface forms as token ids; it appears when any of them does.
        positive: False for "does not appear", which then holds for every form.
        text: the phrase as the user wrote it, for messages.
    """

    forms: tuple[Tokens, ...]
    positive: bool = True
    text: str = ""

    def __post_init__(self) -> None:
        if not self.forms or not all(self.forms):
            raise ConfigError(
                f"the keyword {self.text!r} has no tokens",
                hint="a keyword needs at least one word that the tokenizer knows",
            )

    def negated(self) -> Literal:
        """The same phrase, required to be absent (or present again)."""
        return Literal(self.forms, not self.positive, self.text)

    def __str__(self) -> str:
        named = repr(self.text or self.forms[0])
        return named if self.positive else f"not {named}"


@dataclass(frozen=True)
class Clause:
    """A disjunction: at least one literal holds."""

    literals: tuple[Literal, ...]

    def __post_init__(self) -> None:
        if not self.literals:
            raise ConfigError(
                "a clause without literals cannot be satisfied", hint="leave the clause out"
            )

    def __str__(self) -> str:
        return " or ".join(map(str, self.literals))


@dataclass(frozen=True)
class Constraints:
    """A conjunction: every clause holds. Without clauses anything goes."""

    clauses: tuple[Clause, ...] = ()

    @classmethod
    def from_keywords(
        cls,
        keywords: Iterable[str | Sequence[str]],
        tokenizer: Any,
        *,
        cases: Sequence[Case] = ALL_CASES,
        banned: Iterable[str] = (),
    ) -> Constraints:
        """One clause for each keyword, and one for each phrase that must not appear.

        Args:
            keywords: phrases; a sequence of them stands for a choice (inflections, synonyms).
            tokenizer: of transformers.
            cases: the surface forms that count, see `phrase`.
            banned: phrases that must appear in none of these forms.

        Raises:
            ConfigError: a phrase that the tokenizer turns into nothing, or an empty choice.
        """
        clauses = []
        for keyword in keywords:
            choice = (keyword,) if isinstance(keyword, str) else tuple(keyword)
            clauses.append(Clause(tuple(phrase(word, tokenizer, cases=cases) for word in choice)))
        for word in banned:
            literal = phrase(word, tokenizer, cases=cases)
            clauses.append(Clause((literal.negated(),)))
        return cls(tuple(clauses))


def phrase(text: str, tokenizer: Any, *, cases: Sequence[Case] = ALL_CASES) -> Literal:
    """A positive literal for `text`, tokenised as a word in running text.

    Args:
        text: one or more words.
        tokenizer: of transformers.
        cases: "written" takes the text as it is, "lower" in lower case, "capitalised" with its
            first letter in upper case; forms that come out the same are one.

    Raises:
        ConfigError: no form has tokens, or only with the unknown token among them.
    """
    spelt = dict.fromkeys(_SPELT[case](text.strip()) for case in cases)
    forms = dict.fromkeys(tokens_in_text(form, tokenizer) for form in spelt)
    unknown = tokenizer.unk_token_id
    ends = tokenizer.eos_token_id
    # GPT-2 uses its end of text as unknown token: neither can be said.
    known = tuple(f for f in forms if f and unknown not in f and ends not in f)
    if not known:
        raise ConfigError(
            f"the keyword {text!r} has no tokens of this tokenizer",
            hint="a keyword needs at least one word that the tokenizer knows",
        )
    return Literal(known, True, text)


def tokens_in_text(text: str, tokenizer: Any) -> Tokens:
    """The token ids of `text` where it follows a word and a space."""
    if not text:
        return ()
    before = tokenizer.encode(_ANCHOR, add_special_tokens=False)
    both = tokenizer.encode(f"{_ANCHOR} {text}", add_special_tokens=False)
    if both[: len(before)] == before:
        return tuple(both[len(before) :])
    return tuple(tokenizer.encode(" " + text, add_special_tokens=False))


def simplified(constraints: Constraints, unusable: Iterable[int] = ()) -> Constraints:
    """The constraints without the forms that can never appear, or never be absent.

    A form cannot appear when it holds an unusable token, or a phrase that must be absent (the
    one negative literal of a clause); a phrase cannot be absent when it lies inside every form
    of one that must appear. What is left out of one clause may decide another, so this runs to
    a fixed point.

    Args:
        constraints: any.
        unusable: token ids that are never generated.

    Raises:
        ConfigError: a clause that nothing can satisfy; the message names it.
    """
    never = frozenset(unusable)
    clauses = [list(clause.literals) for clause in constraints.clauses]
    changed = True
    while changed:
        changed = False
        alone = [literals[0] for literals in clauses if len(literals) == 1]
        absent = [form for literal in alone if not literal.positive for form in literal.forms]
        present = [literal for literal in alone if literal.positive]
        for number, literals in enumerate(clauses):
            kept = []
            for literal in literals:
                left = _possible(literal, never, absent, present)
                if left is not None:
                    kept.append(left)
            if not kept:
                raise ConfigError(
                    f"no sentence satisfies the clause ({constraints.clauses[number]})",
                    hint="it contradicts another clause, a banned string or a banned token",
                )
            changed = changed or kept != literals
            clauses[number] = kept
    return Constraints(tuple(Clause(tuple(literals)) for literals in clauses))


def _possible(
    literal: Literal, never: frozenset[int], absent: list[Tokens], present: list[Literal]
) -> Literal | None:
    if not literal.positive:
        implied = any(
            all(any(holds(form, own) for own in literal.forms) for form in other.forms)
            for other in present
        )
        return None if implied else literal
    forms = tuple(
        form
        for form in literal.forms
        if not never.intersection(form) and not any(holds(form, no) for no in absent)
    )
    if not forms:
        return None
    return literal if forms == literal.forms else Literal(forms, True, literal.text)


def holds(tokens: Sequence[int], form: Sequence[int]) -> bool:
    """Whether `form` is a contiguous run of `tokens`."""
    size, wanted = len(form), tuple(form)
    return any(tuple(tokens[i : i + size]) == wanted for i in range(len(tokens) - size + 1))


def fewest_tokens(constraints: Constraints) -> int:
    """A lower bound on the tokens of any sentence that satisfies every clause.

    The sum over clauses whose phrases can share no token with each other; clauses that a
    negative literal may satisfy cost nothing.
    """
    counted: list[Clause] = []
    demanding = [c for c in constraints.clauses if all(li.positive for li in c.literals)]
    for clause in sorted(demanding, key=_shortest, reverse=True):
        if not any(_may_share(clause, other) for other in counted):
            counted.append(clause)
    return sum(map(_shortest, counted))


def _shortest(clause: Clause) -> int:
    return min(len(form) for literal in clause.literals for form in literal.forms)


def _may_share(one: Clause, other: Clause) -> bool:
    return any(
        holds(a, b) or holds(b, a) or _meets(a, b) or _meets(b, a)
        for first in one.literals
        for second in other.literals
        for a in first.forms
        for b in second.forms
    )


def _meets(left: Tokens, right: Tokens) -> bool:
    """Whether an end of `left` is a beginning of `right`."""
    return any(left[-n:] == right[:n] for n in range(1, min(len(left), len(right)) + 1))
