"""The real small models, on a build of a minute."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from builder.cli import run
from builder.models import EMBEDDED, find_embedded, resolve
from builder.store import REJECTS, Run

pytestmark = pytest.mark.embedded

TINY = (
    "contexts.openings=2",
    "contexts.shard=1",
    "contexts.samples=1",
    "candidates.samples=6",
)


def test_the_embedded_models_are_there() -> None:
    for name in EMBEDDED:
        assert find_embedded(name).exists()
        assert resolve(f"embedded:{name}").identity.startswith("sha256:")


def test_the_critic_is_small_and_knows_its_task() -> None:
    from builder.config import CriticConfig
    from builder.critics.entailment import EntailmentCritic

    folder = find_embedded("critic")
    assert sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) < 30 * 2**20
    critic = EntailmentCritic.load(CriticConfig(model="embedded:critic"))
    scores = critic.score(
        [
            ("The minister said the road would be closed on Monday.", "The road will be closed."),
            ("The road will be closed.", "The minister said the road would be closed on Monday."),
        ]
    )
    assert scores[0, 0] > 0.5 > scores[1, 0]
    np.testing.assert_allclose(scores.sum(1), 1.0, atol=1e-4)


def test_a_tiny_build_from_the_command_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ["build", "embedded", "--output", str(tmp_path / "run"), "--json"]
    for change in TINY:
        arguments += ["--set", change]
    code = run(arguments)
    out, err = capfd.readouterr()
    assert code in (0, 3), err
    steps = {}
    assert run(["show", str(tmp_path / "run"), "--json"]) == 0
    for step in json.loads(capfd.readouterr().out):
        steps[step["stage"]] = step
        assert step["entered"] == step["kept"] + sum(step["rejected"].values())
    made = Run.open(tmp_path / "run")
    tables = [made.read("candidates", n, *name) for n in range(2) for name in ((), (REJECTS,))]
    methods = [method for table in tables for method in table["method"].to_pylist()]
    assert steps["candidates"]["entered"] == len(methods)
    assert methods.count("parallel") == steps["contexts"]["kept"] * 6
    assert set(methods) <= {"parallel", "ending", "reordered"}
    assert steps["scores"]["entered"] == steps["pairs"]["kept"]
    assert "smollm2" in err
    if code == 0:
        assert json.loads(out)["rows"] == steps["splits"]["kept"] > 0
