"""What spaCy's analysis says of one English sentence: words, relations, verbs, hedges, faults.

Everything here is of a sentence alone; the measures in `builder.measures` compare two of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from builder.sentences import load_nlp

OF_ANALYSIS = ("spacy",)
"""Libraries whose versions change what is found in a sentence."""


def _read_words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CONTENT = frozenset({"NOUN", "PROPN", "VERB", "ADJ", "NUM", "ADV"})
"""Parts of speech that carry content."""
LIGHT = _read_words("be have do get also so then just very really too")
"""Lemmas of these parts of speech that say next to nothing."""
MODALITY = {
    "can": "able",
    "could": "possible",
    "may": "possible",
    "might": "possible",
    "must": "necessary",
    "ought": "necessary",
    "shall": "future",
    "should": "necessary",
    "will": "future",
    "'ll": "future",
    "would": "conditional",
    "'d": "conditional",
}
"""What an auxiliary makes of its verb."""
RAISING = {
    "possible": "seem appear likely suppose believe say claim think",
    "intended": "try attempt want hope plan intend aim expect design",
    "necessary": "need have",
    "able": "able",
    "future": "go",
    "begun": "begin start continue",
    "helped": "help allow",
}
"""Heads of an infinitive or a clause that do not say that it happens, by what they make of it."""
HEDGES = _read_words(
    "about allegedly almost apparently approximately around arguably believe claim consider "
    "estimate expect feel generally guess hope likely mainly maybe mostly nearly often partly "
    "perhaps possible possibly potentially predict presumably probably report reportedly roughly "
    "seem seemingly sometimes suggest suppose tend think typically unlikely usually virtually"
)
"""Lemmas that weaken a claim."""
REPORTING = _read_words(
    "accord add announce argue ask believe claim conclude declare explain feel find insist note "
    "report say state suggest tell think warn write"
)
"""Verbs by which a claim is somebody's and not the writer's."""
ASIDES = REPORTING | _read_words("admit bet fear guess know mean predict promise see suppose")
"""Verbs whose short clause may stand beside another behind a comma alone: "I mean, he left"."""
RELATIVES = _read_words("when where which who whose")
"""What opens a clause that describes the noun before it."""
COORDINATORS = _read_words("and but nor or so yet")
"""What joins two main clauses behind a comma."""
QUANTIFIERS = _read_words(
    "all any both each enough every few fewer half least less little many more most much no none "
    "only several some"
)
_NUMBER = (
    r"[\w.,%$-]*\d[\w.,%$-]*|one|two|three|four|five|six|seven|eight|nine|ten|dozen|hundred|"
    r"thousand|million|billion|half"
)
COMPARED = re.compile(
    r"\b(more than|less than|fewer than|at least|at most|up to|as many as|over|under|nearly|"
    rf"almost|about|around|only|exactly|roughly|approximately)\s+(?:an?\s+)?({_NUMBER})",
    re.IGNORECASE,
)
"""A number and what it is compared by."""
CONTRAST = re.compile(
    r"\b(but|however|although|though|instead|rather|yet|while|whereas|despite|unless|except|"
    r"without|not only|if)\b",
    re.IGNORECASE,
)
"""What opens a contrast, an exception or a condition."""
FINITE = "(verb)"
"""In the place of a first word: the sentence begins with a finite verb."""
UNUSED = ("ner",)
"""Parts of the pipeline that nothing here reads."""
_HEADS = {lemma: kind for kind, lemmas in RAISING.items() for lemma in lemmas.split()}
_SUBJECTS = frozenset({"nsubj", "nsubjpass", "csubj", "csubjpass", "expl"})
_ARGUMENTS = frozenset({"nsubj", "nsubjpass", "dobj", "attr", "acomp", "xcomp", "ccomp"})
_RELATIONS = {
    "nsubj": "subject",
    "csubj": "subject",
    "dobj": "object",
    "nsubjpass": "object",
    "csubjpass": "object",
    "attr": "is",
    "acomp": "is",
    "oprd": "is",
    "dative": "to",
    **{name: name for name in ("amod", "compound", "nummod", "poss", "advmod", "neg")},
    **{name: name for name in ("xcomp", "ccomp", "advcl", "acl")},
}
Kind = Literal["", "conjunct", "aside", "restriction", "argument"]
"""What a part of a sentence is to the word that it hangs on: of equal rank, set off by a comma,
what makes a claim narrower, or what the word needs; empty for the rest."""
_CLAUSES = frozenset({"relcl", "advcl", "acl", "appos", "parataxis", "prep", "npadvmod", "advmod"})
_NARROWING = frozenset({"amod", "nummod", "compound", "poss", "quantmod", "neg", "nmod", "predet"})
_NEEDED = _read_words(
    "nsubj nsubjpass csubj csubjpass dobj attr acomp oprd xcomp ccomp pobj pcomp dative agent prt"
)
_DANGLING = frozenset({"ADP", "DET", "CCONJ", "SCONJ", "AUX", "PART"})

Relation = tuple[str, str, str]
"""(lemma of the head, relation, lemma of the dependent)."""


@dataclass(frozen=True, slots=True)
class Verb:
    """How a verb is said."""

    modality: str
    negated: bool
    tense: str


@dataclass(frozen=True, slots=True)
class Analysis:
    """One sentence.

    Attributes:
        words: lemmas of its content words, in order, with repeats.
        relations: who does what to whom; passives are turned, conjuncts share their head.
        verbs: by lemma.
        quantities: quantifiers, and numbers with what they are compared by.
        hedges: lemmas that weaken a claim.
        reporting: lemmas of verbs by which a claim is somebody's.
        contrasts: what opens a contrast, an exception or a condition.
        main: lemmas of the main verb and its arguments.
        finite: finite main clauses.
        faults: what is not well formed, by name.
        splices: main clauses that a comma alone joins to another one.
        opening: its first word in lower case, "(verb)" for a finite verb.
        described: the words by which clauses behind a comma describe what stands before it.
        tokens: in lower case.
        heads: the position of each token's head; the root is its own.
        kinds: what each token, with all that hangs on it, is to its head.
        sentences: lemmas of the content words of each sentence; of one sentence there is one.
        plain: its content words that are no names or numbers, in lower case.
        depth: edges from the root to the token farthest from it.
    """

    words: tuple[str, ...]
    relations: frozenset[Relation]
    verbs: dict[str, Verb]
    quantities: frozenset[str]
    hedges: frozenset[str]
    reporting: frozenset[str]
    contrasts: frozenset[str]
    main: frozenset[str]
    finite: int
    faults: tuple[str, ...]
    splices: int
    opening: str
    described: frozenset[str]
    tokens: tuple[str, ...]
    heads: tuple[int, ...]
    kinds: tuple[Kind, ...]
    sentences: tuple[frozenset[str], ...]
    plain: tuple[str, ...]
    depth: int


def analyse_all(texts: list[str]) -> list[Analysis]:
    """Parse sentences and gather what each says.

    Raises:
        BuilderError: spaCy's English pipeline is not installed.
    """
    pipeline = load_nlp()
    with pipeline.select_pipes(disable=[name for name in UNUSED if name in pipeline.pipe_names]):
        return [_gather(list(parsed), parsed.text) for parsed in pipeline.pipe(texts)]


def _gather(tokens: list[Any], text: str) -> Analysis:
    lemmas = {_find_lemma(token) for token in tokens}
    content = [t for t in tokens if t.pos_ in CONTENT and _find_lemma(t) not in LIGHT]
    verbs = [t for t in tokens if t.pos_ in {"VERB", "AUX"} and t.dep_ not in {"aux", "auxpass"}]
    root = next((token for token in tokens if token.dep_ == "ROOT"), None)
    return Analysis(
        words=tuple(_find_lemma(token) for token in content),
        relations=frozenset(relation for token in tokens for relation in _find_relations(token)),
        verbs={_find_lemma(token): _describe_verb(token) for token in verbs},
        quantities=_find_quantities(tokens, text),
        hedges=frozenset(lemmas & HEDGES),
        reporting=frozenset(_find_lemma(t) for t in tokens if t.pos_ == "VERB") & REPORTING,
        contrasts=frozenset(found.group(1).lower() for found in CONTRAST.finditer(text)),
        main=frozenset() if root is None else frozenset(_list_main(root)),
        finite=sum(_is_finite(token) for token in tokens if token.dep_ in {"ROOT", "conj"}),
        faults=tuple(_find_faults(tokens, text, root)),
        splices=sum(map(_is_spliced, tokens)),
        opening=_find_opening(tokens),
        described=frozenset(
            after.lower_
            for comma, after in pairwise(tokens)
            if comma.text == "," and after.lower_ in RELATIVES
        ),
        tokens=tuple(token.lower_ for token in tokens),
        heads=tuple(token.head.i for token in tokens),
        kinds=tuple(_choose_kind(token) for token in tokens),
        sentences=tuple(_split_by_sentence(tokens, content)),
        plain=tuple(t.lower_ for t in content if t.pos_ not in {"PROPN", "NUM"} and t.is_alpha),
        depth=max((sum(1 for _ in token.ancestors) for token in tokens), default=0),
    )


def _split_by_sentence(tokens: list[Any], content: list[Any]) -> Iterator[frozenset[str]]:
    """Lemmas of the content words of each sentence that has any word."""
    for sentence in tokens[0].doc.sents if tokens else ():
        if any(token.is_alpha or token.like_num for token in sentence):
            inside = range(sentence.start, sentence.end)
            yield frozenset(_find_lemma(token) for token in content if token.i in inside)


def _find_lemma(token: Any) -> str:
    return str(token.lemma_ or token.text).lower()


def _find_argument(token: Any) -> str:
    """The lemma of an argument; a relative pronoun stands for its noun."""
    if token.tag_ in {"WDT", "WP"} and token.head.dep_ == "relcl":
        return _find_lemma(token.head.head)
    return _find_lemma(token)


def _find_relations(token: Any) -> list[Relation]:
    """The relations that a token is the dependent of."""
    first = token
    while first.dep_ == "conj" and first.head is not first:
        first = first.head
    head = first.head
    if first.dep_ == "pobj" and head.dep_ == "agent":
        relation, head = "subject", head.head
    elif first.dep_ == "pobj":
        relation, head = _find_lemma(head), head.head
    elif first.dep_ in _RELATIONS:
        relation = _RELATIONS[first.dep_]
    else:
        return []
    found = [(_find_lemma(head), relation, _find_argument(token))]
    if relation == "subject":  # of the verbs beside it too, unless they have one of their own
        found += [
            (_find_lemma(other), relation, _find_argument(token))
            for other in head.conjuncts
            if not any(child.dep_ in _SUBJECTS for child in other.children)
        ]
    return found


def _describe_verb(token: Any) -> Verb:
    children = list(token.children)
    modality = next((MODALITY[c.lower_] for c in children if c.lower_ in MODALITY), "")
    if token.dep_ in {"xcomp", "ccomp"}:
        modality = modality or _HEADS.get(_find_lemma(token.head), "")
    helpers = [child for child in children if child.dep_ in {"aux", "auxpass"}]
    tense = "".join(token.morph.get("Tense") or token.morph.get("VerbForm"))
    if helpers:
        tense = "".join(helpers[0].morph.get("Tense") or tense) + "+"
    negated = any(child.dep_ == "neg" or child.lower_ == "never" for child in children)
    return Verb(modality, negated, tense)


def _choose_kind(token: Any) -> Kind:
    if token.dep_ == "conj":
        return "conjunct"
    if token.dep_ in _CLAUSES:
        first = token.left_edge.i
        return "aside" if first and token.doc[first - 1].text in {",", ";", ":"} else "restriction"
    if token.dep_ in _NARROWING:
        return "restriction"
    return "argument" if token.dep_ in _NEEDED else ""


def _is_finite(token: Any) -> bool:
    helpers = [child for child in token.children if child.dep_ in {"aux", "auxpass"}]
    return any("Fin" in one.morph.get("VerbForm") or one.tag_ == "MD" for one in [token, *helpers])


def _is_spliced(token: Any) -> bool:
    """Whether a token heads a main clause that a comma alone joins to that of its own head.

    The parser takes the first of two such clauses for a complement of the second, or the second
    for a conjunct of the first.
    """
    head = token.head
    if token.dep_ not in {"ccomp", "parataxis", "conj"} or not (
        _is_clause(token) and _is_clause(head)
    ):
        return False
    opens = token.left_edge
    if opens.tag_ in {"IN", "WDT", "WP", "WP$", "WRB"} and opens.dep_ != "prep":
        return False
    if any(child.dep_ == "mark" for child in token.children):
        return False
    if token.i < head.i:
        behind = token.doc[token.right_edge.i + 1 : token.right_edge.i + 3]
        return (
            token.dep_ != "conj"
            and token.left_edge.i <= 1  # behind an opening quotation mark
            and len(behind) == 2
            and behind[0].text == ","
            and behind[1].lower_ not in COORDINATORS
            and not {_find_lemma(token), _find_lemma(head)} & ASIDES
        )
    if token.dep_ == "ccomp" or not opens.i or token.doc[opens.i - 1].text != ",":
        return False
    if token.dep_ == "parataxis" and _find_lemma(token) in ASIDES:
        return False
    # "A, B, and C": the coordinator stands before the last of them.
    joined = any(c.dep_ == "cc" for c in token.children) or any(
        c.dep_ == "cc" and head.i < c.i < token.i for c in head.children
    )
    return not joined and not any(child.dep_ == "conj" for child in token.children)


def _is_clause(token: Any) -> bool:
    """Whether a token heads a clause of its own: a finite verb with a subject."""
    return (
        token.pos_ in {"VERB", "AUX"}
        and _is_finite(token)
        and any(child.dep_ in _SUBJECTS for child in token.children)
    )


def _find_opening(tokens: list[Any]) -> str:
    if not tokens:
        return ""
    return FINITE if tokens[0].tag_ in {"MD", "VBD", "VBP", "VBZ"} else str(tokens[0].lower_)


def _list_main(root: Any) -> list[str]:
    found = [_find_lemma(root)]
    for child in root.children:
        if child.dep_ in _ARGUMENTS:
            found.append(_find_lemma(child))
        elif child.dep_ in {"prep", "agent"}:
            found += [_find_lemma(one) for one in child.children if one.dep_ == "pobj"]
    return found


def _find_quantities(tokens: list[Any], text: str) -> frozenset[str]:
    compared = {" ".join(found.groups()).lower() for found in COMPARED.finditer(text)}
    return frozenset(compared | {token.lower_ for token in tokens if token.lower_ in QUANTIFIERS})


def _find_faults(tokens: list[Any], text: str, root: Any) -> list[str]:
    found = []
    if text.count('"') % 2 or text.count("“") != text.count("”"):
        found.append("quotes")
    if text.count("(") != text.count(")") or text.count("[") != text.count("]"):
        found.append("brackets")
    children = [] if root is None else list(root.children)
    clauses = [child for child in children if child.dep_ in {"ccomp", "conj"}]
    if root is None or not any(map(_is_finite, [root, *clauses])):
        found.append("no_finite_verb")
    elif not any(child.dep_ in _SUBJECTS for child in children):
        found.append("no_subject")
    if text[:1].islower():
        found.append("lower_case")
    words = [token for token in tokens if not token.is_punct and not token.is_space]
    if words and words[-1].pos_ in _DANGLING and words[-1].dep_ != "prt":
        found.append("dangling")
    low = [token.lower_ for token in words]
    threes = list(zip(low, low[1:], low[2:], strict=False))
    if len(threes) != len(set(threes)):
        found.append("repeated")
    if low[:1] and low[0] in {"and", "but", "or", "so", "because", "which"}:
        found.append("opening")
    return found
