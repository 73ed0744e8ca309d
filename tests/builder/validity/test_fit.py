"""P(valid): the fit against scikit-learn's own numbers, thresholds against brute force."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from builder.audit.intervals import clopper_pearson
from builder.errors import BuilderError, GateError
from builder.validity import fit as module
from builder.validity.fit import fit, measure_area, measure_reliability
from builder.validity.labels import Labelled
from builder.validity.model import Calibration, read_calibration, write_calibration
from builder.validity.threshold import LEVEL, find_loosest


def made_up(count: int = 400, seed: int = 0) -> Labelled:
    """Labels that two of four columns decide; one column is missing at times, one always."""
    rng = np.random.default_rng(seed)
    useful, other = rng.random(count), rng.random(count)
    chance = 1 / (1 + np.exp(-(6 * useful + 2 * other - 4)))
    values = {
        "useful": useful,
        "other": np.where(rng.random(count) < 0.2, np.nan, other),
        "noise": rng.random(count),
        "never": np.full(count, np.nan),
    }
    return Labelled(
        values=values,
        valid=rng.random(count) < chance,
        weight=np.ones(count),
        context=[f"c-{n // 4}" for n in range(count)],
        missing=0,
    )


@pytest.fixture(scope="module")
def fitted() -> Calibration:
    """The model of the labels made up above; made once, and not to be changed."""
    return fit(made_up()).model


def test_the_model_is_the_mean_of_the_librarys_own_log_odds() -> None:
    data = made_up()
    model = fit(data, seed=3).model
    assert model.columns == ("useful", "other", "noise")
    rows = np.column_stack([data.values[name] for name in model.columns])
    rows = np.where(np.isnan(rows), np.nanmedian(rows, axis=0), rows)
    mean, scale = rows.mean(axis=0), rows.std(axis=0)
    linear = LogisticRegression(C=module.STRENGTH, max_iter=5000)
    linear.fit((rows - mean) / scale, data.valid)
    trees = GradientBoostingClassifier(
        **module.TREES, learning_rate=module.RATE, random_state=3
    ).fit(rows, data.valid)
    odds = (linear.decision_function((rows - mean) / scale) + trees.decision_function(rows)) / 2
    assert model.predict(data.values) == pytest.approx(1 / (1 + np.exp(-odds)), abs=1e-9)


def test_numbers_on_unseen_contexts_are_honest() -> None:
    data = made_up()
    found = fit(data)
    assert found.area == pytest.approx(roc_auc_score(data.valid, found.unseen), abs=1e-12)
    assert found.brier == pytest.approx(np.mean((found.unseen - data.valid) ** 2))
    by_name = {one.column: one for one in found.added}
    assert found.added[0].column == "useful"
    assert by_name["useful"].alone > 0.75 > by_name["noise"].alone
    assert abs(by_name["noise"].lost) < 0.02
    # A model that has seen a label knows it better than one that has not.
    assert roc_auc_score(data.valid, found.model.predict(data.values)) > found.area


def test_labels_without_information_are_not_ranked() -> None:
    data = made_up()
    rng = np.random.default_rng(5)
    blind = Labelled(data.values, rng.permutation(data.valid), data.weight, data.context, 0)
    assert 0.4 < fit(blind).area < 0.6


def test_a_context_is_never_on_both_sides() -> None:
    data = made_up()
    fold = module._choose_folds(data, 0)
    assert set(fold.tolist()) == set(range(module.FOLDS))
    assert len({(c, f) for c, f in zip(data.context, fold.tolist(), strict=True)}) == 100


def test_area_under_counts_ties_as_half() -> None:
    score, valid = np.array([0.1, 0.5, 0.5, 0.9]), np.array([False, False, True, True])
    assert measure_area(score, valid) == pytest.approx(3.5 / 4)


@pytest.mark.parametrize(
    ("valid", "contexts", "said"),
    [(0, 100, "0 of them valid"), (10, 100, "10 of them valid"), (200, 5, "5 contexts")],
)
def test_too_little_is_refused(valid: int, contexts: int, said: str) -> None:
    data = made_up()
    few = Labelled(
        data.values,
        np.arange(400) < valid,
        data.weight,
        [f"c-{n % contexts}" for n in range(400)],
        0,
    )
    with pytest.raises(GateError, match=said):
        fit(few)


def test_a_model_survives_its_file(fitted: Calibration, tmp_path: Path) -> None:
    data, model = made_up(), fitted
    path = tmp_path / "validity.json"
    write_calibration(path, model)
    again = read_calibration(path)
    assert again == model
    assert (again.predict(data.values) == model.predict(data.values)).all()


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(format=2),
        lambda d: d.update(surprise=1),
        lambda d: d.update(absent=[0.0]),
        lambda d: d["members"][0].update(scale=[0.0, 1.0, 1.0]),
        lambda d: d["members"][1]["trees"][0].update(left=[0] * 100),
        lambda d: d["members"][1]["trees"][0].update(column=[9]),
    ],
)
def test_a_file_edited_by_hand_is_refused(fitted: Calibration, tmp_path: Path, change: Any) -> None:
    path = tmp_path / "validity.json"
    write_calibration(path, fitted)
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(BuilderError, match="no model of validity"):
        read_calibration(path)
    path.write_text("{")
    with pytest.raises(BuilderError, match="no model of validity"):
        read_calibration(path)
    with pytest.raises(BuilderError, match="cannot be read"):
        read_calibration(tmp_path / "nothing.json")


def test_the_loosest_threshold_is_the_one_that_brute_force_finds() -> None:
    rng = np.random.default_rng(1)
    score = rng.random(600)
    valid = rng.random(600) < np.clip(score * 1.1, 0, 0.98)
    found = find_loosest(score, valid, np.ones(600), 0.8)
    assert found.value is not None
    top = score >= found.value
    assert found.labels == top.sum()
    assert found.precision == pytest.approx(valid[top].mean())
    assert found.low == pytest.approx(clopper_pearson(valid[top].sum(), top.sum(), LEVEL)[0])
    assert found.low >= 0.8
    looser = np.sort(score[~top])[-1]
    below = score >= looser
    assert clopper_pearson(valid[below].sum(), below.sum(), LEVEL)[0] < 0.8
    assert found.recall == pytest.approx(valid[top].sum() / valid.sum())
    assert found.kept == pytest.approx(top.mean())


def test_what_labels_do_not_show_gets_no_threshold() -> None:
    score = np.linspace(0, 1, 40)
    enough = find_loosest(score, score > 0.5, np.ones(40), 0.99)
    assert enough.value is None
    assert enough.precision == 1.0
    # 299 hits without a miss are the first whose one-sided 95% bound reaches 0.99.
    assert enough.more is not None
    assert 299 <= enough.labels + enough.more <= 306
    never = find_loosest(score, np.arange(40) % 2 == 0, np.ones(40), 0.9)
    assert (never.value, never.more) == (None, None)


def test_reliability_covers_every_label() -> None:
    rng = np.random.default_rng(2)
    score = rng.random(995)
    parts = measure_reliability(score, rng.random(995) < score)
    assert sum(part["labels"] for part in parts) == 995
    assert all(abs(part["predicted"] - part["valid"]) < 0.15 for part in parts)
    assert Calibration.model_fields["learnt"].is_required() is False
