"""The settings `teacher.engine`: what the teacher's weights are computed by. No torch here."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from dimsum.settings import Settings


class TorchSettings(Settings):
    """This project's sampler, the reference: all that a method asks for."""

    kind: Literal["torch"] = Field("torch", description="computed in this process")


def _drop(extra: dict[str, Any], settled: frozenset[str]) -> dict[str, Any]:
    """Further fields, none of which follows from the other settings."""
    if taken := sorted(extra.keys() & settled):
        raise ValueError(f"{', '.join(taken)} is set by the build itself")
    return extra


class ServerSettings(Settings):
    """A server that answers as OpenAI's `/v1/completions`: vLLM, SGLang, llama.cpp and others."""

    kind: Literal["server"] = Field("server", description="computed by a server")
    url: str = Field(description="of the API, such as http://localhost:8000/v1")
    served: str | None = Field(
        None, description="name of the model at the server; empty: teacher.model"
    )
    concurrency: int = Field(64, ge=1, description="requests under way, each for one sample")
    timeout: float = Field(120, gt=0, description="seconds without a word of an answer")
    tries: int = Field(6, ge=1, description="of a request that fails for a passing reason")
    key_variable: str = Field(
        "DIMSUM_TEACHER_KEY",
        min_length=1,
        description="environment variable with the server's key, if it wants one; the key itself "
        "is written nowhere",
    )
    extra: dict[str, Any] = Field(
        {},
        description="further fields of every request, as the server knows them: {top_k: 0, "
        "min_p: 0} where it would narrow the nucleus by itself",
    )

    @field_validator("url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"{url!r} is no address such as http://localhost:8000/v1")
        if "@" in parts.netloc:
            raise ValueError("a key does not stand in the address: name its key_variable")
        return url.rstrip("/")

    @field_validator("extra")
    @classmethod
    def _leaves_the_rest(cls, extra: dict[str, Any]) -> dict[str, Any]:
        return _drop(extra, REQUESTED)


class VllmSettings(Settings):
    """vLLM in this process, for GPUs; the extra `vllm`."""

    kind: Literal["vllm"] = Field("vllm", description="computed by vLLM in this process")
    memory: float | None = Field(
        None, gt=0, le=1, description="share of a GPU's memory that it may take; empty: its own"
    )
    positions: int | None = Field(
        None, ge=1, description="tokens of prompt and continuation; empty: as the model has"
    )
    extra: dict[str, Any] = Field(
        {}, description="further arguments of vllm.LLM, such as {tensor_parallel_size: 2}"
    )

    @field_validator("extra")
    @classmethod
    def _leaves_the_rest(cls, extra: dict[str, Any]) -> dict[str, Any]:
        return _drop(extra, SETTLED)


SETTLED = frozenset(
    (
        *("model", "tokenizer", "revision", "tokenizer_revision", "trust_remote_code"),
        *("dtype", "max_model_len", "gpu_memory_utilization", "logprobs_mode"),
    )
)
"""Arguments of vLLM that follow from the other settings."""

REQUESTED = frozenset(
    "model prompt n stream seed temperature top_p max_tokens logprobs stop".split()  # noqa: SIM905
)
"""Fields of a request that follow from the other settings."""

TeacherEngine = Annotated[
    TorchSettings | ServerSettings | VllmSettings, Field(discriminator="kind")
]
