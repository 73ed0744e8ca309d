"""Trying again, with back-off, where the Hub's client does not.

The client retries uploads and listings by itself. Creating a repository, a commit, a tag or a pull
request it tries once, rightly: after a lost answer nobody knows whether it was done. So here every
such call comes with a question that settles it, asked before the call is made again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import httpx2
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
from huggingface_hub.utils._http import parse_ratelimit_headers

from builder.hub.trouble import status_of

T = TypeVar("T")

_PASSING = frozenset({408, 429, 500, 502, 503, 504})
_LONGEST_ASKED = 600.0


@dataclass(frozen=True)
class Retry:
    """How often and how long.

    Attributes:
        attempts: of one call, the first included.
        first: seconds before the second attempt; doubled before each further one.
        longest: seconds between two attempts, unless the Hub asks for more.
        sleep: waits that many seconds.
    """

    attempts: int = 6
    first: float = 1.0
    longest: float = 30.0
    sleep: Callable[[float], None] = field(default=time.sleep, compare=False)

    def __call__(self, call: Callable[[], T], done: Callable[[], T | None] | None = None) -> T:
        """Calls until it succeeds.

        Args:
            call: may be made more than once.
            done: after a failure that may be a lost answer, its result if it was done after all,
                or None. Without it the call must be one that can be made twice.

        Raises:
            Exception: the last failure, when it will not pass or the attempts are used up.
        """
        for attempt in range(1, self.attempts + 1):
            try:
                return call()
            except Exception as error:
                if not passing(error):
                    raise
                # The question itself must not be lost either.
                result = self(done) if done is not None else None
                if result is not None:
                    return result
                if attempt == self.attempts:
                    raise
                self.sleep(self._wait(error, attempt))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _wait(self, error: Exception, attempt: int) -> float:
        backoff = min(self.first * 2.0 ** (attempt - 1), self.longest)
        return max(backoff, asked_wait(error))


def passing(error: BaseException) -> bool:
    """Whether an error may pass by itself: a busy or broken server, a broken connection."""
    if isinstance(error, httpx2.HTTPStatusError | HfHubHTTPError):
        return status_of(error) in _PASSING
    hopeless = httpx2.UnsupportedProtocol | httpx2.LocalProtocolError | OfflineModeIsEnabled
    if isinstance(error, hopeless):
        return False
    if isinstance(error, httpx2.TransportError | json.JSONDecodeError | TimeoutError):
        return True
    status = status_of(error)
    if isinstance(error, ConnectionError):
        return status is None or status in _PASSING
    if isinstance(error, RuntimeError):
        cause = error.__cause__
        return status in _PASSING or (cause is not None and passing(cause))
    return False


def asked_wait(error: BaseException) -> float:
    """Seconds that a 429 or 503 asks to wait, 0 if it asks for none."""
    if not isinstance(error, HfHubHTTPError):
        return 0.0
    headers = error.response.headers
    limit = parse_ratelimit_headers(headers)
    if limit is not None and limit.remaining == 0:
        return min(limit.reset_in_seconds + 1.0, _LONGEST_ASKED)
    try:
        return min(max(float(headers.get("Retry-After", "0")), 0.0), _LONGEST_ASKED)
    except ValueError:
        return 0.0
