"""The measures that a build knows: those built in, and the user's own that its YAML names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from builder.errors import ConfigError
from builder.measures import (
    agreement,
    compression,
    copying,
    cosine,
    critics,
    density,
    ease,
    entailment,
    flow,
    grammar,
    information,
    likelihood,
    lost,
    margin,
    passage,
    rouge_l,
    tree_distance,
)
from builder.measures.base import Column, Measure
from dimsum.plugins import Plugins, expect_instance
from dimsum.schema import COLUMNS, SYNTAX, make_arrow_schema
from dimsum.settings import suggest_word

if TYPE_CHECKING:
    import pyarrow as pa

BUILT_IN: tuple[Measure, ...] = (
    compression.MEASURE,
    density.MEASURE,
    rouge_l.MEASURE,
    agreement.NUMBERS,
    agreement.NAMES,
    cosine.MEASURE,
    entailment.MEASURE,
)
"""In the order of their columns."""

_numbered = {
    column.released: column
    for measure in BUILT_IN
    for column in measure.columns
    if column.released is not None
}
RELEASED: dict[str, Column] = {_numbered[n].name: _numbered[n] for n in sorted(_numbered)}
"""Columns that every released row has, in their order."""

OPTIONAL: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        copying.MEASURE,
        *grammar.MEASURES,
        lost.MEASURE,
        likelihood.MEASURE,
        critics.MEASURE,
        margin.MEASURE,
        information.MEASURE,
        tree_distance.MEASURE,
    )
}
"""Shipped too, and taken where the YAML names them; their columns are not released."""

OF_TASKS: dict[str, Measure] = {
    one.name: one for one in (passage.MEASURE, ease.MEASURE, flow.MEASURE)
}
"""As those above, for the tasks whose definitions or presets name them."""

SHIPPED: dict[str, Measure] = {one.name: one for one in BUILT_IN} | OPTIONAL | OF_TASKS
MEASURES = Plugins("measure", expect_instance(Measure), SHIPPED)

VALIDITY = Column(
    "validity",
    "calibrated probability that a reader calls the pair valid",
    "probability",
    high=1.0,
    title="P(valid)",
)
"""Made of the other columns by the model that `validity` names (`builder.validity`)."""

TAKEN = frozenset(
    {VALIDITY.name, SYNTAX.name, "continuation_id", "split", "reason", "survivor_source"}
    | {c.name for c in COLUMNS}
)
"""Names of columns that are no measure's."""


@dataclass(frozen=True)
class Named:
    """A measure that the YAML names, and what its values depend on.

    Attributes:
        reference: as the YAML names it.
        source: hash of the source; empty for a measure that is shipped.
    """

    measure: Measure
    reference: str
    source: str


@dataclass(frozen=True)
class Registry:
    """Measures by name and by column.

    Attributes:
        named: in the YAML.
        has_validity: a model of validity reads the columns of the others.
    """

    named: tuple[Named, ...] = ()
    has_validity: bool = False

    @property
    def measures(self) -> tuple[Measure, ...]:
        """All, those built in first."""
        return (*BUILT_IN, *(one.measure for one in self.named))

    @property
    def before_critic(self) -> tuple[Measure, ...]:
        """Those that need no critic: they may bound pairs."""
        return tuple(measure for measure in self.measures if measure.cost != "model")

    @property
    def with_critic(self) -> tuple[Measure, ...]:
        """Those that are taken of the pairs that the critic reads."""
        return tuple(measure for measure in self.measures if measure.cost == "model")

    @cached_property
    def columns(self) -> dict[str, Column]:
        """Every column by its name, those before the critic first and validity last."""
        derived = (VALIDITY,) if self.has_validity else ()
        return {column.name: column for column in (*self.measured, *derived)}

    @cached_property
    def measured(self) -> tuple[Column, ...]:
        """The columns of measures, in the order of the tables."""
        measures = (*self.before_critic, *self.with_critic)
        return tuple(column for measure in measures for column in measure.columns)

    @cached_property
    def meanings(self) -> dict[str, str]:
        """What each column is, in words."""
        return {name: column.meaning for name, column in self.columns.items()}

    @cached_property
    def own_columns(self) -> tuple[Column, ...]:
        """Columns that are released beside those of the schema: of the user's own measures, and
        validity.
        """
        own = (one.measure for one in self.named if one.source)
        derived = (VALIDITY,) if self.has_validity else ()
        return (*(column for measure in own for column in measure.columns), *derived)

    @property
    def released(self) -> tuple[Column, ...]:
        """Columns that a released row has: those that every row has, then the user's own."""
        return (*RELEASED.values(), *self.own_columns)

    def schema(self, *, syntax: bool = False) -> pa.Schema:
        """Of the released rows.

        Args:
            syntax: whether their last column is the target's tree.
        """
        own = [column.name for column in self.own_columns]
        return make_arrow_schema([*RELEASED], own, syntax=syntax)

    def of(self, column: str) -> Measure:
        """The measure that a column belongs to.

        Raises:
            ConfigError: no measure has it.
        """
        for measure in self.measures:
            if any(one.name == column for one in measure.columns):
                return measure
        raise ConfigError(
            f"no measure is called {column!r}{suggest_word(column, self.columns)}",
            hint=f"there are {', '.join(self.columns)}",
        )

    def identities(self, measures: Iterable[Measure]) -> dict[str, Any]:
        """What the values of measures depend on beside the pairs, for fingerprints."""
        own = {one.measure.name: [one.reference, one.source] for one in self.named}
        return {one.name: [one.version, *own.get(one.name, ())] for one in measures}


@cache
def load_registry(references: tuple[str, ...] = (), has_validity: bool = False) -> Registry:
    """The built-in measures and the user's own.

    Args:
        references: as in `MEASURES`.
        has_validity: whether a model of validity is configured.

    Raises:
        UsageError: one is not there or is no measure.
        ConfigError: one takes a name that is in use.
    """
    named = tuple(_load(reference) for reference in references)
    used = {measure.name for measure in BUILT_IN}
    columns = {column.name for measure in BUILT_IN for column in measure.columns} | TAKEN
    for one in named:
        _check(one, used, columns)
        used.add(one.measure.name)
        columns |= {column.name for column in one.measure.columns}
    return Registry(named, has_validity)


def _load(reference: str) -> Named:
    found = MEASURES.find(reference)
    return Named(found, reference, MEASURES.source_hash(reference, found.compute))


def _check(one: Named, used: set[str], columns: set[str]) -> None:
    measure = one.measure
    if measure.name in used:
        raise ConfigError(
            f"{one.reference}: another measure is called {measure.name!r}",
            hint=f"always there are {', '.join(one.name for one in BUILT_IN)}",
        )
    names = [column.name for column in measure.columns]
    if taken := columns & set(names) or {name for name in names if names.count(name) > 1}:
        raise ConfigError(
            f"{one.reference}: the column {min(taken)!r} is there already",
            hint="give the measure's column another name",
        )
    if bad := [name for name in names if not name.isidentifier()]:
        raise ConfigError(
            f"{one.reference}: {bad[0]!r} cannot name a column", hint="letters, digits, _"
        )
    if unknown := set(measure.models) - {"critic", "encoder", "teacher", "parser"}:
        raise ConfigError(
            f"{one.reference}: a measure has no model {min(unknown)!r}",
            hint="a run lends it its critic, its encoder, its teacher and its parser",
        )
    large = [role for role in ("critic", "teacher", "parser") if role in measure.models]
    if large and measure.cost != "model":
        raise ConfigError(
            f"{one.reference}: what asks the {large[0]} has the cost model, not {measure.cost}",
            hint="set its cost to model",
        )
