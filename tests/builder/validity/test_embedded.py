"""The model of validity that is shipped, and the labels that it was fitted to."""

from __future__ import annotations

import json

import numpy as np

from builder.config import load_config
from builder.measures import likelihood
from builder.measures.grammar import REARRANGED
from builder.measures.registry import OPTIONAL
from builder.validity.labels import read_labels
from builder.validity.model import read_calibration
from builder.validity.use import SHIPPED, find_model, find_path, find_prior

MODEL = "embedded:embedded"


def test_it_goes_with_the_embedded_preset_and_needs_no_critic() -> None:
    config = load_config("embedded")
    assert config.measures == tuple(n for n, one in OPTIONAL.items() if one.cost != "model")
    model = find_model(config)
    assert model is not None
    assert find_prior(config) == model
    before = {c.name for measure in config.registry.before_critic for c in measure.columns}
    # Of the labels' sentences nobody knows how likely they were: that is a rule of its own.
    drawn = {column.name for column in likelihood.MEASURE.columns}
    # What another order breaks is refused as such.
    broken = {column.name for column in REARRANGED.columns}
    assert set(model.columns) == before - drawn - broken
    assert drawn & set(config.rules["summary"])
    assert broken <= set(config.rules["paraphrase"])


def test_its_file_says_what_its_labels_say() -> None:
    model = read_calibration(find_path(MODEL))
    labels = read_labels([SHIPPED / "labels.jsonl"])
    assert model.learnt["labels"] == len(labels)
    assert model.learnt["valid"] == sum(label.valid for label in labels)
    assert model.learnt["contexts"] == len({label.context for label in labels})


def test_what_it_ranks_higher_is_better_copied() -> None:
    model = read_calibration(find_path(MODEL))
    middle = dict(zip(model.columns, model.absent, strict=True))
    good = {**middle, "copied": 1.0, "copied_in_order": 1.0, "new_roles": 0.0}
    bad = {**middle, "copied": 0.4, "copied_in_order": 0.4, "new_roles": 5.0}
    rows = {name: np.array([good[name], bad[name]]) for name in model.columns}
    better, worse = model.predict(rows) / (1 - model.predict(rows))
    assert better > 5 * worse  # odds


def test_readers_answers_are_whole() -> None:
    for line in (SHIPPED / "labels.jsonl").read_text("utf-8").splitlines():
        for reader in json.loads(line)["readers"]:
            parts = [reader[q] for q in ("faithful", "fluent", "main_point")]
            assert all(parts) or not reader["valid"]


def test_a_second_reader_agrees_as_the_page_says() -> None:
    first = {}
    for line in (SHIPPED / "labels.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        first[row["id"]] = row["readers"][0]
    lines = (SHIPPED / "second_readings.jsonl").read_text("utf-8").splitlines()
    pairs = [(first[row["id"]]["valid"], row["valid"]) for row in map(json.loads, lines)]
    assert len(pairs) == 120
    a, b = (np.array([pair[i] for pair in pairs]) for i in (0, 1))
    chance = a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean())
    kappa = ((a == b).mean() - chance) / (1 - chance)
    assert (round((a == b).mean(), 2), round(kappa, 2)) == (0.97, 0.83)
