"""The finished toy run and its report, for all tests of reports."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.config import BuildConfig
from builder.report.gather import gather
from builder.report.model import Report
from builder.store import Run


@pytest.fixture(scope="session")
def finished(toy_run: tuple[Path, BuildConfig]) -> tuple[Run, BuildConfig, Report]:
    folder, config = toy_run
    return Run.open(folder), config, gather(folder)
