"""The model of validity that a build names, and the columns with which its rules decide."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from builder.errors import ConfigError
from builder.measures.registry import OPTIONAL, VALIDITY
from builder.validity.model import Calibration, read_calibration
from dimsum.settings import did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

    from builder.config import BuildConfig
    from builder.measures.base import Floats

EMBEDDED = "embedded:"
SHIPPED = Path(__file__).parent / "embedded"


def path_of(reference: str) -> Path:
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
            f"no model of validity is shipped as {name!r}{did_you_mean(name, there)}",
            hint=f"there are {', '.join(there) or 'none'}; a path works too",
        )
    return SHIPPED / f"{name}.json"


def files_of(config: BuildConfig, _: int) -> dict[str, Path]:
    """What decisions read from outside the run."""
    return {} if config.validity is None else {VALIDITY.name: path_of(config.validity)}


def model_of(config: BuildConfig) -> Calibration | None:
    """The model that a build names.

    Raises:
        BuilderError: it cannot be read.
        ConfigError: it reads columns that this build does not measure.
    """
    if config.validity is None:
        return None
    path = path_of(config.validity)
    model = _read(path, path.stat().st_mtime_ns if path.is_file() else 0)
    there = {column.name for column in config.registry.measured}
    missing = [name for name in model.columns if name not in there]
    if missing:
        needed = [m.name for m in OPTIONAL.values() if any(c.name in missing for c in m.columns)]
        raise ConfigError(
            f"validity reads {', '.join(missing)}, which this build does not measure",
            hint=f"measures: [{', '.join([*config.measures, *needed])}]",
        )
    return model


@lru_cache(maxsize=4)
def _read(path: Path, _: int) -> Calibration:
    return read_calibration(path)


def values_of(table: pa.Table, config: BuildConfig) -> dict[str, Floats]:
    """Every column that rules can bound, of scored pairs: measures, and validity made of them.

    Args:
        table: with the columns of `config.registry.measured`.
    """
    found: dict[str, Any] = {
        column.name: table[column.name].to_numpy().astype(np.float64)
        for column in config.registry.measured
    }
    model = model_of(config)
    if model is not None:
        found[VALIDITY.name] = model.predict(found)
    return found
