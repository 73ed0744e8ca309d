"""The client's session for one command: with a time-out, and quiet where nobody watches."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from huggingface_hub import constants, set_client_factory
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils._http import default_client_factory
from huggingface_hub.utils._validators import validate_repo_id
from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars

from builder.errors import BuilderError, ConfigError
from builder.hub.errors import keep_wait
from dimsum.network import answers

#: The client waits for ever by itself; a commit of many files may well take a minute.
TIMEOUT = httpx2.Timeout(120.0, connect=10.0)
#: Xet tries each request again for six minutes by itself and says nothing; `Retry` says it.
XET = {"HF_XET_CLIENT_RETRY_MAX_DURATION": "30s", "HF_XET_CLIENT_RETRY_MAX_ATTEMPTS": "3"}


def check_reachable(repo_id: str) -> None:
    """Find out within seconds that there is no Hub, before anything is hashed or tried again.

    Args:
        repo_id: that it is to be asked about.

    Raises:
        ConfigError: no repository can have that name.
        BuilderError: it does not answer.
    """
    if not _can_be_named(repo_id):
        raise ConfigError(f"{repo_id} is no name of a repository", hint="give it as NS/NAME")
    if not answers(constants.ENDPOINT):
        raise BuilderError(
            f"the Hub could not be reached: {constants.ENDPOINT} does not answer",
            hint="when the connection is back, the same command goes on where it stopped",
        )


def _can_be_named(repo_id: str) -> bool:
    try:
        validate_repo_id(repo_id)
    except HFValidationError:
        return False
    return repo_id.count("/") == 1


@contextmanager
def hush_client() -> Iterator[None]:
    """Gives the client a time-out and no long waits, and no bars where nobody watches."""

    def factory() -> httpx2.Client:
        client = default_client_factory()
        client.timeout = TIMEOUT
        hooks = client.event_hooks
        client.event_hooks = {**hooks, "response": [*hooks["response"], keep_wait]}
        return client

    set_client_factory(factory)
    for name, value in XET.items():
        os.environ.setdefault(name, value)
    if not sys.stderr.isatty() and not are_progress_bars_disabled():
        disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        yield
    finally:
        set_client_factory(default_client_factory)
