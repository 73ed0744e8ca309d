"""A teacher behind a server that answers as OpenAI's `/v1/completions`.

Each sample is one streamed request with a seed of its own, so the order of answers decides nothing,
and it is ended as soon as its sentence has. Servers that keep the keys and values of a prefix (vLLM
and SGLang do) compute a context once for all its samples. What a server draws for a seed is its own
affair: bytes are the same for one server of one version, and not across.

Of what this project's sampler holds, a server does not hold blocked n-grams, early endings and a
least number of tokens, and a banned text ends a sample instead of being passed over.

Source: OpenAI API reference, "Create completion"; vLLM and llama.cpp document their own answers.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx2
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from builder.decoding.continuation import Finish, Sample
from builder.decoding.sentence_end import find_line_end, find_sentence_end
from builder.decoding.settings import SamplingConfig
from builder.errors import BuilderError
from builder.store import make_seed
from builder.teachers.base import UNUSABLE, EngineSampler, EngineTeacher
from builder.teachers.settings import ServerSettings

UNKNOWN = -1
"""The id of a token that a server names by its text alone."""

PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same request may succeed."""

SEEDS = 1 << 31
"""Seeds that every server takes."""

ABOUT_LENGTH = ("length", "too long", "context", "exceed", "too large")
"""Words of a refusal that is about its prompt alone."""


class _Passing(Exception):
    """A fault of the moment: a busy server, a cut connection, half an answer."""


class _Unusable(Exception):
    """A prompt that the server cannot continue."""


@dataclass(slots=True)
class _Answer:
    """One answer as it grows.

    Attributes:
        parts: length of the text, tokens and log-probability after each of its parts.
    """

    text: str = ""
    tokens: int = 0
    logprob: float = 0.0
    finish: str | None = None
    parts: list[tuple[int, int, float]] = field(default_factory=list)

    def take(self, choice: Mapping[str, Any]) -> None:
        """Add a part of the stream."""
        found = _read_logprobs(choice.get("logprobs"))
        self.text += choice.get("text") or ""
        self.tokens += len(found)
        self.logprob += sum(found)
        self.parts.append((len(self.text), self.tokens, self.logprob))
        self.finish = choice.get("finish_reason") or self.finish

    def sample(self, prompt: int, index: int, end: int | None, stop: Finish) -> Sample:
        """As the rest of this project knows it, cut where its sentence or line ends."""
        if end is None:
            finish: Finish = "length" if self.finish == "length" else "eos"
            tokens = (UNKNOWN,) * self.tokens
            return Sample(prompt, index, self.text, tokens, self.logprob, finish)
        _, many, logprob = next(part for part in self.parts if part[0] >= end)
        return Sample(prompt, index, self.text[:end], (UNKNOWN,) * many, logprob, stop)


@dataclass(frozen=True)
class ServedTeacher(EngineTeacher):
    """A teacher behind a server, which has been asked whether it has that model.

    Attributes:
        model: its name there.
        notes: for whoever watches the build.
    """

    settings: ServerSettings
    model: str
    notes: tuple[str, ...] = ()

    @classmethod
    def find(cls, settings: ServerSettings, model: str) -> ServedTeacher:
        """Ask the server for its models.

        Raises:
            BuilderError: it does not answer, refuses the key, or has another model.
        """
        name = settings.served or model
        with _open_client(settings) as client:
            answer = _get(client, settings, "/models")
        known = [str(one.get("id")) for one in answer.get("data", ()) if isinstance(one, dict)]
        if name not in known:
            raise BuilderError(
                f"the server at {settings.url} has {', '.join(known) or 'no model'}, not {name}",
                hint="name its model in teacher.engine.served, or start the server with it",
            )
        return cls(settings, name, (f"{name} at {settings.url}, {ask_version(settings)}",))

    def sampler(self, config: SamplingConfig) -> ServedSampler:
        """As in `EngineTeacher`."""
        return ServedSampler(self, config)


class ServedSampler(EngineSampler):
    """Samples continuations as `NucleusSampler` does, from a server."""

    kind = "server"

    def __init__(self, teacher: ServedTeacher, config: SamplingConfig) -> None:
        super().__init__(config)
        self.teacher = teacher
        self._ended = threading.Event()

    def sample_each(
        self, prompts: Sequence[str], samples: int, seed: int, tick: Callable[[int], None]
    ) -> tuple[list[Sample], dict[int, str]]:
        """As in `EngineSampler`.

        Raises:
            BuilderError: the server fails, or says nothing at all.
        """
        found: dict[tuple[int, int], Sample] = {}
        faults: dict[int, str] = {}
        settings = self.teacher.settings
        self._ended.clear()
        pool = ThreadPoolExecutor(settings.concurrency, thread_name_prefix="teacher")
        try:
            with _open_client(settings) as client:
                asked = {
                    pool.submit(self._ask, client, text, prompt, index, seed): (prompt, index)
                    for prompt, text in enumerate(prompts)
                    for index in range(samples)
                }
                for future in as_completed(asked):
                    prompt, index = asked[future]
                    try:
                        found[prompt, index] = future.result()
                        tick(len(found[prompt, index].tokens))
                    except _Unusable:
                        faults[prompt] = UNUSABLE
        finally:
            self._ended.set()
            pool.shutdown(cancel_futures=True)
        kept = [found[key] for key in sorted(found) if key[0] not in faults]
        if kept and not any(one.text.strip() for one in kept):
            raise BuilderError(
                f"the server at {settings.url} gave {len(kept)} answers, all of them empty",
                hint="ask it for a completion by hand: its model may be broken, or no base model",
            )
        return kept, faults

    def _ask(self, client: httpx2.Client, text: str, prompt: int, index: int, seed: int) -> Sample:
        config, settings = self.config, self.teacher.settings
        body = {
            **settings.extra,
            "model": self.teacher.model,
            "prompt": text,
            "n": 1,
            "stream": True,
            "seed": make_seed(seed, prompt, index) % SEEDS,
            "temperature": config.temperature,
            "top_p": config.top_p,
            "max_tokens": config.max_new_tokens,
            "logprobs": 1,
        }
        if config.banned:
            body["stop"] = list(config.banned)
        again = Retrying(
            stop=stop_after_attempt(settings.tries),
            wait=wait_exponential(multiplier=0.5, max=30),
            retry=retry_if_exception_type((_Passing, httpx2.TransportError)),
            sleep=self._rest,
            reraise=True,
        )
        try:
            return again(self._ask_once, client, body, prompt, index)
        except (_Passing, httpx2.TransportError) as error:
            raise BuilderError(
                f"the server at {settings.url} failed {settings.tries} times: "
                f"{_describe_error(error)}",
                hint="the same command goes on; what is finished is kept",
            ) from error

    def _rest(self, seconds: float) -> None:
        if self._ended.wait(seconds):
            raise _Unusable("nobody waits for it any more")

    def _ask_once(
        self, client: httpx2.Client, body: Mapping[str, Any], prompt: int, index: int
    ) -> Sample:
        answer, end = _Answer(), None
        with client.stream("POST", "/completions", json=body) as response:
            if response.status_code != 200:
                response.read()
                self._refuse(response)
            for part in _read_events(response.iter_lines()):
                if self._ended.is_set():
                    raise _Unusable("nobody waits for it any more")
                if "error" in part:
                    raise _Passing(_find_message(part) or "an error in the middle of an answer")
                self._check_model(part)
                for choice in part.get("choices", ()):
                    answer.take(choice)
                if (end := self._find_end(answer.text)) is not None:
                    break
        if end is None and answer.finish is None:
            raise _Passing("an answer broke off")
        if answer.text and not answer.tokens:
            raise BuilderError(
                f"the server at {self.teacher.settings.url} gives no log-probabilities",
                hint="a teacher needs a server whose completions have `logprobs`",
            )
        stop: Finish = "line" if self.config.stop == "line" else "sentence"
        return answer.sample(prompt, index, end, stop)

    def _find_end(self, text: str) -> int | None:
        if self.config.stop == "sentence":
            return find_sentence_end(text)
        return find_line_end(text) if self.config.stop == "line" else None

    def _check_model(self, part: Mapping[str, Any]) -> None:
        """That no other model has answered, behind a router or after a restart.

        Raises:
            BuilderError: one has.
        """
        answered = part.get("model")
        if answered and answered != self.teacher.model:
            raise BuilderError(
                f"the server at {self.teacher.settings.url} answers with {answered}, not "
                f"{self.teacher.model}",
                hint="name its model in teacher.engine.served, or start the server with it",
            )

    def _refuse(self, response: httpx2.Response) -> None:
        """Raise what a status other than 200 means."""
        said = _read_message(response)
        if response.status_code in PASSING:
            raise _Passing(f"status {response.status_code}, {said}")
        if response.status_code in (400, 413, 422) and any(w in said.lower() for w in ABOUT_LENGTH):
            raise _Unusable(said)
        raise _make_refusal(self.teacher.settings, response.status_code, said)


def ask_version(settings: ServerSettings) -> str:
    """`vllm 0.11.0`: what a server says of itself, by the ways of vLLM, SGLang and llama.cpp."""
    return _ask_version_at(settings.url, settings.key_variable)


@cache
def _ask_version_at(url: str, key_variable: str) -> str:
    settings = ServerSettings(url=url, key_variable=key_variable)
    root = settings.url.removesuffix("/v1")
    ways = (
        ("/version", "vllm", "version"),
        ("/get_server_info", "sglang", "version"),
        ("/props", "llama.cpp", "build_info"),
    )
    with _open_client(settings) as client:
        for path, name, key in ways:
            try:
                answer = client.get(root + path)
                found = answer.json().get(key) if answer.status_code == 200 else None
            except (httpx2.HTTPError, ValueError, AttributeError):
                continue
            if found:
                return f"{name} {found}"
    return "of unknown version"


def _open_client(settings: ServerSettings) -> httpx2.Client:
    key = os.environ.get(settings.key_variable)
    return httpx2.Client(
        base_url=settings.url,
        timeout=settings.timeout,
        headers={"Authorization": f"Bearer {key}"} if key else {},
        limits=httpx2.Limits(
            max_connections=settings.concurrency, max_keepalive_connections=settings.concurrency
        ),
        trust_env=False,
        verify=settings.url.startswith("https"),  # certificates take a while to read
    )


def _get(client: httpx2.Client, settings: ServerSettings, path: str) -> Mapping[str, Any]:
    try:
        response = client.get(path)
    except httpx2.HTTPError as error:
        raise BuilderError(
            f"no server answers at {settings.url}: {_describe_error(error)}",
            hint="start it, or correct teacher.engine.url",
        ) from error
    if response.status_code != 200:
        raise _make_refusal(settings, response.status_code, _read_message(response))
    try:
        found = response.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise BuilderError(
            f"{settings.url}{path} is not JSON of OpenAI's API",
            hint="teacher.engine.url is the address before /completions, mostly with /v1",
        )
    return found


def _make_refusal(settings: ServerSettings, status: int, said: str) -> BuilderError:
    if status in (401, 403):
        return BuilderError(
            f"the server at {settings.url} refuses the key (status {status})",
            hint=f"put its key into the environment variable {settings.key_variable}",
        )
    if status == 404:
        return BuilderError(
            f"the server at {settings.url} has no such address or model: {said}",
            hint="teacher.engine.url is the address before /completions, mostly with /v1",
        )
    return BuilderError(
        f"the server at {settings.url} refuses the request (status {status}): {said}",
        hint="teacher.engine.extra may hold a field that it does not know",
    )


def _read_events(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The JSON of server-sent events, up to the one that says that there are no more."""
    for line in lines:
        name, _, value = line.partition(":")
        value = value.strip()
        if name != "data" or not value:
            continue
        if value == "[DONE]":
            return
        try:
            found = json.loads(value)
        except ValueError as error:
            raise _Passing("an answer is no JSON") from error
        yield found


def _read_logprobs(found: Any) -> list[float]:
    """Of the tokens of a part, as vLLM, SGLang and OpenAI say it or as llama.cpp does."""
    if not isinstance(found, Mapping):
        return []
    if found.get("content"):
        return [float(one["logprob"]) for one in found["content"]]
    return [float(one) for one in found.get("token_logprobs") or () if one is not None]


def _find_message(document: Any) -> str:
    error = document.get("error") if isinstance(document, Mapping) else None
    said = error.get("message") if isinstance(error, Mapping) else error
    said = said or (document.get("message") if isinstance(document, Mapping) else None)
    return " ".join(str(said).split())[:300] if said else ""


def _read_message(response: httpx2.Response) -> str:
    try:
        return _find_message(response.json()) or "without a word"
    except ValueError:
        return "without a word"


def _describe_error(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
