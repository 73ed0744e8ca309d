"""What goes wrong with the Hub, in one line that says what to do; and never with a token in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import httpx2
from huggingface_hub import get_token
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalTokenNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils._http import parse_ratelimit_headers

from builder.errors import BuilderError, ConfigError
from dimsum import os_errors
from dimsum.errors import DimsumError

_TOKEN = re.compile(r"\b(hf|api_org|xet)_[A-Za-z0-9_]{4,}|(?i:bearer)\s+\S+")
_QUOTA = re.compile(r"(?i)quota|storage (limit|space)|(exceed|reach|over)\w*[^.]* (limit|storage)")
_FULL = {HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.INSUFFICIENT_STORAGE}

_ASKED = "asked_wait"


class MovedError(BuilderError):
    """Somebody else's commit is on the branch that this release was compared with."""

    def __init__(self, branch: str) -> None:
        super().__init__(
            f"{branch} moved while this was being published: somebody else committed to it",
            hint="look at that commit, then run the same command again",
        )


def scrub(text: str, *secrets: str | bool | None) -> str:
    """A text without access tokens: those given, the one logged in with, and any like them."""
    for secret in (*secrets, get_token()):
        if isinstance(secret, str) and secret:
            text = text.replace(secret, "***")
    return _TOKEN.sub("***", text)


def read_status(error: BaseException) -> int | None:
    """The HTTP status an error of the client stands for, if it stands for one."""
    if isinstance(error, HfHubHTTPError):
        return int(error.response.status_code)
    if isinstance(error, RuntimeError) and isinstance(error.__cause__, HfHubHTTPError):
        return read_status(error.__cause__)  # the storage of large files
    # Errors of Xet are built-in ones with the status in nothing but their text.
    found = re.search(r"\b([45]\d\d)\b (?:[A-Z][a-z]+)", str(error))
    return int(found[1]) if found and isinstance(error, ConnectionError | RuntimeError) else None


def read_asked_wait(error: BaseException) -> float:
    """Seconds that the answer behind an error asks to wait, 0 if it asks for none."""
    if isinstance(error, RuntimeError) and isinstance(error.__cause__, HfHubHTTPError):
        return read_asked_wait(error.__cause__)  # the storage of large files
    if not isinstance(error, HfHubHTTPError):
        return 0.0
    kept: float | None = error.response.extensions.get(_ASKED)
    return read_wait(error.response) if kept is None else kept


def read_wait(response: httpx2.Response) -> float:
    """Seconds that the headers of a 429 or 503 ask to wait, 0 if they ask for none."""
    limit = parse_ratelimit_headers(response.headers)
    if limit is not None and limit.remaining == 0:
        return limit.reset_in_seconds + 1.0
    try:
        return max(float(response.headers.get("Retry-After", "0")), 0.0)
    except ValueError:
        return 0.0


def keep_wait(response: httpx2.Response) -> None:
    """Keep the wait that an answer asks for from the client, which would sleep it and say nothing.

    `read_asked_wait` still knows it, and `Retry` says it or gives up.
    """
    response.extensions[_ASKED] = read_wait(response)
    for name in ("Retry-After", "ratelimit"):
        response.headers.pop(name, None)


@contextmanager
def explain_errors(repo_id: str, *secrets: str | bool | None) -> Iterator[None]:
    """Turns what the client raises into a `BuilderError` about `repo_id`."""
    try:
        yield
    except DimsumError as error:
        error.message = scrub(error.message, *secrets)
        raise
    except (
        HfHubHTTPError,
        httpx2.HTTPError,
        OSError,
        RuntimeError,
        ValueError,
    ) as error:
        # A traceback prints the whole chain: it is cut if there is a token anywhere in it.
        said = " ".join(map(str, _walk_chain(error)))
        cause = error if scrub(said, *secrets) == said else None
        raise explain(error, repo_id, *secrets) from cause


def _walk_chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__


def explain(error: BaseException, repo_id: str, *secrets: str | bool | None) -> BuilderError:
    """The one line for an error of the client."""
    status = read_status(error)
    said = scrub(_shorten(error), *secrets)
    namespace = repo_id.split("/")[0]
    if isinstance(error, LocalTokenNotFoundError):
        return BuilderError(
            "you are not logged in to the Hub", hint="run `hf auth login`, or set HF_TOKEN"
        )
    if isinstance(error, HFValidationError):
        return ConfigError(f"{repo_id} is no name of a repository", hint="give it as NS/NAME")
    if isinstance(error, GatedRepoError):
        return BuilderError(
            f"{repo_id} is gated", hint="ask for access on its page on the Hub, then try again"
        )
    if isinstance(error, RepositoryNotFoundError):
        return BuilderError(
            f"{repo_id} does not exist on the Hub, or this token may not see it",
            hint="check the name, and who you are with `hf auth whoami`",
        )
    if isinstance(error, RevisionNotFoundError):
        return BuilderError(
            f"{repo_id} has no such revision", hint="give a branch, a tag or a commit that it has"
        )
    if status == HTTPStatus.UNAUTHORIZED:
        return BuilderError(
            "the Hub does not accept the token",
            hint="it may have been revoked: run `hf auth login` with another",
        )
    if status in _FULL or (status in (403, 413) and _QUOTA.search(said)):
        return BuilderError(
            f"{namespace} has no storage left on the Hub: {said}",
            hint="free some there or get more, then run the same command again",
        )
    if status == HTTPStatus.FORBIDDEN and not isinstance(error, HfHubHTTPError):
        # Xet does not pass on what the Hub says.
        return BuilderError(
            f"the token may not upload to {repo_id}, or {namespace} has no storage left",
            hint=f"use a token with write access to {namespace}, or free some storage there",
        )
    if status == HTTPStatus.FORBIDDEN:
        return BuilderError(
            f"the token may not write to {repo_id}",
            hint=f"use one with write access to {namespace}, or a namespace of your own",
        )
    if status == HTTPStatus.PRECONDITION_FAILED:
        # Of a commit it means that the branch moved; `Remote.commit` knows, and says so itself.
        return BuilderError(
            f"the Hub's storage refused a file of {repo_id}: a condition of its upload did not "
            f"hold (412): {said}",
            hint="another upload of the same file may be under way; run the same command again, "
            "it goes on where it stopped",
        )
    if isinstance(error, ValueError) and "metadata" in said:
        return ConfigError(
            f"the Hub refuses the card's metadata: {said}", hint="`dimsum card lint` may say more"
        )
    if status is not None:
        asked = read_asked_wait(error)
        when = f" after the {asked:.0f} s that it asks to wait" if asked else ""
        return BuilderError(
            f"the Hub answered {status} for {repo_id}: {said}",
            hint=f"run the same command again{when}; it goes on where it stopped",
        )
    if isinstance(error, httpx2.HTTPError | ConnectionError | TimeoutError):
        return BuilderError(
            f"the Hub could not be reached: {said}",
            hint="when the connection is back, the same command goes on where it stopped",
        )
    if known := os_errors.explain(error):
        message, hint = known
        return BuilderError(message, hint=hint)
    return BuilderError(f"{type(error).__name__}: {said}", hint="`dimsum --debug` shows where")


def _shorten(error: BaseException) -> str:
    """What an error says, on one line of moderate length."""
    said = error.server_message if isinstance(error, HfHubHTTPError) else None
    text = " ".join((said or str(error) or type(error).__name__).split())
    return text.rstrip(".") if len(text) <= 200 else text[:199] + "…"
