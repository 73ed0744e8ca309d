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
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential,
)

from builder.hub.errors import read_asked_wait, read_status

T = TypeVar("T")

_PASSING = frozenset({408, 429, 500, 502, 503, 504})


@dataclass
class Retry:
    """How often and how long; one object is for one thread.

    Attributes:
        attempts: of one call, the first included.
        first: seconds before the second attempt; doubled before each further one.
        longest: seconds between two attempts, unless the Hub asks for more.
        patience: seconds after the first failure of a call within which the last attempt begins,
            questions about the call included.
        report: called with a line before each wait.
        sleep: waits that many seconds.
        clock: seconds, of which only differences matter.
    """

    attempts: int = 6
    first: float = 1.0
    longest: float = 30.0
    patience: float = 300.0
    report: Callable[[str], None] = lambda line: None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _deadline: float | None = field(default=None, init=False)
    _what: str = field(default="", init=False)

    def __call__(
        self, call: Callable[[], T], done: Callable[[], T | None] | None = None, what: str = ""
    ) -> T:
        """Calls until it succeeds.

        Args:
            what: is waited for, in the words of a user.
            call: may be made more than once.
            done: after a failure that may be a lost answer, its result if it was done after all,
                or None. Without it the call must be one that can be made twice.

        Raises:
            Exception: the last failure, when it will not pass by itself, or when the attempts or
                the patience are used up.
        """
        question_of_another = self._deadline is not None
        self._what = what or self._what

        def attempt() -> T:
            try:
                return call()
            except Exception as error:
                if not may_pass(error):
                    raise
                if self._deadline is None:
                    self._deadline = self.clock() + self.patience
                # The question itself must not be lost either.
                result = self(done) if done is not None else None
                if result is None:
                    raise
                return result

        retrying = Retrying(
            retry=retry_if_exception(may_pass),
            wait=self._wait,
            stop=self._is_enough,
            before_sleep=self._announce,
            sleep=self.sleep,
            reraise=True,
        )
        try:
            return retrying(attempt)
        finally:
            if not question_of_another:
                self._deadline, self._what = None, ""

    def _wait(self, state: RetryCallState) -> float:
        back_off = wait_exponential(multiplier=self.first, max=self.longest)(state)
        return max(back_off, read_asked_wait(_find_failure(state)))

    def _is_enough(self, state: RetryCallState) -> bool:
        assert self._deadline is not None  # every failure that is tried again sets it
        too_late = self.clock() + state.upcoming_sleep > self._deadline
        return too_late or stop_after_attempt(self.attempts)(state)

    def _announce(self, state: RetryCallState) -> None:
        status = read_status(_find_failure(state))
        what = f"the Hub answered {status}" if status else "the Hub could not be reached"
        waiting = f"waiting to {self._what}: " if self._what else ""
        self.report(
            f"{waiting}{what}: trying again in {state.upcoming_sleep:.0f} s (failure "
            f"{state.attempt_number} of at most {self.attempts}, in {self.patience / 60:.0f} "
            "minutes at most)"
        )


def _find_failure(state: RetryCallState) -> BaseException:
    error = state.outcome.exception() if state.outcome else None
    assert error is not None
    return error


def may_pass(error: BaseException) -> bool:
    """Whether an error may pass by itself: a busy or broken server, a broken connection."""
    if isinstance(error, httpx2.HTTPStatusError | HfHubHTTPError):
        return read_status(error) in _PASSING
    hopeless = httpx2.UnsupportedProtocol | httpx2.LocalProtocolError | OfflineModeIsEnabled
    if isinstance(error, hopeless):
        return False
    if isinstance(error, httpx2.TransportError | json.JSONDecodeError | TimeoutError):
        return True
    status = read_status(error)
    if isinstance(error, ConnectionError):
        return status is None or status in _PASSING
    if isinstance(error, RuntimeError):
        cause = error.__cause__
        return status in _PASSING or (cause is not None and may_pass(cause))
    return False
