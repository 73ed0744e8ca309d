"""From labels and the columns of a run to a model of P(valid), and what is known about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from builder.config import parse_config
from builder.errors import BuilderError, GateError
from builder.stages.order import count_units
from builder.store import Run
from builder.validity.fit import Fit, fit, measure_reliability
from builder.validity.labels import Label, Labelled, match, read_labels
from builder.validity.threshold import find_loosest
from dimsum.data.values import Reading

if TYPE_CHECKING:
    import pyarrow as pa

    from builder.validity.model import Calibration


def calibrate(
    run: Path,
    labels: Sequence[Path],
    seed: int = 0,
    reading: Reading | None = None,
    *,
    before_critic: bool = False,
) -> tuple[Fit, Labelled]:
    """Fit P(valid) to readers' labels of a run's scored pairs; no language model is loaded.

    Args:
        labels: files of `dimsum audit score`.
        reading: where the rows of labels and those that were dropped are counted.
        before_critic: fit to the measures that need no critic, of all pairs inside the bounds.

    Raises:
        ConfigError: labels that cannot be read, or that contradict each other.
        BuilderError: the run has no scores.
        GateError: too few labels are of this run's pairs, or all say the same.
    """
    data = match_labels(run, read_labels(labels, reading), before_critic=before_critic)
    return fit(data, seed), data


def match_labels(run: Path, labels: Sequence[Label], *, before_critic: bool = False) -> Labelled:
    """Labels with the columns that a run has of their pairs.

    Raises:
        BuilderError: the run has no scores.
        GateError: no label is of one of its pairs.
    """
    opened = Run.open(run)
    config = parse_config(opened.header()["config"])
    known = config.registry
    stage, kind = ("pairs", "measured") if before_critic else ("scores", "scored")
    measures = known.before_critic if before_critic else known.before_critic + known.with_critic
    columns = [column.name for measure in measures for column in measure.columns]
    shards = [n for n in range(count_units(stage, config)) if opened.sidecar(stage, n)]
    if not shards:
        raise BuilderError(f"{run} has no {kind} pairs yet", hint="run `dimsum build` first")

    def tables() -> Iterator[pa.Table]:
        for shard in shards:
            yield opened.read(stage, shard)

    found = match(labels, tables(), columns)
    if labels and not len(found):
        raise GateError(
            f"none of the {len(labels)} labels is of a {kind} pair of {run}",
            hint="calibrate with the run that the labels were drawn from",
        )
    return found


def describe(found: Fit, data: Labelled, target: float | None) -> dict[str, Any]:
    """What is known about a fit, as a JSON-able document; a copy goes into the model's file.

    Args:
        target: precision that a threshold should reach; None names no threshold.
    """
    document: dict[str, Any] = {
        "labels": len(data),
        "valid": int(data.valid.sum()),
        "contexts": len(set(data.context)),
        "missing": data.missing,
        "area": found.area,
        "brier": found.brier,
        "reliability": measure_reliability(found.unseen, data.valid),
        "columns": [asdict(one) for one in found.added],
        "threshold": None,
    }
    if target is not None:
        document["threshold"] = asdict(find_loosest(found.unseen, data.valid, data.weight, target))
    return document


def add_facts(found: Fit, document: dict[str, Any]) -> Calibration:
    """The model with what is known about it, for its file."""
    return found.model.model_copy(update={"learnt": document})
