"""What happens to ordered pairs before and beside the rules: bounds, scores, repeats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo

from builder.config.bounds import Rules
from builder.validity.settings import PriorConfig
from dimsum.settings import Settings, place_in_folder


def _find_or_name(reference: str | None, info: ValidationInfo) -> str | None:
    """A reference as a path where there is something, or where only a path looks like that."""
    if reference is None:
        return None
    path = place_in_folder(Path(reference), info)
    return str(path) if path.exists() or reference.startswith((".", "/", "~")) else reference


class PairsConfig(Settings):
    """Which ordered pairs are worth a critic: wide bounds on cheap measures, for each task.

    They must enclose the rules. The distance between the two is what `dimsum rescore` can explore
    without a model.
    """

    bounds: dict[str, Rules]
    encoder: str | None = Field(
        None, description="sentence encoder for measures of embeddings; empty: not measured"
    )
    keep_rejects: int = Field(
        100_000,
        ge=0,
        description="rejected pairs of a shard stored as rows; beyond it a sample of each reason",
    )


class ScoresConfig(Settings):
    """What the critic scores."""

    prior: PriorConfig | None = Field(None, description="empty: every pair inside the bounds")

    floor: float = Field(
        0.5, ge=0, lt=1, description="below it in one direction, the other is not scored"
    )
    link_cosine: float = Field(
        0.5, ge=-1, le=1, description="sentences less alike are never compared as duplicates"
    )


class DuplicatesConfig(Settings):
    """Repeats inside a context and across the corpus."""

    entailment: float | None = Field(
        None, ge=0, le=1, description="edge of the graph; empty: entailment is the likeliest label"
    )
    within: Literal["task", "control"] | None = Field(
        None,
        description="what is compared: all pairs of a task, or those of one control code; empty: "
        "as the task's definition says",
    )
    jaccard: float = Field(0.8, gt=0, le=1, description="word 3-shingles, over the whole corpus")
    against: Annotated[str | None, AfterValidator(_find_or_name)] = Field(
        None,
        description="another release, whose rows stay before those of this build: a folder, a run "
        "or a Hub dataset NS/NAME@REVISION; empty: none",
    )
    max_drop: float = Field(
        0.9, ge=0, le=1, description="a larger share of near-duplicates stops the build"
    )
    buckets: int = Field(
        16, ge=1, le=65536, description="parts of the search; more take less memory at a time"
    )
    group: int = Field(
        1000,
        ge=2,
        description="pairs that meet under one key and are all compared; of more, each "
        "with half as many",
    )
