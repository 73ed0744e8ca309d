"""What each column of the measures tells about readers' answers: docs/experiments/columns.md.

    python scripts/reproduce/columns.py LABELS.jsonl --output docs/experiments/columns.md

A row of the labels has `source`, `target`, the text of its `context`, and `readers`, each with
faithful, fluent, main_point and valid. All measures of the preset are taken, and those that ask
critic and teacher more.
"""

from __future__ import annotations

import argparse
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from builder.config import BuildConfig, load_config, parse_config
from builder.decoding.forward import CausalForward
from builder.decoding.likelihood import score_sentences
from builder.measures.base import Batch
from builder.measures.registry import OPTIONAL
from builder.models import make_public_name
from builder.pool import ModelPool
from builder.validity.fit import measure_area
from cards.tables import format_table
from dimsum.data.files import read_file_rows

QUESTIONS = ("valid", "faithful", "fluent", "main_point")
FOLDS = 10
Row = dict[str, Any]


def configure_everything(preset: str) -> BuildConfig:
    """The preset with every measure that is shipped."""
    document = load_config(preset).model_dump(mode="json")
    document["measures"] = list(OPTIONAL)
    return parse_config(document)


def measure(rows: list[Row], config: BuildConfig, dtype: str) -> dict[str, np.ndarray[Any, Any]]:
    """Every column of every measure, a value a row, in the order of the rows."""
    models = ModelPool(config, {role: {"dtype": dtype} for role in ("teacher", "critic")})
    encoder, teacher = models.encoder(), models.teacher()
    forward = CausalForward(teacher.model)
    found: dict[str, list[Any]] = {}
    places: list[int] = []
    order = sorted(range(len(rows)), key=lambda i: rows[i]["context"])
    for context, group in groupby(order, key=lambda i: str(rows[i]["context"])):
        here = list(group)
        places += here
        sides = [[rows[i][side] for i in here] for side in ("source", "target")]
        batch = Batch.of_texts(sides[0], sides[1], models, [context] * len(here))
        texts = batch.sentences.texts
        (drawn,) = score_sentences(forward, teacher.tokenizer, [context], [texts])
        batch.sentences.logprobs = np.array([drawn.get(t, (np.nan, 0))[0] for t in texts])
        if encoder is not None:
            batch.sentences.vectors = encoder.encode(texts)
        for one in config.registry.measures:
            for name, values in one.of(batch).items():
                found.setdefault(name, []).append(values)
    back = np.argsort(places)
    return {name: np.concatenate(parts)[back] for name, parts in found.items()}


def measure_unseen(
    values: np.ndarray[Any, Any], said: np.ndarray[Any, Any], groups: list[str]
) -> float:
    """Area of a logistic model on labels of contexts that it has not seen."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=5000))
    scores = cross_val_predict(
        model, values, said, groups=groups, cv=GroupKFold(FOLDS), method="decision_function"
    )
    return measure_area(scores, said)


def format_page(rows: list[Row], config: BuildConfig, file: str, dtype: str) -> str:
    """The page of one file of labels."""
    columns = measure(rows, config, dtype)
    groups = [str(row["context"]) for row in rows]
    said = {q: np.array([all(r[q] for r in row["readers"]) for row in rows]) for q in QUESTIONS}
    usable = {
        name: np.where(np.isnan(values), np.nanmedian(values), values)
        for name, values in columns.items()
        if not np.isnan(values).all() and np.nanstd(values) > 0
    }
    matrix = np.column_stack(list(usable.values()))
    whole = {q: measure_unseen(matrix, said[q], groups) for q in QUESTIONS}
    lines = []
    for one in config.registry.measures:
        mine = [column.name for column in one.columns if column.name in usable]
        others = np.column_stack([v for name, v in usable.items() if name not in mine])
        gain = (
            whole["valid"] - measure_unseen(others, said["valid"], groups) if mine else float("nan")
        )
        for name in mine:
            areas = (measure_area(usable[name], said[q]) for q in QUESTIONS)
            lines.append([one.name, name, *(f"{area:.2f}" for area in areas), f"{gain:+.3f}"])
    counts = ", ".join(f"{said[q].sum()} {q.replace('_', ' ')}" for q in QUESTIONS)
    together = ", ".join(f"{q.replace('_', ' ')} {whole[q]:.3f}" for q in QUESTIONS)
    head = ["measure", "column", *(q.replace("_", " ") for q in QUESTIONS), "measure adds"]
    return "\n\n".join(
        [
            "# What each column tells",
            f"Written by `scripts/reproduce/columns.py` from {len(rows)} pairs of {file} "
            f"({counts} by all readers). Critic: {make_public_name(config.critic.model)}, teacher: "
            f"{make_public_name(config.teacher.model)}.",
            "Area under the ROC curve of the column alone; below 0.5 the column points the other "
            "way. *Measure adds* is what the area for valid loses when all columns of the measure "
            "are taken from a logistic model of all columns, on contexts that it has not seen "
            f"({FOLDS} folds). That model alone: {together}.",
            format_table(head, lines, "llr"),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("labels", type=Path)
    parser.add_argument("--preset", default="embedded")
    parser.add_argument("--name", default="labels", help="what the page calls the labels")
    parser.add_argument("--dtype", default="auto", help="of teacher and critic")
    parser.add_argument("--output", type=Path, default=Path("columns.md"))
    asked = parser.parse_args()
    rows: list[Row] = [row for row in read_file_rows(asked.labels) if row["context"]]
    asked.output.write_text(
        format_page(rows, configure_everything(asked.preset), asked.name, asked.dtype) + "\n",
        "utf-8",
    )


if __name__ == "__main__":
    main()
