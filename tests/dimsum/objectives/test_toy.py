"""What theory says of the divergences, on 1,000 classes whose answer is known."""

from __future__ import annotations

import pytest

from tests.scripts import script

toy = script("distillation_toy")


@pytest.mark.parametrize("beta", [0.5, 1.0])
def test_a_free_student_reaches_its_teacher(beta: float) -> None:
    found = toy.reach(beta)
    assert found["start"] > 1
    assert found["end"] < 1e-5 and found["largest_error"] < 1e-4


def test_forward_kl_covers_the_modes_and_reverse_kl_takes_one() -> None:
    # 0.6 N(300, 30) and 0.4 N(700, 30): mean 460, variance 900 + 0.24 * 400^2.
    covering, seeking = toy.fit_bell(0.0), toy.fit_bell(1.0)
    assert covering["mean"] == pytest.approx(460, abs=0.1)
    assert covering["sd"] == pytest.approx((900 + 0.24 * 400**2) ** 0.5, rel=0.01)
    assert seeking["mean"] == pytest.approx(300, abs=0.1)
    assert seeking["sd"] == pytest.approx(30, rel=0.01)
    assert seeking["divergence"] == pytest.approx(0.510826, abs=1e-4)  # -ln 0.6


def test_what_the_student_writes_itself_is_learnt_better_on_policy() -> None:
    assert toy.expose(1.0, seed=0) < 0.5 * toy.expose(0.0, seed=0)
