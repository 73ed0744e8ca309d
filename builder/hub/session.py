"""The client's session for one command: with a time-out, and quiet where nobody watches."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from huggingface_hub import set_client_factory
from huggingface_hub.utils._http import default_client_factory
from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars

#: The client waits for ever by itself; a commit of many files may well take minutes.
TIMEOUT = httpx2.Timeout(300.0, connect=30.0)


@contextmanager
def quiet_client() -> Iterator[None]:
    """Gives the client a time-out, and no bars or warnings of retries where nobody watches."""

    def factory() -> httpx2.Client:
        client = default_client_factory()
        client.timeout = TIMEOUT
        return client

    set_client_factory(factory)
    if not sys.stderr.isatty() and not are_progress_bars_disabled():
        disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        yield
    finally:
        set_client_factory(default_client_factory)
