"""Whether the Hub answers, asked once before anything waits for it."""

from __future__ import annotations

import os
import ssl
import sys
import threading
import urllib.error
import urllib.request

TIMEOUT = 3.0
"""Seconds that the Hub has to answer anything at all."""
PATIENCE = 1.0
"""Seconds after which it is said what is waited for."""
_ANSWERED: set[str] = set()
_SILENT: set[str] = set()


def prefer_cache_when_offline() -> None:
    """Where the Hub does not answer, make its clients use what they have cached, at once.

    By themselves they try for half a minute and more. It is asked once a process, and it says so.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE or constants.ENDPOINT in _ANSWERED:
        return
    if answers(constants.ENDPOINT):
        _ANSWERED.add(constants.ENDPOINT)
        return
    _SILENT.add(constants.ENDPOINT)
    print(f"{constants.ENDPOINT} does not answer; only what is cached is used", file=sys.stderr)
    os.environ["HF_HUB_OFFLINE"] = "1"  # for libraries that are not imported yet, and workers
    constants.HF_HUB_OFFLINE = True
    if "datasets" in sys.modules:
        sys.modules["datasets"].config.HF_HUB_OFFLINE = True


def is_offline() -> bool:
    """Whether the Hub's clients only use what they have cached."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def explain_offline() -> str:
    """Why they do, as the end of a message."""
    from huggingface_hub import constants

    if constants.ENDPOINT in _SILENT:
        return f"{constants.ENDPOINT} does not answer"
    return "HF_HUB_OFFLINE is set"


def answers(url: str) -> bool:
    """Whether a server answers within `TIMEOUT`; any answer will do.

    The question is asked in a thread, since looking up a name has no time-out of its own.
    """
    found: list[bool] = []
    asking = threading.Thread(target=lambda: found.append(_ask(url)), daemon=True)
    asking.start()
    asking.join(PATIENCE)
    if asking.is_alive():
        print(f"waiting for {url} ...", file=sys.stderr)
        asking.join(TIMEOUT - PATIENCE)
    return bool(found and found[0])


def _ask(url: str) -> bool:
    request = urllib.request.Request(url, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT):
            return True
    except urllib.error.HTTPError:
        return True
    except urllib.error.URLError as error:
        # A certificate that only the Hub's own client trusts is an answer too.
        return isinstance(error.reason, ssl.SSLError)
    except (OSError, ValueError):
        return False
