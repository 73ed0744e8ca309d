from __future__ import annotations

from pathlib import Path

import pytest

from tests.student_toys import write_pairs


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of toy pairs with a validation split."""
    return write_pairs(tmp_path_factory.mktemp("pairs"))
