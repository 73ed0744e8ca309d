"""Which models a build takes, and where they run."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from builder.teachers.settings import (
    ServerSettings,
    TeacherEngine,
    TorchSettings,
    VllmSettings,
)
from dimsum.settings import Settings


class ModelConfig(Settings):
    """A model and where it runs."""

    model: str = Field(description="embedded:NAME, a Hub id (with @revision), a folder or a .gguf")
    device: str | None = Field(None, description="cuda, mps or cpu; empty: the best there is")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto: bfloat16 where this machine is faster at it"
    )
    prepacked: Literal["auto", "on", "off"] = Field(
        "auto",
        description="weights packed once for a CPU, by operators private to torch; auto: where "
        "this machine can",
    )

    @property
    def server(self) -> ServerSettings | None:
        """Who computes it, where this project does not."""
        return None

    @property
    def vllm(self) -> VllmSettings | None:
        """Of vLLM, where that computes it in this process."""
        return None


class TeacherConfig(ModelConfig):
    """The teacher: a language model, computed here, by vLLM or by a server."""

    engine: TeacherEngine = Field(
        TorchSettings(),
        description="{kind: torch}, {kind: vllm}, or {kind: server, url: ADDRESS} for any that "
        "answers as OpenAI's /v1/completions",
    )

    @property
    def server(self) -> ServerSettings | None:
        """As in `ModelConfig`."""
        return self.engine if isinstance(self.engine, ServerSettings) else None

    @property
    def vllm(self) -> VllmSettings | None:
        """As in `ModelConfig`."""
        return self.engine if isinstance(self.engine, VllmSettings) else None


class CriticConfig(ModelConfig):
    """The entailment critic: any NLI classifier; its labels are found by name."""

    batch_tokens: int = Field(4096, ge=64, description="tokens scored together, padding included")
