"""Toy models made once for every worker, and the mark of the embedded ones."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import settings

# A busy machine is no fault of the code under test.
settings.register_profile("dimsum", deadline=None)
settings.load_profile("dimsum")


@pytest.fixture(autouse=True, scope="module")
def frozen() -> None:
    """What is imported by now stays: collections, which trainings ask for, need not look at it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def unforced() -> Iterator[None]:
    """Files are left to the system's cache: a killed process is not a lost disk."""
    real, os.fsync = os.fsync, lambda handle: None
    yield
    os.fsync = real


@pytest.fixture(autouse=True, scope="session")
def drawn_once() -> Iterator[None]:
    """A funnel of the same numbers is drawn once: it takes a seventh of a toy build.

    All that it shows is in the words for those who cannot see it.
    """
    from builder.report import drawing

    real = drawing._render
    known: dict[str, bytes] = {}

    def render(picture: drawing.Picture, kind: str, **more: Any) -> bytes:
        if picture.name != "funnel":
            return real(picture, kind, **more)
        key = repr((picture.title, picture.alt, picture.height, picture.width, kind, more))
        if key not in known:
            known[key] = real(picture, kind, **more)
        return known[key]

    drawing._render = render
    yield
    drawing._render = real


@pytest.fixture(autouse=True)
def online_again() -> Iterator[None]:
    """A command that found no Hub makes its process use the cache alone; the next test may not."""
    constants = sys.modules.get("huggingface_hub.constants")
    before = getattr(constants, "HF_HUB_OFFLINE", None), os.environ.get("HF_HUB_OFFLINE")
    yield
    if "huggingface_hub.constants" in sys.modules:
        known = sys.modules["huggingface_hub.constants"]
        known.HF_HUB_OFFLINE = bool(before[1]) if before[0] is None else before[0]
    os.environ.pop("HF_HUB_OFFLINE", None)
    if before[1] is not None:
        os.environ["HF_HUB_OFFLINE"] = before[1]


@pytest.fixture(scope="session")
def toy_teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.toys import make_teacher

    return make_teacher(tmp_path_factory.mktemp("teacher"))


@pytest.fixture(scope="session")
def toy_critic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.toys import make_critic

    return make_critic(tmp_path_factory.mktemp("critic"))


@pytest.fixture(scope="session")
def toy_t5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.student_toys import make_t5

    return make_t5(tmp_path_factory.mktemp("seq2seq"))


@pytest.fixture(scope="session")
def toy_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.student_toys import make_llama

    return make_llama(tmp_path_factory.mktemp("causal"))


@pytest.fixture(scope="session")
def toy_run(
    toy_teacher: Path, toy_critic: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Any]:
    """A finished run on the toy models and its configuration; to be read, not to be changed."""
    from builder.config import parse_config
    from builder.run import build
    from tests.toys import toy_config

    config = parse_config(toy_config(toy_teacher, toy_critic))
    folder = tmp_path_factory.mktemp("finished") / "run"
    build(config, folder)
    return folder, config


@pytest.fixture
def toy_document(toy_teacher: Path, toy_critic: Path) -> dict[str, Any]:
    from tests.toys import toy_config

    return toy_config(toy_teacher, toy_critic)


@pytest.fixture
def toy_yaml(toy_document: dict[str, Any], tmp_path: Path) -> Path:
    path = tmp_path / "toy.yaml"
    path.write_text(yaml.safe_dump(toy_document))
    return path
