"""How an output words its source: length, copied fragments, new n-grams, plain copies."""

from __future__ import annotations

from collections.abc import Sequence

from dimsum import __version__
from dimsum.metrics.measured import Measured, measure_mean
from dimsum.metrics.overlap import compression, coverage, density, find_fragments
from dimsum.metrics.words import count_other, split_words

NOVEL = (1, 2, 3)


def measure_novel_share(source: Sequence[str], output: Sequence[str], size: int) -> float | None:
    """Share of the output's distinct n-grams that the source has not; None if it has none."""
    mine = {tuple(output[i : i + size]) for i in range(len(output) - size + 1)}
    theirs = {tuple(source[i : i + size]) for i in range(len(source) - size + 1)}
    return len(mine - theirs) / len(mine) if mine else None


def measure_wording(outputs: Sequence[str], sources: Sequence[str]) -> list[Measured]:
    """Compression, density, coverage, novel n-grams (percent) and the rate of copies (percent)."""
    about = f"dimsum-plus {__version__}, mean"
    if others := count_other([*outputs, *sources]):
        about += f", {others} texts that are not Latin by Unicode words or characters"
    pairs = [(split_words(s), split_words(o)) for s, o in zip(sources, outputs, strict=True)]
    shared = [find_fragments(source, output) for source, output in pairs]
    ratios = [compression(s, o) for s, o in zip(sources, outputs, strict=True)]
    dense = [density(part, output) for part, output in zip(shared, outputs, strict=True)]
    covered = [coverage(part, output) for part, (_, output) in zip(shared, pairs, strict=True)]
    copied = [100.0 * (source == output) for source, output in pairs]
    found = [
        measure_mean("compression", ratios, f"characters of output over source, {about}", ""),
        measure_mean("density", dense, f"squared fragments over the output's tokens, {about}", ""),
        measure_mean("coverage", covered, f"share of tokens in shared fragments, {about}", ""),
        measure_mean(
            "copy_rate", copied, f"percent with the source's very tokens, {about}", "lower"
        ),
    ]
    for size in NOVEL:
        shares = [measure_novel_share(source, output, size) for source, output in pairs]
        values = [100 * (share or 0.0) for share in shares]
        text = f"percent of distinct {size}-grams not in the source, none counts 0, {about}"
        found.append(measure_mean(f"novel_{size}grams", values, text, ""))
    return found
