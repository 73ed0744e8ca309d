"""Control codes: how much a target shortens its source, and how freely it words it.

Source: arXiv 2305.16635 v1 and the code of that time. Two constants of the definition differ
between descriptions; both are parameters of `control_code`.
"""

from __future__ import annotations

from typing import Literal, get_args

from dimsum.tasks import Task

Control = Literal[
    "short-abstractive",
    "short-extractive",
    "long-abstractive",
    "long-extractive",
    "paraphrase",
]
CONTROLS: tuple[Control, ...] = get_args(Control)

SHORT_BELOW = 0.5
"""A summary with fewer than this share of its source's characters is short."""
EXTRACTIVE_FROM = 0.6
"""A summary is extractive from this value of max(density, ROUGE-L) on."""


def control_code(task: Task, compression: float, density: float, rouge_l: float) -> Control:
    """The control code of a pair.

    Args:
        task: paraphrases have one code whatever their wording.
        compression: characters of the target over characters of the source.
        density: squared lengths of shared fragments over characters of the target
            (`dimsum.metrics.overlap.density` with `per="character"`).
        rouge_l: ROUGE-L F1 of the target against the source, 0 to 1.
    """
    if task == "paraphrase":
        return "paraphrase"
    extractive = max(density, rouge_l) >= EXTRACTIVE_FROM
    if compression < SHORT_BELOW:
        return "short-extractive" if extractive else "short-abstractive"
    return "long-extractive" if extractive else "long-abstractive"
