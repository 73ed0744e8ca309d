"""What measures syntax control: sentences built like the references, and trees without them.

AESOP (Sun et al. 2021) has two modes. For the sets where people wrote an exemplar for each
reference it takes the exemplar's tree; where there are none, each exemplar is drawn here from a
pool: the sentence whose tree is nearest to the reference's, of those that share few words with
source and reference. In the other mode it knows no reference, and retrieves trees that targets of
its training pairs have where their source is built like this one. English only.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from dimsum.errors import UsageError
from dimsum.syntax.parsers import Parser
from dimsum.syntax.tree import TOP, Parse, linearise, measure_distance

Key = TypeVar("Key")

MOST_SHARED = 0.25
"""Share of a sentence's content words that its exemplar may have too."""
CONTENT = frozenset({"NOUN", "PROPN", "VERB", "ADJ", "NUM", "ADV"})
ROUGE = {"rouge1": 0.2, "rouge2": 0.3, "rougeL": 0.5}
"""How alike two trees in brackets are: the weights of AESOP's code."""


def find_content_words(texts: Sequence[str]) -> list[frozenset[str]]:
    """Lemmas of the content words of each text.

    Raises:
        ModelError: spaCy's English pipeline is not installed.
    """
    from dimsum.english import load_nlp

    pipeline = load_nlp()
    idle = [name for name in ("parser", "ner") if name in pipeline.pipe_names]
    with pipeline.select_pipes(disable=idle):
        return [
            frozenset(t.lemma_.lower() for t in document if t.pos_ in CONTENT)
            for document in pipeline.pipe(texts, batch_size=64)
        ]


def choose_nearest_exemplars(
    sources: Sequence[str],
    references: Sequence[str],
    pool: Sequence[str],
    parser: Parser,
    height: int = TOP,
) -> list[str]:
    """An exemplar for each reference: the nearest of the pool by tree distance.

    The distance is that of the first `height` layers, and of equal ones that of whole trees; of
    equally near ones the first is taken. Sentences with more than `MOST_SHARED` of the content
    words of the source or of the reference are passed over, and those without a parse.

    Raises:
        UsageError: no sentence of the pool shares few enough words with a reference, or a
            reference has no parse.
        ModelError: spaCy's English pipeline is not installed.
    """
    count = len(sources)
    words = find_content_words([*sources, *references, *pool])
    trees = parser.parse([*references, *pool])
    offered: dict[str, list[int]] = defaultdict(list)
    """Places of the pool by their first layers, which many share."""
    tops: dict[str, Labelled] = {}
    for index, tree in enumerate(trees[count:]):
        if tree is not None:
            top = tree.trim(height)
            offered[str(top)].append(index)
            tops.setdefault(str(top), Labelled.of(top))
    found = []
    for number, tree in enumerate(trees[:count]):
        own = (words[number], words[count + number])
        free = {
            top: few
            for top, indices in offered.items()
            if (
                few := [
                    index
                    for index in indices
                    if not any(_shares_much(one, words[2 * count + index]) for one in own)
                ]
            )
        }
        if tree is None or not free:
            raise UsageError(
                f"no sentence of the pool could be an exemplar of {references[number][:60]!r}",
                hint="give a larger pool, of other sentences",
            )
        near = find_nearest(Labelled.of(tree.trim(height)), {top: tops[top] for top in free})
        wholes = {
            index: Labelled.of(whole)
            for top in near
            for index in free[top]
            if (whole := trees[count + index]) is not None
        }
        found.append(min(find_nearest(Labelled.of(tree), wholes)))
    return [pool[index] for index in found]


@dataclass(frozen=True)
class Labelled:
    """A tree and how often each label is in it."""

    tree: Parse
    labels: Counter[str]

    @classmethod
    def of(cls, tree: Parse) -> Labelled:
        """With its labels counted."""
        return cls(tree, Counter(node.name for node in tree.tree.nodes()))

    def least(self, other: Labelled) -> int:
        """A bound from below on the distance: the labels that one of the two has to be given."""
        common = (self.labels & other.labels).total()
        return max(self.labels.total(), other.labels.total()) - common


def find_nearest(tree: Labelled, offered: Mapping[Key, Labelled]) -> list[Key]:
    """All of the nearest; those that cannot be nearer than another one are not compared."""
    bounds = {key: tree.least(other) for key, other in offered.items()}
    best, found = float("inf"), list[Key]()
    for key in sorted(offered, key=bounds.__getitem__):
        if bounds[key] > best:
            break
        apart = measure_distance(tree.tree, offered[key].tree)
        if apart < best:
            best, found = apart, []
        if apart == best:
            found.append(key)
    return found


def retrieve_trees(
    sources: Sequence[str],
    pairs: Sequence[tuple[str, str]],
    parser: Parser,
    height: int = TOP,
) -> list[str]:
    """A tree for each source without its reference, in brackets; empty where it has no parse.

    Of all trees of the pairs' sentences, trimmed to `height`, the one that is most like the
    source's (ROUGE of the brackets, weighted as `ROUGE` says; the first of equal ones), and of the
    trees that it stands beside in a pair the most frequent one. AESOP draws ten by their frequency
    and has the best output chosen; here it is one.

    Raises:
        UsageError: no pair has two parses.
        ModelError: the parser is not installed.
    """
    from rouge_score.rouge_scorer import RougeScorer

    def trimmed(texts: Sequence[str]) -> list[str]:
        return [
            "" if tree is None else linearise(tree.trim(height).tree)
            for tree in parser.parse(texts)
        ]

    partners: dict[str, Counter[str]] = defaultdict(Counter)
    flat = trimmed([text for pair in pairs for text in pair])
    for a, b in zip(flat[::2], flat[1::2], strict=True):
        if a and b:
            partners[a][b] += 1
            partners[b][a] += 1
    if not partners:
        raise UsageError(
            "no pair has a tree on both sides", hint="give other pairs to retrieve from"
        )
    scorer = RougeScorer(list(ROUGE), tokenizer=_Labels())

    def like(a: str, b: str) -> float:
        scores = scorer.score(a, b)
        return float(sum(weight * scores[name].fmeasure for name, weight in ROUGE.items()))

    owns = trimmed(sources)
    found: dict[str, str] = {"": ""}
    for own in dict.fromkeys(filter(None, owns)):
        nearest = max(partners, key=lambda other: like(own, other))
        found[own] = partners[nearest].most_common(1)[0][0]
    return [found[own] for own in owns]


class _Labels:
    """Brackets as tokens for ROUGE: they say what is below what."""

    def tokenize(self, text: str) -> list[str]:
        return text.replace("(", "( ").replace(")", " )").split()


def _shares_much(words: frozenset[str], others: frozenset[str]) -> bool:
    return len(words & others) > MOST_SHARED * len(words)


def shuffle_exemplars(
    exemplars: Sequence[str], takes: Callable[[int, str], bool], seed: int = 0, tries: int = 100
) -> list[str]:
    """The exemplars of other examples, drawn at random.

    Args:
        takes: whether the example of that number can be asked for that exemplar.
        tries: draws for an example; after them the last stands.
    """
    rng = random.Random(seed)
    found = []
    for number, own in enumerate(exemplars):
        others = (exemplars[rng.randrange(len(exemplars))] for _ in range(tries))
        other = own
        for other in others:
            if other != own and takes(number, other):
                break
        found.append(other)
    return found
