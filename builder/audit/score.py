"""Answers become a document: precision, what the rejects lose, agreement, consistency."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from builder.audit.agreement import LEVELS, Level, measure_alpha
from builder.audit.answers import Answers, read_answers
from builder.audit.consistency import measure_consistency
from builder.audit.key import Key
from builder.audit.known import find_lacking_known
from builder.audit.labels import Label, as_row, make_labels
from builder.audit.precision import count_unread, measure_precision, measure_recall, measure_yes
from builder.audit.record import make_facts
from builder.audit.systems import compare_systems, make_matrix
from dimsum.files import open_whole_file, write_json
from dimsum.metrics.bootstrap import RESAMPLES
from dimsum.tasks.words import join_and

SCORES = "scores.json"
LABELS = "labels.jsonl"
FEW = 30
"""Pairs below which a warning says how wide the interval is."""
HOW = {
    "joined": "all: yes by every reader; majority: yes by more than half of them",
    "agreement": f"Krippendorff's alpha; 95% percentiles of {RESAMPLES} resamples of the items",
}


def score(folder: Path, files: Sequence[Path]) -> dict[str, Any]:
    """Score an audit, and write scores.json and labels.jsonl into its folder.

    Raises:
        ConfigError: not the folder of an audit, or files that cannot be used; nothing is written.
    """
    key = Key.read(folder)
    answers = read_answers(key, files)
    document = make_scores(key, answers)
    if key.kind == "pairs":
        readers = list(answers.by_reader)
        with open_whole_file(folder / LABELS) as stream:
            for label in make_labels(key, answers):
                stream.write(json.dumps(as_row(label, readers), ensure_ascii=False) + "\n")
    write_json(folder / SCORES, document)
    return document


def make_scores(key: Key, answers: Answers) -> dict[str, Any]:
    """All that the answers say, as a JSON-able document."""
    warnings = list(answers.warnings)
    document: dict[str, Any] = {
        "format": 1,
        "audit": key.audit,
        "kind": key.kind,
        "corpus": key.corpus.model_dump(exclude={"folder"}),
        "drawn": key.drawn,
        "seed": key.seed,
        "how": HOW,
        "agreement": _measure_agreement(key, answers),
    }
    judged: list[Label] = []
    if key.kind == "pairs":
        judged = make_labels(key, answers)
        strata, rows = count_unread(key, judged)
        if strata:
            warnings.append(
                f"no pair of {strata} strata was judged by all; their {rows:,} rows are not "
                "spoken of"
            )
        if lacking := find_lacking_known(key.pairs):
            warnings.append(
                f"no pair whose answer is known is of {join_and(lacking)}: whether readers "
                "attended to these is not known"
            )
        if len(judged) < FEW:
            warnings.append(f"{len(judged)} pairs were judged by all: the intervals are wide")
        document |= {
            "read": len(judged),
            "precision": measure_precision(key, judged),
            "recall": measure_recall(judged),
        }
    else:
        document["systems"] = compare_systems(key, answers)
    document["readers"] = [
        _describe_reader(key, answers, number, judged) for number in range(len(answers.by_reader))
    ]
    document["facts"] = facts.model_dump(mode="json") if (facts := make_facts(document)) else None
    return {**document, "warnings": warnings}


def _measure_agreement(key: Key, answers: Answers) -> list[dict[str, Any]]:
    """Alpha of each question; yes and no have no order, points have."""
    levels: tuple[Level, ...] = ("nominal",) if key.kind == "pairs" else LEVELS
    return [
        {"question": question, **asdict(measure_alpha(make_matrix(key, answers, question), level))}
        for question in key.questions
        for level in levels
    ]


def _describe_reader(
    key: Key, answers: Answers, number: int, judged: Sequence[Label]
) -> dict[str, Any]:
    """What one reader answered, how consistently, and the precision by these answers alone."""
    name = list(answers.by_reader)[number]
    given = answers.by_reader[name]
    found = {
        "reader": name,
        "items": len(key.sheets[name]),
        "answered": sum(answer.whole for answer in given.values()),
        **measure_consistency(key, given),
    }
    if judged:
        alone = [
            Label(label.pair, label.weight, (label.readers[number],))
            for label in judged
            if label.pair.stage == "released"
        ]
        found["released"] = {q: asdict(measure_yes(alone, q)) for q in key.questions}
    return found
