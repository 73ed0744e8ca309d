"""Measures on sentence vectors: cosine of source and target, and the Vendi score of a side."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from builder.models import make_public_name, pin, resolve
from builder.statistics.blocks import centre_interval
from builder.statistics.diversity import SIDES
from builder.statistics.frame import Frame
from builder.statistics.measured import Measured
from builder.statistics.rowwise import measure_mean
from builder.statistics.words import Array
from dimsum.metrics.bootstrap import LEVEL, draw_resamples

if TYPE_CHECKING:
    from builder.critics.embedding import SentenceEncoder

VENDI_REPLICATES = 50


@cache
def load_encoder(reference: str) -> tuple[SentenceEncoder, str]:
    """An encoder, and its name with the commit or hash of its weights.

    Raises:
        BuilderError: it is missing or cannot be fetched.
    """
    from builder.critics.embedding import SentenceEncoder

    return SentenceEncoder.load(reference), name_model(reference)


def name_model(reference: str) -> str:
    """A model's public name with what identifies its weights."""
    identity = pin(resolve(reference)).identity.rpartition("@")[2]
    return f"{make_public_name(reference)} ({identity.removeprefix('sha256:')[:12]})"


def measure_cosine(frame: Frame, encoder: SentenceEncoder, name: str, size: int) -> Measured:
    """Mean cosine of the vectors of source and target over a sample."""
    rows = frame.sample(size, "cosine")
    sources, targets = frame.texts(rows)
    values = np.full(frame.rows, np.nan)
    values[rows] = (encoder.encode(sources) * encoder.encode(targets)).sum(axis=1)
    extra = {"encoder": f"{name}, mean pooled"}
    return measure_mean(frame, "cosine", values, sample="cosine", extra=extra)


def measure_vendi(
    frame: Frame, side: str, encoder: SentenceEncoder, name: str, size: int
) -> Measured:
    """Vendi score of a sample of one side."""
    rows = frame.sample(size, "vendi")
    vectors = encoder.encode(frame.texts(rows)[SIDES.index(side)]).astype(np.float64)
    value = vendi_score(vectors)
    low = high = None
    if len(rows) > 1:
        times = draw_resamples(len(rows), VENDI_REPLICATES, frame.seed).astype(np.intp)
        again = [vendi_score(np.repeat(vectors, one, axis=0)) for one in times]
        low, high = centre_interval(value, np.asarray(again))
    how = f"{LEVEL:.0%} centred bootstrap, {VENDI_REPLICATES} replicates"
    return Measured(
        "vendi",
        side,
        value,
        low,
        high,
        rows=len(rows),
        of=frame.rows,
        sample="vendi",
        seed=frame.seed,
        interval=how if low is not None else "none",
        extra={"encoder": f"{name}, mean pooled"},
    )


def vendi_score(vectors: Array) -> float:
    """exp of the entropy of the eigenvalues of K/n, K the cosines of unit vectors; 1 to n.

    The eigenvalues of X X^T / n are those of X^T X / n and zeros, so the smaller one is taken.
    """
    rows, width = vectors.shape
    gram = vectors.T @ vectors if width < rows else vectors @ vectors.T
    values = np.linalg.eigvalsh(gram / rows)
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum()))
