"""Fit the model of validity that the embedded preset uses, and check it on other labels.

    python scripts/reproduce/validity.py --labels builder/validity/embedded/labels.jsonl \
        --output builder/validity/embedded/embedded.json
    python scripts/reproduce/validity.py --check OTHER.jsonl

The labels are readings of pairs whose sentences continue one context. The model reads what needs no
critic, so that it can choose what the critic reads; nothing but the labels is needed.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from builder.config import BuildConfig, load_config, parse_config
from builder.measures import likelihood
from builder.measures.registry import OPTIONAL, VALIDITY
from builder.validity.calibrate import add_facts, describe
from builder.validity.fit import fit, measure_area
from builder.validity.labels import read_labels
from builder.validity.measure import measure_labels
from builder.validity.model import read_calibration, write_calibration

HERE = Path(__file__).resolve().parents[2] / "builder" / "validity" / "embedded"


def configure_uncalibrated(preset: str) -> BuildConfig:
    """The preset with every optional measure, and without the model that is to be fitted."""
    document = load_config(preset).model_dump(mode="json")
    # Nothing is known of how the labels' sentences were drawn.
    measures = [name for name in OPTIONAL if name != likelihood.MEASURE.name]
    document.update(measures=measures, validity=None)
    document["scores"]["prior"] = None
    gone = {VALIDITY.name, *(column.name for column in likelihood.MEASURE.columns)}
    document["rules"] = {
        task: {name: bound for name, bound in rules.items() if name not in gone}
        for task, rules in document["rules"].items()
    }
    return parse_config(document)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="embedded")
    parser.add_argument("--labels", type=Path, nargs="+", default=[HERE / "labels.jsonl"])
    parser.add_argument("--output", type=Path, default=HERE / "embedded.json")
    parser.add_argument("--precision", type=float, default=0.75)
    parser.add_argument("--check", type=Path, nargs="+", help="labels that nothing is fitted to")
    asked = parser.parse_args()
    config = configure_uncalibrated(asked.preset)
    if asked.check is None:
        data = measure_labels(read_labels(asked.labels), config)
        found = fit(data)
        document = describe(found, data, asked.precision)
        write_calibration(asked.output, add_facts(found, document))
        print(json.dumps(document, indent=1))
        return
    data = measure_labels(read_labels(asked.check), config)
    score = read_calibration(asked.output).predict(data.values)
    print(
        f"{len(data)} labels, {data.valid.sum()} valid, area {measure_area(score, data.valid):.3f}"
    )
    order = np.argsort(-score)
    for count in (20, 40, 60, 80, 100, 150):
        top = order[:count]
        print(f"best {count}: {data.valid[top].mean():.2f} valid, down to {score[top[-1]]:.3f}")


if __name__ == "__main__":
    main()
