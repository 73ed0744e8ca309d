"""The model of validity that a build names, and the columns with which its rules decide."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from builder.errors import ConfigError
from builder.measures.registry import SHIPPED as MEASURES
from builder.measures.registry import VALIDITY
from builder.validity.model import Calibration, read_calibration
from builder.validity.settings import PriorBound
from dimsum.settings import suggest_word

if TYPE_CHECKING:
    import pyarrow as pa

    from builder.config import BuildConfig
    from builder.decide import Mask
    from builder.measures.base import Floats, Measure

EMBEDDED = "embedded:"
PRIOR = "prior"
"""Name of the model of `scores.prior` among a unit's files."""
SHIPPED = Path(__file__).parent / "embedded"


def find_path(reference: str) -> Path:
    """The file of `embedded:NAME`, or the path itself.

    Raises:
        ConfigError: no such model is shipped.
    """
    if not reference.startswith(EMBEDDED):
        return Path(reference)
    name = reference.removeprefix(EMBEDDED)
    there = sorted(file.stem for file in SHIPPED.glob("*.json"))
    if name not in there:
        raise ConfigError(
            f"no model of validity is shipped as {name!r}{suggest_word(name, there)}",
            hint=f"there are {', '.join(there) or 'none'}; a path works too",
        )
    return SHIPPED / f"{name}.json"


def list_files(config: BuildConfig, _: int) -> dict[str, Path]:
    """What decisions read from outside the run."""
    return {} if config.validity is None else {VALIDITY.name: find_path(config.validity)}


def list_prior_files(config: BuildConfig, _: int) -> dict[str, Path]:
    """What scores read from outside the run."""
    prior = config.scores.prior
    return {} if prior is None else {PRIOR: find_path(prior.model)}


def find_model(config: BuildConfig) -> Calibration | None:
    """The model of `validity`.

    Raises:
        BuilderError: it cannot be read.
        ConfigError: it reads columns that this build does not measure.
    """
    if config.validity is None:
        return None
    known = config.registry
    return _load_model(
        VALIDITY.name, config.validity, config, known.before_critic + known.with_critic
    )


def find_prior(config: BuildConfig) -> Calibration | None:
    """The model of `scores.prior`, which reads only what is measured before the critic.

    Raises:
        BuilderError: it cannot be read.
        ConfigError: it reads other columns.
    """
    prior = config.scores.prior
    if prior is None:
        return None
    return _load_model("scores.prior", prior.model, config, config.registry.before_critic)


def _load_model(
    what: str, reference: str, config: BuildConfig, measures: tuple[Measure, ...]
) -> Calibration:
    path = find_path(reference)
    model = _read(path, path.stat().st_mtime_ns if path.is_file() else 0)
    there = {column.name for measure in measures for column in measure.columns}
    missing = [name for name in model.columns if name not in there]
    if missing:
        needed = [m.name for m in MEASURES.values() if any(c.name in missing for c in m.columns)]
        late = [c.name for m in config.registry.with_critic for c in m.columns if c.name in missing]
        raise ConfigError(
            f"{what} reads {', '.join(missing)}, which this build does not measure"
            + (" before the critic" if late else ""),
            hint="fit it with `dimsum calibrate --before-critic`"
            if late
            else f"measures: [{', '.join([*config.measures, *needed])}]",
        )
    return model


@lru_cache(maxsize=4)
def _read(path: Path, _: int) -> Calibration:
    return read_calibration(path)


def choose(table: pa.Table, config: BuildConfig) -> tuple[Mask, Mask]:
    """Which pairs the critic reads, and which it does not for likelier ones of their context.

    A pair is read for any task that it may be of.

    Args:
        table: pairs with the measures before the critic, and a flag for each task.

    Returns:
        two masks, shape (rows,): read; not read although likely enough, for want of room.
    """
    model, prior = find_prior(config), config.scores.prior
    if model is None or prior is None:
        everything = np.ones(table.num_rows, dtype=bool)
        return everything, ~everything
    values = {name: table[name].to_numpy().astype(np.float64) for name in model.columns}
    likely = model.predict(values)
    names = table["context_id"].to_numpy()
    _, contexts = np.unique(names, return_inverse=True)
    read = np.zeros(table.num_rows, dtype=bool)
    enough = np.zeros(table.num_rows, dtype=bool)
    for task in config.definitions:
        bound = prior.tasks.get(task.name, PriorBound())
        fits = table[f"for_{task.name}"].to_numpy() & (likely >= bound.min)
        enough |= fits
        read |= fits if bound.most is None else fits & (_rank(likely, contexts, fits) < bound.most)
    return read, enough & ~read


def _rank(likely: Floats, contexts: Any, among: Mask) -> Any:
    """Place of each pair in its context by probability, counting only the pairs of `among`."""
    order = np.lexsort((-likely, ~among, contexts))
    _, first, sizes = np.unique(contexts[order], return_index=True, return_counts=True)
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order)) - np.repeat(first, sizes)
    return rank


def collect_values(table: pa.Table, config: BuildConfig) -> dict[str, Floats]:
    """Every column that rules can bound, of scored pairs: measures, and validity made of them.

    Args:
        table: with the columns of `config.registry.measured`.
    """
    found: dict[str, Any] = {
        column.name: table[column.name].to_numpy().astype(np.float64)
        for column in config.registry.measured
    }
    model = find_model(config)
    if model is not None:
        found[VALIDITY.name] = model.predict(found)
    return found
