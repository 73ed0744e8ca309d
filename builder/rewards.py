"""What rewards a student while it is trained: a critic's entailment or any measure, in bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from builder.config import Bound, BuildConfig, CriticConfig, Rules, load_config
from builder.decide import holds
from builder.errors import ConfigError
from builder.measures.entailment import DIRECTIONS
from builder.models import resolve
from builder.pool import ModelPool
from builder.store import digest
from builder.validity.measure import measure_texts, open_models
from builder.validity.model import Calibration
from builder.validity.use import find_model
from dimsum.objectives.reward_settings import ENTAILMENT, Reward
from dimsum.rerank import obeys
from dimsum.settings import check
from dimsum.tasks import TaskDefinition

if TYPE_CHECKING:
    from builder.critics.embedding import SentenceEncoder
    from builder.critics.entailment import EntailmentCritic
    from builder.measures.base import Floats
    from builder.models import LoadedModel
    from dimsum.syntax.parsers import Parser
    from dimsum.training.rewards import Written

    Value = Callable[[Sequence[Written]], Floats]

LOGGED = ("copied", "compression")
"""Columns whose means are logged beside a reward: to copy and to shorten are what pleases a critic
without saying anything.
"""
COPYING = "copying"
"""The measure of the first; the second is always taken."""


def open_judge(settings: Reward, tasks: tuple[TaskDefinition, ...]) -> Judge:
    """The judge that a reward's settings name, with its models loaded.

    Raises:
        ConfigError: a measure or a task is not there, or there is no second critic to hold out.
        UsageError, BuilderError: a model cannot be loaded.
    """
    base = load_config(settings.build)
    asked = dict.fromkeys((*settings.measures, COPYING))
    more = [name for name in asked if name not in base.measures]
    document = base.model_dump(mode="json") | {"measures": [*base.measures, *more]}
    config = check(BuildConfig, document)
    within = _choose_bounds(settings, tasks)
    for column in {name for rules in within.values() for name in rules}:
        config.registry.of(column)
    if settings.value != ENTAILMENT:
        config.registry.of(settings.value)
    rewarding, held_out = _open_critics(settings)
    return Judge(settings, tasks, config, within, rewarding, held_out)


def _choose_bounds(settings: Reward, tasks: Iterable[TaskDefinition]) -> dict[str, Rules]:
    """Bounds of each task: those given, else its own rules but for those on entailment."""
    given = settings.within or {}
    names = [task.name for task in tasks]
    for name in given:
        if name not in names:
            raise ConfigError(
                f"objective.reward.within has bounds of {name}, which is not trained",
                hint=f"tasks of this training are {', '.join(names)}",
            )
    asked = set(DIRECTIONS.values())
    found = {}
    for task in tasks:
        rules = given.get(task.name)
        if rules is None:
            rules = {k: dict(ends) for k, ends in task.rules.items() if k not in asked}  # type: ignore[misc]
        found[task.name] = {k: Bound.model_validate(ends) for k, ends in rules.items()}
    return found


def _open_critics(settings: Reward) -> tuple[EntailmentCritic, EntailmentCritic]:
    """The critic that rewards, and the one that does not."""
    from builder.critics.entailment import EntailmentCritic

    critic = EntailmentCritic.load(CriticConfig(model=settings.critic))
    if settings.held_out is not None:
        other = EntailmentCritic.load(CriticConfig(model=settings.held_out))
        if other.identity == critic.identity:
            raise ConfigError(
                f"the critic {settings.held_out} gives the reward and cannot be held out too",
                hint="name another one as objective.reward.held_out",
            )
        return critic, other
    if len(critic.models) < 2:
        raise ConfigError(
            f"the critic {settings.critic} is one model, of which nothing can be held out",
            hint="name a second critic as objective.reward.held_out",
        )
    first, second = (
        EntailmentCritic([model], critic.batch_tokens, f"{critic.identity}/{name}", note)
        for model, name, note in zip(
            critic.models, ("first", "second"), critic.notes * 2, strict=True
        )
    )
    return second, first


@dataclass
class _Models:
    """The models of a build, but for its critic."""

    pool: ModelPool
    own_critic: EntailmentCritic

    def critic(self) -> EntailmentCritic:
        return self.own_critic

    def encoder(self) -> SentenceEncoder | None:
        return self.pool.encoder()

    def teacher(self) -> LoadedModel:
        return self.pool.loaded_teacher()

    def parser(self) -> Parser:
        return self.pool.parser()


class Judge:
    """Rewards outputs; `dimsum.training.rewards.Judge` says how it is asked.

    An output without words, outside the bounds of its task, or of another kind than its control
    code asks for has the reward 0.

    Args:
        within: bounds by task and column.
        rewarding: the critic that gives the reward.
        held_out: the critic that does not.
    """

    def __init__(
        self,
        settings: Reward,
        tasks: tuple[TaskDefinition, ...],
        config: BuildConfig,
        within: Mapping[str, Rules],
        rewarding: EntailmentCritic,
        held_out: EntailmentCritic,
    ) -> None:
        self.settings, self.config, self.within = settings, config, within
        self.held_out = held_out
        self.rewarding = rewarding
        self.models = _Models(open_models(config), rewarding)
        self.valid: Calibration | None = find_model(config)
        self.tasks = {code: task for task in tasks for code in (*task.code_names, task.name)}

    @property
    def identity(self) -> str:
        """Of critics, measures and bounds."""
        columns = {name for rules in self.within.values() for name in rules}
        if self.settings.value != ENTAILMENT:
            columns.add(self.settings.value)
        registry = self.config.registry
        measures = {registry.of(name).name: registry.of(name) for name in sorted(columns)}
        encoder = self.config.pairs.encoder
        return digest(
            [
                [self.rewarding.identity, self.held_out.identity],
                registry.identities(measures.values()),
                encoder and resolve(encoder).identity,
                {
                    task: {k: b.model_dump() for k, b in r.items()}
                    for task, r in self.within.items()
                },
                [self.settings.value, self.settings.reverse, self.settings.obey],
            ]
        )

    def reward(self, outputs: Sequence[Written]) -> Floats:
        """As the protocol has it."""
        return self._bounded(outputs, self._value)

    def observe(self, outputs: Sequence[Written]) -> Mapping[str, float]:
        """Entailment by the held-out critic in the same bounds, P(valid), the share of words that
        are copied and the length; an output without words counts 0 in each.
        """
        found = {"held_out": float(self._bounded(outputs, self._entailment_by_held_out).mean())}
        said = [one for one in outputs if one.text]
        columns = (*LOGGED, *(self.valid.columns if self.valid else ()))
        values = self._measure(said, columns) if said else dict.fromkeys(columns, np.zeros(0))
        sums = {name: values[name].sum() for name in LOGGED}
        if self.valid is not None:
            sums["valid"] = self.valid.predict(values).sum() if said else 0.0
        return found | {name: float(total) / len(outputs) for name, total in sums.items()}

    def _bounded(self, outputs: Sequence[Written], value: Value) -> Floats:
        """The value of outputs, 0 where it is ruled out."""
        allowed = np.array([self._is_allowed(one) for one in outputs], dtype=bool)
        for name in {self._task(one).name for one in outputs}:
            rules = self.within[name]
            indices = [
                i for i, one in enumerate(outputs) if allowed[i] and self._task(one).name == name
            ]
            if rules and indices:
                values = self._measure([outputs[i] for i in indices], tuple(rules))
                inside = [holds(bound, values[column]) for column, bound in rules.items()]
                allowed[indices] = np.all(inside, axis=0)
        found = np.zeros(len(outputs))
        indices = np.flatnonzero(allowed).tolist()
        if indices:
            found[indices] = value([outputs[i] for i in indices])
        return found

    def _is_allowed(self, one: Written) -> bool:
        if not one.text:
            return False
        return not self.settings.obey or obeys(self._task(one), one.code, one.source, one.text)

    def _task(self, one: Written) -> TaskDefinition:
        return self.tasks[one.code]

    def _value(self, outputs: Sequence[Written]) -> Floats:
        if self.settings.value == ENTAILMENT:
            return self._entailment(outputs, self.rewarding)
        found = self._measure(outputs, (self.settings.value,))[self.settings.value]
        return -found if self.settings.reverse else found

    def _entailment_by_held_out(self, outputs: Sequence[Written]) -> Floats:
        return self._entailment(outputs, self.held_out)

    def _entailment(self, outputs: Sequence[Written], critic: EntailmentCritic) -> Floats:
        """Of each output in the directions of its task, the lesser of two."""
        asked = []
        for row, one in enumerate(outputs):
            ways = {"forward": (one.source, one.text), "backward": (one.text, one.source)}
            asked += [(row, ways[way]) for way in self._task(one).directions]
        scores = critic.score([pair for _, pair in asked])[:, 0].astype(np.float64)
        found = np.full(len(outputs), np.inf)
        np.minimum.at(found, [row for row, _ in asked], scores)
        return found

    def _measure(self, outputs: Sequence[Written], columns: Sequence[str]) -> dict[str, Floats]:
        """Columns of outputs, each of shape (len(outputs),)."""
        registry = self.config.registry
        measures = {registry.of(name).name: registry.of(name) for name in columns}
        reads = any("encoder" in one.models for one in measures.values())
        found = measure_texts(
            [one.source for one in outputs],
            [one.text for one in outputs],
            measures.values(),
            self.models.encoder() if reads else None,
            self.models,
        )
        return {name: found[name] for name in columns}
