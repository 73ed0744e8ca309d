"""scores: the critic reads the pairs that are left, in the order that spares it most.

A pair needs both directions; the one likelier to fail goes first, and the other is only scored
if the first reaches the floor. For a pair that could be a summary the forward direction decides;
one that could only be a paraphrase falls most often where the shorter sentence would have to
entail the longer.

The stage also scores what the duplicate graph will ask for, sources against sources and targets
against targets, between pairs above the floor that share neither. Decisions and duplicates can
then be taken again under other rules without a model.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations, groupby
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from builder.pool import ModelPool
from builder.stages.base import Rows, Stage, Work, extended, schema_of, table_of, with_rejects
from builder.stages.pairs import REJECTED as PAIR_REJECTED
from builder.stages.pairs import SCHEMA as PAIR_SCHEMA
from builder.store import Output

if TYPE_CHECKING:
    from builder.critics.entailment import EntailmentCritic

SCHEMA = extended(
    PAIR_SCHEMA,
    entail_forward=pa.float32(),
    neutral_forward=pa.float32(),
    entail_backward=pa.float32(),
    neutral_backward=pa.float32(),
)
REJECTED = extended(PAIR_REJECTED, entail_forward=pa.float32(), entail_backward=pa.float32())
LINKS = schema_of(
    context_id=pa.string(),
    premise=pa.string(),
    hypothesis=pa.string(),
    entailment=pa.float32(),
    neutral=pa.float32(),
)

SIDES = ("source", "target")

Direction = tuple[str, str, str]
"""(context_id, premise, hypothesis)."""


class Ledger:
    """Every direction that was scored, each once."""

    def __init__(self, critic: EntailmentCritic, tick: Callable[[int], None]) -> None:
        self.critic = critic
        self.tick = tick
        self.known: dict[Direction, tuple[float, float]] = {}

    def score(self, wanted: list[Direction]) -> None:
        """Score the directions that are not known yet."""
        new = list(dict.fromkeys(d for d in wanted if d not in self.known))
        scores = self.critic.score([(p, h) for _, p, h in new], self.tick)
        for direction, row in zip(new, scores, strict=True):
            self.known[direction] = (float(row[0]), float(row[1]))

    def entailment(self, direction: Direction) -> float | None:
        """P(entailment) of a scored direction; None if it was not scored or could not be."""
        value = self.known.get(direction, (math.nan, math.nan))[0]
        return None if math.isnan(value) else value


def forward(row: dict[str, Any]) -> Direction:
    """The direction from source to target."""
    return row["context_id"], row["source"], row["target"]


def backward(row: dict[str, Any]) -> Direction:
    """The direction from target to source."""
    return row["context_id"], row["target"], row["source"]


def first_direction(row: dict[str, Any]) -> Direction:
    """The direction that is scored first."""
    if row["for_summary"] or len(row["source"]) <= len(row["target"]):
        return forward(row)
    return backward(row)


def make(work: Work) -> Output:
    """Score pairs in both directions where it matters, and the links between them."""
    pairs = work.tables["pairs"].to_pylist()
    if not pairs:
        empty = with_rejects([], [], SCHEMA, REJECTED)
        empty.extra["links"] = table_of([], LINKS)
        return empty
    floor = work.config.scores.floor
    ledger = Ledger(work.models.critic(), work.tick)
    ledger.score([first_direction(row) for row in pairs])
    passed = [row for row in pairs if (ledger.entailment(first_direction(row)) or 0.0) >= floor]
    ledger.score([d for row in passed for d in (forward(row), backward(row))])
    rows, rejects = _parted(pairs, passed, ledger, floor)
    ledger.score(_links(rows, work.models, work.config.scores.link_cosine))
    output = with_rejects(rows, rejects, SCHEMA, REJECTED)
    output.extra["links"] = table_of(
        [
            {
                "context_id": context_id,
                "premise": premise,
                "hypothesis": hypothesis,
                "entailment": entailment,
                "neutral": neutral,
            }
            for (context_id, premise, hypothesis), (entailment, neutral) in sorted(
                ledger.known.items()
            )
        ],
        LINKS,
    )
    output.counters = {"directions": len(ledger.known)}
    return output


def _parted(pairs: Rows, passed: Rows, ledger: Ledger, floor: float) -> tuple[Rows, Rows]:
    """Rows with both scores, and rejected rows with the score that failed them."""
    went_on = {id(row) for row in passed}
    rows: Rows = []
    rejects: Rows = []
    for row in pairs:
        scores = {
            "entail_forward": ledger.entailment(forward(row)),
            "entail_backward": ledger.entailment(backward(row)),
        }
        if id(row) not in went_on:
            reason = _floor_reason(row, ledger)
        elif None in scores.values():
            reason = "out_of_memory"
        elif not row["for_summary"] and min(v for v in scores.values() if v is not None) < floor:
            reason = "entailment_below_floor"
        else:
            rows.append(
                {
                    **row,
                    **scores,
                    "neutral_forward": ledger.known[forward(row)][1],
                    "neutral_backward": ledger.known[backward(row)][1],
                }
            )
            continue
        kept = {name: row[name] for name in PAIR_REJECTED.names if name != "reason"}
        rejects.append({**kept, **scores, "reason": reason})
    return rows, rejects


def _floor_reason(row: dict[str, Any], ledger: Ledger) -> str:
    known = ledger.entailment(first_direction(row))
    return "out_of_memory" if known is None else "entailment_below_floor"


def _links(rows: Rows, models: ModelPool, cosine: float) -> list[Direction]:
    """What the duplicate graph may ask of each two pairs of a context: both ways between their
    sources, both ways between their targets.

    Two pairs that share a side are duplicates whatever the critic says, so it is not asked.
    Sentences whose embeddings are less alike than `cosine` are left out where there is an
    encoder: they say different things, and no edge is drawn between them.
    """
    encoder = models.encoder()
    wanted: dict[Direction, None] = {}
    for context_id, group in groupby(rows, key=lambda row: row["context_id"]):
        members = list(group)
        apart = [
            (a, b)
            for a, b in combinations(members, 2)
            if a["source"] != b["source"] and a["target"] != b["target"]
        ]
        texts = list(dict.fromkeys(row[side] for pair in apart for row in pair for side in SIDES))
        if not texts:
            continue
        place = {text: index for index, text in enumerate(texts)}
        vectors = None if encoder is None else encoder.encode(texts)
        alike = None if vectors is None else vectors @ vectors.T
        for a, b in apart:
            for side in SIDES:
                one, other = a[side], b[side]
                if alike is None or alike[place[one], place[other]] >= cosine:
                    wanted[context_id, one, other] = None
                    wanted[context_id, other, one] = None
    return list(wanted)


STAGE = Stage(
    name="scores",
    version=3,
    unit="ordered pairs",
    make=make,
    inputs=("pairs",),
    settings=lambda c, _: {
        "scores": c.scores.model_dump(mode="json"),
        "encoder": c.pairs.encoder,
        "batch_tokens": c.critic.batch_tokens,
    },
    models=("critic", "encoder"),
)
