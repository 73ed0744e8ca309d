"""Pairs that readers are told are valid are pairs that a build would take."""

from __future__ import annotations

import pytest

from builder.task_check import check_task
from dimsum.tasks import task_names, task_of


@pytest.mark.parametrize("name", task_names())
def test_known_valid_pairs_pass_the_rules_that_need_no_model(name: str) -> None:
    if name == "simplification":
        pytest.importorskip("wordfreq")
    known = [(pair.source, pair.target) for pair in task_of(name).known if pair.valid]
    assert known
    failed = {pair.target: pair.failed for pair in check_task(name, known).pairs if pair.failed}
    assert failed == {}
