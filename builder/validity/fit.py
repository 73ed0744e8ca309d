"""Fit P(valid) to labels, and judge the fit on labels that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from builder.errors import BuilderError, GateError
from builder.validity.labels import Labelled
from builder.validity.model import Boosted, Calibration, Logistic, Tree

if TYPE_CHECKING:
    from builder.measures.base import Floats

FOLDS = 10
LEAST = 20
"""Labels of the rarer kind below which nothing is fitted."""
STRENGTH = 0.05
"""Inverse of the logistic model's L2 penalty, on standardised columns."""
RATE = 0.05
TREES = {"n_estimators": 150, "max_depth": 3, "min_samples_leaf": 10, "subsample": 0.7}


@dataclass(frozen=True)
class Added:
    """What a column is worth.

    Attributes:
        alone: area under the curve of the column by itself, as it points.
        lost: area that the model loses on unseen labels when the column is shuffled.
    """

    column: str
    alone: float
    lost: float


@dataclass(frozen=True)
class Fit:
    """A model and how it does on labels of contexts that it has not seen.

    Attributes:
        unseen: P(valid) of each label by a model that was fitted without its context.
        area: under the ROC curve of `unseen`.
        brier: mean squared error of `unseen`.
        added: by column, the most useful first.
    """

    model: Calibration
    unseen: Floats
    area: float
    brier: float
    added: tuple[Added, ...]


def fit(data: Labelled, seed: int = 0) -> Fit:
    """Fit a logistic model and boosted trees, and average their log-odds.

    Raises:
        GateError: too few labels, or labels of one kind only.
        BuilderError: scikit-learn is not installed.
    """
    _check(data)
    names = [name for name, column in data.values.items() if not np.isnan(column).all()]
    absent = tuple(float(np.nanmedian(data.values[name])) for name in names)
    given = np.column_stack([data.values[name] for name in names])
    rows = np.where(np.isnan(given), np.array(absent), given)
    fold = _choose_folds(data, seed)
    unseen = np.zeros(len(data))
    lost = np.zeros((len(names), len(data)))
    rng = np.random.default_rng(seed)
    for number in range(int(fold.max()) + 1):
        test = fold == number
        model = _fit(rows[~test], data.valid[~test], names, absent, seed)
        unseen[test] = _predict(model, rows[test])
        for column in range(len(names)):
            shuffled = rows[test].copy()
            shuffled[:, column] = rng.permutation(shuffled[:, column])
            lost[column, test] = _predict(model, shuffled)
    area = measure_area(unseen, data.valid)
    added = [
        Added(
            name, _measure_alone(rows[:, i], data.valid), area - measure_area(lost[i], data.valid)
        )
        for i, name in enumerate(names)
    ]
    return Fit(
        model=_fit(rows, data.valid, names, absent, seed),
        unseen=unseen,
        area=area,
        brier=float(np.mean((unseen - data.valid) ** 2)),
        added=tuple(sorted(added, key=lambda one: -one.lost)),
    )


def _check(data: Labelled) -> None:
    valid = int(data.valid.sum())
    rarer = min(valid, len(data) - valid)
    if rarer < LEAST:
        raise GateError(
            f"{len(data)} labels of this run's pairs, {valid} of them valid, are too few to fit",
            hint=f"{LEAST} of each kind are needed: read more with `dimsum audit`",
        )
    if len(set(data.context)) < FOLDS:
        raise GateError(
            f"the labels are of {len(set(data.context))} contexts",
            hint=f"at least {FOLDS} are needed to judge the fit on contexts that it has not seen",
        )


def _choose_folds(data: Labelled, seed: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Fold of each label; a context is in one, and the valid ones are spread evenly."""
    contexts = sorted(set(data.context))
    valid = dict.fromkeys(contexts, 0)
    for context, is_valid in zip(data.context, data.valid.tolist(), strict=True):
        valid[context] += is_valid
    chance = dict(zip(contexts, np.random.default_rng(seed).random(len(contexts)), strict=True))
    order = sorted(contexts, key=lambda c: (-valid[c], chance[c]))
    number = {context: index % FOLDS for index, context in enumerate(order)}
    return np.array([number[context] for context in data.context], dtype=np.int64)


def _fit(
    rows: Floats, valid: Any, names: list[str], absent: tuple[float, ...], seed: int
) -> Calibration:
    try:
        from sklearn.ensemble import GradientBoostingClassifier
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise BuilderError(
            "scikit-learn is not installed", hint="pip install 'dimsum-plus[calibrate]'"
        ) from error
    mean, scale = rows.mean(axis=0), rows.std(axis=0)
    scale[scale == 0] = 1.0
    linear = LogisticRegression(C=STRENGTH, max_iter=5000).fit((rows - mean) / scale, valid)
    boosting = GradientBoostingClassifier(**TREES, learning_rate=RATE, random_state=seed).fit(
        rows, valid
    )
    share = float(np.mean(valid))
    return Calibration(
        columns=tuple(names),
        absent=absent,
        members=(
            Logistic(
                mean=tuple(mean.tolist()),
                scale=tuple(scale.tolist()),
                weight=tuple(linear.coef_[0].tolist()),
                intercept=float(linear.intercept_[0]),
            ),
            Boosted(
                intercept=float(np.log(share / (1 - share))),
                rate=RATE,
                trees=tuple(_make_tree(one.tree_) for one in boosting.estimators_[:, 0]),
            ),
        ),
    )


def _make_tree(tree: Any) -> Tree:
    """A tree of scikit-learn as arrays; its leaves have no children."""
    leaf = tree.children_left < 0
    return Tree(
        column=tuple(np.where(leaf, -1, tree.feature).tolist()),
        threshold=tuple(np.where(leaf, 0.0, tree.threshold).tolist()),
        left=tuple(tree.children_left.tolist()),
        right=tuple(tree.children_right.tolist()),
        value=tuple(tree.value[:, 0, 0].tolist()),
    )


def _predict(model: Calibration, rows: Floats) -> Floats:
    return model.predict(dict(zip(model.columns, rows.T, strict=True)))


def measure_area(score: Floats, valid: Any) -> float:
    """Area under the ROC curve: the chance that a valid pair scores above another; ties are half.

    Source: Hanley and McNeil (1982).
    """
    from scipy.stats import rankdata

    ranks = rankdata(score)
    ones = int(np.sum(valid))
    zeros = len(ranks) - ones
    return float((ranks[np.asarray(valid)].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def _measure_alone(column: Floats, valid: Any) -> float:
    area = measure_area(column, valid)
    return max(area, 1 - area)


def measure_reliability(unseen: Floats, valid: Any, bins: int = 10) -> list[dict[str, float]]:
    """Mean P(valid) and share of valid ones in bins of equally many labels, lowest first."""
    order = np.argsort(unseen, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return [
        {
            "labels": len(part),
            "predicted": float(unseen[part].mean()),
            "valid": float(np.mean(np.asarray(valid)[part])),
        }
        for part in parts
    ]
