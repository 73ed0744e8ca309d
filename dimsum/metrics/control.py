"""Whether an output is what its control code asked for."""

from __future__ import annotations

from collections.abc import Sequence

from dimsum.controls import EXTRACTIVE_FROM, SHORT_BELOW
from dimsum.metrics.overlap import compression, density, fragments, rouge_l, tokens

LONG_BELOW = 0.8
"""From this share of its source's characters on, an output is no summary any more."""


def length_of(source: str, output: str) -> str | None:
    """short, long, or None for an output that is no summary (empty, or hardly shorter)."""
    ratio = compression(source, output)
    if not output or ratio >= LONG_BELOW:
        return None
    return "short" if ratio < SHORT_BELOW else "long"


def style_of(source: str, output: str) -> str | None:
    """abstractive or extractive, as `dimsum.controls` defines them; None for an empty output."""
    if not output:
        return None
    words, said = tokens(source), tokens(output)
    shared = density(fragments(words, said), output, per="character")
    extractive = max(shared, rouge_l(words, said)) >= EXTRACTIVE_FROM
    return "extractive" if extractive else "abstractive"


def obeyed(
    sources: Sequence[str], outputs: Sequence[str], requests: Sequence[str]
) -> dict[str, float | None]:
    """Shares of outputs that have the length, the style, and both, that their codes name.

    Args:
        requests: control codes; a paraphrase has neither length nor style and is left out.

    Returns:
        `length`, `style` and `control` (both), each 0 to 1; None where no code asks for it.
    """
    hits: list[tuple[bool, bool]] = []
    for source, output, request in zip(sources, outputs, requests, strict=True):
        length, _, style = request.partition("-")
        if style:
            hits.append((length_of(source, output) == length, style_of(source, output) == style))
    if not hits:
        return {"length": None, "style": None, "control": None}
    return {
        "length": sum(a for a, _ in hits) / len(hits),
        "style": sum(b for _, b in hits) / len(hits),
        "control": sum(a and b for a, b in hits) / len(hits),
    }
