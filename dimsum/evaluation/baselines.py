"""Systems that know nothing: what any student has to be better than."""

from __future__ import annotations

import random
from collections.abc import Sequence

from dimsum.errors import UsageError
from dimsum.evaluation.data import Example
from dimsum.metrics.words import find_spans

BASELINES = ("copy", "lead", "random")


def write_baseline(name: str, examples: Sequence[Example], seed: int = 0) -> list[str]:
    """Outputs of a built-in baseline.

    copy is the source; lead its first k words, k being the mean length of the references; random
    the first reference of another example.

    Raises:
        UsageError: an unknown name, or random on a single example.
    """
    if name == "copy":
        return [example.source for example in examples]
    if name == "lead":
        words = count_lead_words(examples)
        return [_take_first_words(example.source, words) for example in examples]
    if name == "random":
        return draw_random_pairs(examples, seed)
    raise UsageError(f"no baseline is called {name!r}", hint=f"known: {', '.join(BASELINES)}")


def _take_first_words(text: str, count: int) -> str:
    ends = [end for _, end in find_spans(text)]
    return " ".join(text[: ends[min(count, len(ends)) - 1]].split()) if ends else ""


def count_lead_words(examples: Sequence[Example]) -> int:
    """Mean words of all references, rounded, at least one."""
    lengths = [len(find_spans(ref)) for example in examples for ref in example.references]
    return max(1, round(sum(lengths) / len(lengths)))


def draw_random_pairs(examples: Sequence[Example], seed: int) -> list[str]:
    """The first reference of another example: a random cycle, so that nobody keeps its own."""
    if len(examples) < 2:
        raise UsageError(
            "a random pair needs at least two examples",
            hint="give more data, or leave this baseline out",
        )
    order = list(range(len(examples)))
    random.Random(seed).shuffle(order)
    outputs = [""] * len(examples)
    for here, there in zip(order, [*order[1:], order[0]], strict=True):
        outputs[here] = examples[there].references[0]
    return outputs
