"""Control codes that come more evenly than the pairs have them.

A student learns a code by its examples; of a corpus with ten long summaries for each short one it
learns to write long. Pairs of rarer codes are therefore repeated. Source of the power: the sampling
of languages by Arivazhagan et al. (2019), Massively Multilingual Neural Machine Translation in the
Wild, whose temperature T is 1 / (1 - balance).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from dimsum.training.examples import Examples


def count_repeats(codes: Sequence[str], balance: float) -> list[int]:
    """How often each example comes in an epoch.

    With n examples of a code and m of the most frequent one, m (n / m)^(1 - balance) come of it.
    What is left of that after whole passes over its examples falls on its first ones.

    Args:
        codes: of the examples, in order.
        balance: 0 takes each example once, 1 takes all codes equally often.

    Returns:
        a number an example, each at least 1.
    """
    counts = Counter(codes)
    most = max(counts.values(), default=0)
    wanted = {code: round(most * (n / most) ** (1 - balance)) for code, n in counts.items()}
    seen: Counter[str] = Counter()
    found = []
    for code in codes:
        whole, rest = divmod(wanted[code], counts[code])
        found.append(whole + (seen[code] < rest))
        seen[code] += 1
    return found


def balance_codes(examples: Examples, codes: Sequence[str], balance: float) -> Examples:
    """The examples, those of rarer codes as often as `count_repeats` says."""
    if not balance:
        return examples
    times = count_repeats(codes, balance)
    rows = (examples.row(i) for i, often in enumerate(times) for _ in range(often))
    found = Examples(rows, causal=examples.causal)
    if examples.weights is not None:
        found.weights = np.repeat(examples.weights, times)
    return found
