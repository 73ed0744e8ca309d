"""What a student samples while it is trained: the sequences of on-policy distillation.

Each sequence has random numbers of its own, so what it says depends on them, its prompt and the
weights, and not on which others are sampled with it (up to the rounding of matrix products of
another shape).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from dimsum.errors import DimsumError
from dimsum.memory import is_out_of_memory
from dimsum.models import hush_transformers
from dimsum.objectives.settings import OwnSampling
from dimsum.writing import (
    BATCH_SIZE,
    find_line_breaks,
    find_pad_id,
    forbid_repeats,
    has_ended_line,
    ignore_own_settings,
    make_plain_generation,
    pad_rows,
)

if TYPE_CHECKING:
    from dimsum.student import Student

Uniforms = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class OwnOutput:
    """A sequence that the student sampled.

    Attributes:
        tokens: its ids, the end of sequence among them where it was sampled.
        finish: eos, line (as `dimsum.writing.has_ended_line` finds it) or length.
    """

    tokens: tuple[int, ...]
    finish: Literal["eos", "line", "length"]


def draw_uniforms(seed: int, step: int, row: int, count: int) -> Uniforms:
    """The random numbers of one sequence of one step, shape (count,)."""
    stream = np.random.Philox(key=[seed, step], counter=[0, 0, 0, row])
    return np.random.Generator(stream).random(count)


def sample_outputs(
    student: Student,
    rows: Sequence[list[int]],
    settings: OwnSampling,
    uniforms: Sequence[Uniforms],
    vocabulary: int,
) -> list[OwnOutput]:
    """One output of each row of prompt tokens, the student in evaluation mode, without gradients.

    Args:
        uniforms: of each row, `settings.max_new_tokens` numbers in [0, 1).
        vocabulary: tokens from this id on are padding of the head and never sampled.

    Raises:
        DimsumError: not enough memory for a single row.
    """
    found: dict[int, OwnOutput] = {}
    order = sorted(range(len(rows)), key=lambda i: (-len(rows[i]), i))
    training = student.model.training
    student.model.eval()
    try:
        for start in range(0, len(order), BATCH_SIZE):
            batch = order[start : start + BATCH_SIZE]
            _sample(student, rows, batch, settings, uniforms, vocabulary, found)
    finally:
        student.model.train(training)
    return [found[i] for i in range(len(rows))]


def _sample(
    student: Student,
    rows: Sequence[list[int]],
    batch: list[int],
    settings: OwnSampling,
    uniforms: Sequence[Uniforms],
    vocabulary: int,
    found: dict[int, OwnOutput],
) -> None:
    """Sample for some rows; out of memory halves them."""
    part, numbers = [rows[i] for i in batch], np.stack([uniforms[i] for i in batch])
    try:
        drawn = _generate(student, part, settings, numbers, vocabulary)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        if len(batch) == 1:
            raise DimsumError(
                "not enough memory to sample a single output of the student",
                hint="a smaller student, or fewer objective.sampling.max_new_tokens",
            ) from error
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            _sample(student, rows, half, settings, uniforms, vocabulary, found)
        return
    found.update(zip(batch, drawn, strict=True))


def _generate(
    student: Student,
    rows: list[list[int]],
    settings: OwnSampling,
    uniforms: Uniforms,
    vocabulary: int,
) -> list[OwnOutput]:
    from transformers import LogitsProcessorList

    causal = student.spec.architecture == "causal"
    inputs = pad_rows(
        rows, find_pad_id(student.tokenizer), left=causal, device=student.model.device
    )
    start = inputs["input_ids"].shape[1] if causal else 1
    drawing = _make_drawing(student.tokenizer, settings, uniforms, vocabulary)
    processors = LogitsProcessorList()
    if settings.no_repeat_ngram:
        processors.append(forbid_repeats(settings.no_repeat_ngram, start))
    processors.append(drawing)
    quiet = hush_transformers()
    with torch.inference_mode(), quiet, ignore_own_settings(student.model):
        student.model.generate(
            **inputs,
            generation_config=make_plain_generation(student.tokenizer, settings.max_new_tokens),
            logits_processor=processors,
        )
    return [
        OwnOutput(tuple(tokens), finish)
        for tokens, finish in zip(drawing.tokens, drawing.finish, strict=True)
    ]


def _make_drawing(
    tokenizer: Any, settings: OwnSampling, uniforms: Uniforms, vocabulary: int
) -> Any:
    """A logits processor that draws each row's token itself and leaves greedy search no choice."""
    from transformers import LogitsProcessor

    breaks = set(find_line_breaks(tokenizer).tolist())
    end = tokenizer.eos_token_id

    class Drawing(LogitsProcessor):  # type: ignore[misc]
        def __init__(self) -> None:
            self.tokens: list[list[int]] = [[] for _ in uniforms]
            self.finish: list[Literal["eos", "line", "length"]] = ["length"] * len(uniforms)
            self.step = 0

        def __call__(self, input_ids: Any, scores: torch.Tensor) -> torch.Tensor:
            numbers = torch.from_numpy(uniforms[:, self.step]).to(scores.device)
            self.step += 1
            drawn = draw(scores[:, :vocabulary], numbers, settings.temperature, settings.top_p)
            forced = drawn.tolist()
            for row, token in enumerate(forced):
                if self.finish[row] != "length":
                    forced[row] = end
                    continue
                self.tokens[row].append(token)
                if token == end:
                    self.finish[row] = "eos"
                elif token in breaks and has_ended_line(tokenizer, self.tokens[row]):
                    self.finish[row] = "line"
            only = torch.full_like(scores, -torch.inf)
            return only.scatter_(1, torch.tensor(forced, device=scores.device)[:, None], 0.0)

    return Drawing()


def draw(
    scores: torch.Tensor, uniforms: torch.Tensor, temperature: float, top_p: float
) -> torch.Tensor:
    """Tokens at which the distribution functions of the rows' nuclei pass the uniforms.

    Args:
        scores: logits, shape (rows, vocabulary).
        uniforms: in [0, 1), shape (rows,).
        temperature: divides the logits.
        top_p: mass of the nucleus; 1 takes all tokens.

    Returns:
        ids, int64, shape (rows,).
    """
    chances = torch.softmax(scores.double() / temperature, dim=-1)
    if top_p < 1:
        ranked, order = chances.sort(dim=-1, descending=True, stable=True)
        outside = ranked.cumsum(-1) - ranked >= top_p
        chances = torch.zeros_like(chances).scatter_(1, order, ranked.masked_fill(outside, 0.0))
    reached = chances.cumsum(-1)
    target = uniforms[:, None].to(reached) * reached[:, -1:]
    return torch.searchsorted(reached, target, right=True)[:, 0].clamp(max=scores.shape[1] - 1)
