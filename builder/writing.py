"""Students that write through the builder's own sampler.

The samples of a prompt share its cache there, where transformers' `generate` would run the prompt
once for each of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dimsum.spec import Generation
from dimsum.student import DType, Student
from dimsum.writing import take_first_line

if TYPE_CHECKING:
    from builder.prepacking import Switch

_GREEDY = {"temperature": 1.0, "top_p": 1e-9}
"""A nucleus that holds the most probable token alone."""


def open_student(
    reference: str,
    *,
    device: str | None = None,
    dtype: DType = "auto",
    prepacked: Switch = "auto",
) -> Student:
    """A student, as `Student.from_pretrained` opens it; a causal one writes through the sampler.

    Its greedy outputs are those of `generate` up to the rounding of matrix products of another
    shape; sampled ones come from other random streams.

    Args:
        prepacked: whether a causal one's weights are packed once (`builder.prepacking`).

    Raises:
        UsageError, ModelError: as there.
    """
    student = Student.from_pretrained(reference, device=device, dtype=dtype)
    from builder.prepacking import prepack, settle

    if student.spec.architecture == "causal":
        student.writer = sample_rows
        if settle(prepacked, student.model.device, student.model.dtype):
            prepack(student.model)
    return student


def sample_rows(
    student: Student,
    rows: list[list[int]],
    *,
    n: int,
    seed: int | None,
    batch_size: int,
    generation: Generation,
    on_tokens: Callable[[int], None],
) -> list[list[str]]:
    """What a causal student writes after each row of tokens (`dimsum.student.Writer`).

    Raises:
        ConfigError: a row that leaves no room for an output.
        BuilderError: not enough memory for a single row.
    """
    from builder.decoding.nucleus import NucleusSampler, SamplingConfig

    greedy = seed is None
    settings = SamplingConfig.model_validate(
        {
            **generation.model_dump(exclude={"beams", "early_stopping"}),
            **(_GREEDY if greedy else {}),
            "min_new_tokens": 0,
            "prompt_counts": False,
            "stop": "line",
            "max_rows": batch_size,
        }
    )
    sampler = NucleusSampler(student.model, student.tokenizer, settings)
    each = 1 if greedy else n
    samples = sampler.continued(rows, each, seed=seed or 0, on_tokens=on_tokens)
    texts = [take_first_line(sample.text) for sample in samples]
    return [texts[i : i + each] * (n // each) for i in range(0, len(texts), each)]
