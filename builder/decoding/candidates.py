"""What a beam asks of its row of log-probabilities, and what it gets: one more token."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from builder.decoding.automaton import State


@dataclass(slots=True)
class Cells:
    """What one beam asks of its row of log-probabilities.

    Attributes:
        hidden: tokens that get minus infinity.
        enders_hidden: all enders get it, but for those in `enders_shown`.
        enders_shown: see above.
        wanted: tokens that are candidates whatever their rank.
    """

    hidden: list[int] = field(default_factory=list)
    enders_hidden: bool = False
    enders_shown: list[int] = field(default_factory=list)
    wanted: list[int] = field(default_factory=list)


@dataclass
class Candidates:
    """One more token behind a beam, many times; arrays are [candidates].

    Attributes:
        beam, token: int64.
        logprob: float64, of the whole hypothesis.
        states: after the token.
        ending: bool, the hypothesis ends with it.
        urgent: bool, demanded, and any other token would leave too little length.
        likely: bool, among the `beams` most likely cells of beams x vocabulary (1a).
    """

    beam: NDArray[np.int64]
    token: NDArray[np.int64]
    logprob: NDArray[np.float64]
    states: list[State]
    ending: NDArray[np.bool_]
    urgent: NDArray[np.bool_]
    likely: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.states)

    def select(self, mask: NDArray[np.bool_]) -> Candidates:
        """Those where the mask is true, in their order."""
        return Candidates(
            self.beam[mask],
            self.token[mask],
            self.logprob[mask],
            list(compress(self.states, mask)),
            self.ending[mask],
            self.urgent[mask],
            self.likely[mask],
        )
