"""scores: the critic reads the pairs that are left, in the order that spares it most.

A pair gets both directions; one that decides goes first, and the other is only scored if the
first reaches the floor. Where both decide, a pair falls most often where the shorter sentence
would have to entail the longer, so that direction goes first.

The stage also scores what the duplicate graph will ask for, sources against sources and targets
against targets, between pairs above the floor that share neither. Decisions and duplicates can
then be taken again under other rules without a model.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from builder.config import BuildConfig
from builder.critics.windows import CUT, IN_WINDOWS, describe_long
from builder.measures.base import Batch
from builder.measures.entailment import DIRECTIONS
from builder.measures.registry import Registry
from builder.pool import ModelPool
from builder.stages.base import Rows, Stage, Work, extend, make_schema
from builder.stages.pairs import REJECTED as PAIR_REJECTED
from builder.stages.pairs import list_columns as list_pair_columns
from builder.stages.syntax import describe_parser, list_parser_libraries
from builder.store import REJECTS, Output
from builder.validity.use import choose, list_prior_files
from dimsum.tasks import TaskDefinition

if TYPE_CHECKING:
    from builder.critics.embedding import SentenceEncoder
    from builder.decide import Mask
    from builder.measures.base import Floats
    from builder.models import LoadedModel
    from dimsum.syntax.parsers import Parser

REJECTED = extend(PAIR_REJECTED, **dict.fromkeys(DIRECTIONS.values(), pa.float32()))
LINKED = ["context_id", "source", "target"]
LINKS = make_schema(
    context_id=pa.string(),
    premise=pa.string(),
    hypothesis=pa.string(),
    entailment=pa.float32(),
    neutral=pa.float32(),
)

SIDES = ("source", "target")


def list_columns(config: BuildConfig) -> pa.Schema:
    """The columns of a scored pair."""
    columns = {c.name: pa.float32() for m in config.registry.with_critic for c in m.columns}
    return extend(list_pair_columns(config), **columns)


Direction = tuple[str, str, str]
"""(context_id, premise, hypothesis)."""

BELOW = "entailment_below_floor"
NO_MEMORY = "out_of_memory"
UNLIKELY = "prior_too_low"
CROWDED = "prior_beyond_most"
REASONS = (BELOW, NO_MEMORY, UNLIKELY, CROWDED)


class Ledger:
    """A critic that reads every ordered pair of texts once, and which directions were asked."""

    def __init__(self, models: ModelPool, tick: Callable[[int], None]) -> None:
        self.models = models
        self.tick = tick
        self.known: dict[tuple[str, str], tuple[float, float]] = {}
        self.asked: dict[Direction, None] = {}
        self.long: Counter[str] = Counter()

    def score(self, pairs: Sequence[tuple[str, str]]) -> Floats:
        """Entailment and neutral, shape (len(pairs), 2); NaN where not even one fitted memory."""
        new = list(dict.fromkeys(pair for pair in pairs if pair not in self.known))
        if new:
            critic = self.models.critic()
            before = critic.long.copy()
            scores = critic.score(new, self.tick)
            self.long += critic.long - before
            for pair, row in zip(new, scores, strict=True):
                self.known[pair] = (float(row[0]), float(row[1]))
        return np.array([self.known[pair] for pair in pairs], dtype=np.float64).reshape(-1, 2)

    def score_each(self, pairs: Sequence[tuple[str, str]]) -> Floats:
        """P(entailment) by each model of an ensemble alone, shape (models, len(pairs))."""
        found: Floats = self.models.critic().score_each(pairs, self.tick).astype(np.float64)
        return found

    def ask(self, directions: list[Direction]) -> Floats:
        """Entailment of directions; they become links."""
        self.asked.update(dict.fromkeys(directions))
        return self.score([direction[1:] for direction in directions])[:, 0]

    def entailment(self, directions: list[Direction]) -> Floats:
        """Entailment of directions as far as it is known, else NaN."""
        missing = (math.nan, math.nan)
        return np.array([self.known.get(d[1:], missing)[0] for d in directions], dtype=np.float64)

    def links(self) -> pa.Table:
        """Every direction that was asked, with its score."""
        directions = sorted(self.asked)
        scores = self.score([direction[1:] for direction in directions])
        texts = [pa.array([d[column] for d in directions], pa.string()) for column in range(3)]
        return pa.table([*texts, *(pa.array(c, pa.float32()) for c in scores.T)], schema=LINKS)


@dataclass(frozen=True)
class Lent:
    """The models of a run as a measure sees them: what the critic has read, it reads no more."""

    ledger: Ledger

    def critic(self) -> Ledger:
        """The critic."""
        return self.ledger

    def encoder(self) -> SentenceEncoder | None:
        """The sentence encoder."""
        return self.ledger.models.encoder()

    def teacher(self) -> LoadedModel:
        """The teacher."""
        return self.ledger.models.loaded_teacher()

    def parser(self) -> Parser:
        """The parser."""
        return self.ledger.models.parser()


def make(work: Work) -> Output:
    """Score pairs in both directions where it matters, and the links between them."""
    floor, known = work.config.scores.floor, work.config.registry
    offered = work.tables["pairs"]
    chosen, crowded = choose(offered, work.config)
    pairs = offered.filter(pa.array(chosen))
    ledger = Ledger(work.models, work.tick)
    forward = list(zip(*(pairs[c].to_pylist() for c in ("context_id", *SIDES)), strict=True))
    backward = [(context, target, source) for context, source, target in forward]
    fits = [(task, pairs[f"for_{task.name}"].to_numpy()) for task in work.config.definitions]
    needed = {d: _find_needed(fits, d, pairs.num_rows) for d in DIRECTIONS}
    shorter = [len(source) <= len(target) for _, source, target in forward]
    ahead = ~needed["backward"] | (needed["forward"] & np.array(shorter, dtype=bool))
    of_first = ledger.ask(_choose(ahead, forward, backward))
    settles = np.where(ahead, needed["forward"], needed["backward"])
    went_on = (of_first >= floor) | (~settles & ~np.isnan(of_first))
    ledger.ask([d for p in np.flatnonzero(went_on) for d in (forward[p], backward[p])])
    both = {"forward": ledger.entailment(forward), "backward": ledger.entailment(backward)}
    reached = np.zeros(pairs.num_rows, dtype=bool)
    for task, of_task in fits:
        reached |= of_task & np.all([both[d] >= floor for d in task.directions], axis=0)
    lost = np.isnan(both["forward"]) | np.isnan(both["backward"])
    no_memory = np.isnan(of_first) | (went_on & lost)
    below = ~no_memory & ~(went_on & reached)
    unlikely = ~(chosen | crowded)
    rows = _measure(pairs.filter(pa.array(~(no_memory | below))), known, ledger)
    ledger.ask(
        _list_links(rows.select(LINKED).to_pylist(), work.models, work.config.scores.link_cosine)
    )
    if said := describe_long(ledger.long):
        work.models.say(f"critic: {said}")
    return Output(
        table=rows,
        extra={
            REJECTS: pa.concat_tables(
                [
                    _make_rejects(pairs, both, {BELOW: below, NO_MEMORY: no_memory}),
                    _make_rejects(offered, {}, {UNLIKELY: unlikely, CROWDED: crowded}),
                ]
            ),
            "links": ledger.links(),
        },
        entered=offered.num_rows,
        rejected={
            reason: int(mask.sum())
            for reason, mask in zip(REASONS, (below, no_memory, unlikely, crowded), strict=True)
            if mask.any()
        },
        counters={
            "directions": len(ledger.known),
            **{name: ledger.long[name] for name in (IN_WINDOWS, CUT) if ledger.long[name]},
        },
    )


def _find_needed(fits: list[tuple[TaskDefinition, Mask]], direction: str, count: int) -> Mask:
    """Pairs that are of no task unless a direction reaches the floor."""
    without = [mask for task, mask in fits if direction not in task.directions]
    some: Mask = np.any([np.zeros(count, dtype=bool), *without], axis=0)
    return ~some


def _choose(ahead: Mask, forward: list[Direction], backward: list[Direction]) -> list[Direction]:
    both = zip(ahead.tolist(), forward, backward, strict=True)
    return [one if is_ahead else other for is_ahead, one, other in both]


def _measure(pairs: pa.Table, known: Registry, ledger: Ledger) -> pa.Table:
    """Pairs with the columns of every measure that goes with the critic."""
    sides: list[list[Any]] = [pairs[side].to_pylist() for side in SIDES]
    contexts: list[Any] = pairs["context"].to_pylist()
    batch = Batch.of_texts(sides[0], sides[1], Lent(ledger), contexts)
    for measure in known.with_critic:
        if "encoder" in measure.models and batch.sentences.vectors is None:
            batch.sentences.vectors = _encode(batch.sentences.texts, ledger)
        for name, values in measure.of(batch).items():
            column = pa.array(values.astype(np.float32), from_pandas=True)
            pairs = pairs.append_column(name, column)
    return pairs


def _encode(texts: list[str], ledger: Ledger) -> Any:
    encoder = ledger.models.encoder() if texts else None
    return None if encoder is None else encoder.encode(texts)


def _make_rejects(
    pairs: pa.Table, scores: Mapping[str, Floats], masks: Mapping[str, Mask]
) -> pa.Table:
    """The pairs of each mask, with its reason and the scores that are known of them."""
    gone = np.any(list(masks.values()), axis=0)
    reasons = np.select(list(masks.values()), list(masks), "")
    rejected = pairs.select([name for name in PAIR_REJECTED.names if name != "reason"])
    rejected = rejected.append_column("reason", pa.array(reasons.tolist(), pa.string()))
    for direction, name in DIRECTIONS.items():
        values = scores.get(direction, np.full(pairs.num_rows, np.nan))
        column = pa.array(values.astype(np.float32), from_pandas=True)
        rejected = rejected.append_column(name, column)
    return rejected.filter(pa.array(gone)).cast(REJECTED)


def _list_links(rows: Rows, models: ModelPool, cosine: float) -> list[Direction]:
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
        position = {text: index for index, text in enumerate(texts)}
        vectors = None if encoder is None else encoder.encode(texts)
        alike = None if vectors is None else vectors @ vectors.T
        for a, b in apart:
            for side in SIDES:
                one, other = a[side], b[side]
                if alike is None or alike[position[one], position[other]] >= cosine:
                    wanted[context_id, one, other] = None
                    wanted[context_id, other, one] = None
    return list(wanted)


def list_settings(config: BuildConfig, _: int) -> dict[str, Any]:
    """What decides the bytes of a shard of scores."""
    known = config.registry
    asks_parser = any("parser" in measure.models for measure in known.with_critic)
    return {
        "scores": config.scores.model_dump(mode="json"),
        "encoder": config.pairs.encoder,
        "batch_tokens": config.critic.batch_tokens,
        "measures": known.identities(known.with_critic),
        "directions": {task.name: list(task.directions) for task in config.definitions},
        **(describe_parser(config.parser) if asks_parser else {}),
    }


def list_further_models(config: BuildConfig) -> tuple[str, ...]:
    """The teacher, where a measure asks it."""
    return ("teacher",) if any("teacher" in m.models for m in config.registry.with_critic) else ()


def list_libraries(config: BuildConfig) -> tuple[str, ...]:
    """Of the measures that are taken here, and of the parser that they ask."""
    measures = config.registry.with_critic
    asked = (
        list_parser_libraries(config.parser) if any("parser" in m.models for m in measures) else ()
    )
    return (*asked, *(name for m in measures for name in m.libraries))


STAGE = Stage(
    name="scores",
    version=5,
    counted="ordered pairs",
    make=make,
    inputs=("pairs",),
    settings=list_settings,
    models=("critic", "encoder"),
    further_models=list_further_models,
    further_libraries=list_libraries,
    files=list_prior_files,
)
