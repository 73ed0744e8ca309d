"""One finished toy run and its report, for all tests of reports."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.config import BuildConfig, parse_config
from builder.report.gather import gather
from builder.report.model import Report
from builder.run import build
from builder.store import Run
from tests.toys import toy_config


@pytest.fixture(scope="session")
def finished(
    toy_teacher: Path, toy_critic: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Run, BuildConfig, Report]:
    config = parse_config(toy_config(toy_teacher, toy_critic))
    folder = tmp_path_factory.mktemp("report") / "run"
    build(config, folder)
    return Run.open(folder), config, gather(folder)
