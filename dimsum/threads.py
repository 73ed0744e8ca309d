"""How many threads torch computes with on a CPU."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""Whoever sets one of them has decided."""
ROUNDS = 12
MOST_SECONDS = 1.0
"""Rounds end after that, once there are `LEAST_ROUNDS`."""
LEAST_ROUNDS = 3
GAIN = 1.1
"""How many times faster more threads have to be to be worth taking."""
_decided: list[int] = []


def use_threads(count: int) -> None:
    """Compute with so many threads from now on, whatever would measure fastest."""
    import torch

    torch.set_num_threads(count)
    _decided[:] = [count]


def use_fastest_threads() -> int:
    """Compute with as many threads as measure fastest; measured once a process. Returns them.

    The threads of a product wait for each other: where other work has one of the cores, all of
    them wait for it, and one thread alone may be several times as fast. Where the number is set by
    one of `VARIABLES`, or an accelerator computes, nothing is measured.
    """
    import torch

    if not _decided:
        there = torch.get_num_threads()
        elsewhere = torch.cuda.is_available() or torch.backends.mps.is_available()
        if there > 1 and not elsewhere and not any(map(os.environ.get, VARIABLES)):
            counts = [2**power for power in range(there.bit_length()) if 2**power < there] + [there]
            there = pick_fastest(counts, time_threads(counts))
        use_threads(there)
    return torch.get_num_threads()


def pick_fastest(counts: Sequence[int], seconds: Sequence[float]) -> int:
    """The count with the least seconds, or a lower one that is about as fast.

    Args:
        counts: of threads, rising.
        seconds: of the same work with each.
    """
    enough = min(seconds) * GAIN
    return next(count for count, took in zip(counts, seconds, strict=True) if took <= enough)


def time_threads(counts: Sequence[int], rows: int = 256) -> list[float]:
    """Seconds of the same matrix products with each count of threads, which take turns.

    What they waited for other work counts too.

    Args:
        rows: of the left matrix, which is (rows, 576); the right one is (576, 1536).
    """
    import torch

    before, began = torch.get_num_threads(), time.perf_counter()
    left, right = torch.ones(rows, 576), torch.ones(576, 1536)
    seconds = [0.0] * len(counts)
    for number in range(ROUNDS):
        if number >= LEAST_ROUNDS and time.perf_counter() - began > MOST_SECONDS:
            break
        for index, count in enumerate(counts):
            torch.set_num_threads(count)
            left @ right  # threads that slept are awake then
            started = time.perf_counter()
            left @ right
            seconds[index] += time.perf_counter() - started
    torch.set_num_threads(before)
    return seconds
