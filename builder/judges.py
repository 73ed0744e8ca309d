"""The critic as a judge of students."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from builder.models import public_name

if TYPE_CHECKING:
    from dimsum.evaluation.measure import Critic


def entailment_critic(reference: str) -> Critic:
    """An entailment critic as `dimsum.evaluation` takes it.

    Raises:
        BuilderError: it cannot be loaded, or fails its start-up checks.
    """
    from builder.config import CriticConfig
    from builder.critics.entailment import EntailmentCritic
    from builder.critics.windows import describe_long
    from dimsum.evaluation.measure import Critic

    loaded = EntailmentCritic.load(CriticConfig(model=reference))

    def score(pairs: Sequence[tuple[str, str]]) -> np.ndarray[Any, Any]:
        found: np.ndarray[Any, Any] = loaded.score(list(pairs))[:, 0]
        return found

    def long() -> str:
        said = describe_long(loaded.long)
        loaded.long.clear()
        return said

    return Critic(score, f"{public_name(reference)} ({loaded.identity[:19]})", long)
