"""What a student writes after rows of tokens, by transformers' `generate`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dimsum.bounded import Bounds, bound_outputs
from dimsum.errors import DimsumError
from dimsum.memory import is_out_of_memory
from dimsum.models import hush_transformers
from dimsum.writing import (
    find_pad_id,
    ignore_own_settings,
    make_generate_arguments,
    make_plain_generation,
    pad_rows,
    take_first_line,
)

if TYPE_CHECKING:
    import torch

    from dimsum.spec import Generation
    from dimsum.student import Student


def write_rows(
    student: Student,
    rows: list[list[int]],
    *,
    n: int,
    seed: int | None,
    batch_size: int,
    generation: Generation,
    bounds: Sequence[Bounds] | None = None,
    on_tokens: Callable[[int], None],
) -> list[list[str]]:
    """The first lines of n outputs for each row of tokens.

    Args:
        n: outputs of each row; not sampled, they are the likeliest of the beams.
        seed: of the sampling; None: greedy, or a beam search.
        batch_size: outputs that are written together, at most.
        bounds: of what follows each row, where nothing is sampled.
        on_tokens: called, as it goes, with how many tokens were written.

    Raises:
        DimsumError: not enough memory for a single row.
    """
    found: list[list[str]] = [[] for _ in rows]
    order = sorted(range(len(rows)), key=lambda i: (-len(rows[i]), i))
    size = max(1, batch_size // max(n, generation.beams if seed is None else 1))
    writing = _Writing(student, rows, n, generation, bounds)
    for start in range(0, len(order), size):
        batch = order[start : start + size]
        texts = writing.write(batch, None if seed is None else (seed, start))
        for number, i in enumerate(batch):
            found[i] = texts[number * n : (number + 1) * n]
        ids = student.tokenizer(texts, add_special_tokens=False)["input_ids"]
        on_tokens(sum(map(len, ids)))
    return found


@dataclass(frozen=True)
class _Writing:
    """What stays the same from batch to batch."""

    student: Student
    rows: list[list[int]]
    n: int
    generation: Generation
    bounds: Sequence[Bounds] | None

    def write(self, batch: Sequence[int], chance: tuple[int, int] | None) -> list[str]:
        """n outputs of each row of a batch, in order; out of memory halves the batch.

        Args:
            batch: places of the rows.
            chance: seed and place that the random numbers follow from; None: nothing is sampled.
        """
        try:
            return self._generate(batch, chance)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if len(batch) == 1:
                raise DimsumError(
                    "not enough memory to write for a single source",
                    hint="a smaller model, fewer samples or dtype bfloat16",
                ) from error
        middle = len(batch) // 2
        again = (chance[0], chance[1] + middle) if chance else None
        return self.write(batch[:middle], chance) + self.write(batch[middle:], again)

    def _generate(self, batch: Sequence[int], chance: tuple[int, int] | None) -> list[str]:
        import torch

        student, settings, n = self.student, self.generation, self.n
        tokenizer, model = student.tokenizer, student.model
        causal = student.spec.architecture == "causal"
        rows = [self.rows[i] for i in batch]
        inputs = pad_rows(rows, find_pad_id(tokenizer), left=causal, device=model.device)
        start = inputs["input_ids"].shape[1] if causal else 0
        arguments = {**make_generate_arguments(settings, start, tokenizer), **inputs}
        if self.bounds is not None:
            some = [self.bounds[i] for i in batch]
            bounded = bound_outputs(tokenizer, start, some, settings.beams)
            arguments["logits_processor"].append(bounded)
        if chance is not None:
            arguments |= {
                "do_sample": True,
                "temperature": settings.temperature,
                "top_p": settings.top_p,
                "top_k": 0,
                "num_return_sequences": n,
            }
        elif settings.beams > 1:
            arguments |= {
                "num_beams": settings.beams,
                "num_return_sequences": min(n, settings.beams),
                "early_stopping": settings.early_stopping,
            }
        quiet, apart = hush_transformers(), ignore_own_settings(model)
        with torch.inference_mode(), quiet, apart, torch.random.fork_rng():
            if chance is not None:
                torch.manual_seed(chance[0] * 1_000_003 + chance[1])
            elif causal and settings.beams > 1 and start > 1:
                arguments |= _run_prompts(model, tokenizer, inputs, settings.beams)
            ids = model.generate(**arguments)
        texts = tokenizer.batch_decode(ids[:, start:], skip_special_tokens=True)
        if chance is None:
            found = min(n, settings.beams)  # the last stands for those that are not there
            rows_of = (texts[i : i + found] for i in range(0, len(texts), found))
            texts = [text for some in rows_of for text in some + some[-1:] * (n - found)]
        return [take_first_line(text) for text in texts]


def _run_prompts(
    model: Any, tokenizer: Any, inputs: dict[str, torch.Tensor], beams: int
) -> dict[str, Any]:
    """The cache of each prompt but for its last token, repeated for its beams.

    A beam search of `generate` repeats a prompt for every beam before it runs it. A model without
    such a cache is left to that.

    Args:
        inputs: input_ids and attention_mask of the prompts, padded on the left.
    """
    cache = model.generate(
        **{name: values[:, :-1] for name, values in inputs.items()},
        generation_config=make_plain_generation(tokenizer, 1),
        return_dict_in_generate=True,
    ).get("past_key_values")
    layers = getattr(cache, "layers", None)
    if not layers or not all(hasattr(one, "batch_repeat_interleave") for one in layers):
        return {}
    cache.batch_repeat_interleave(beams)
    return {"past_key_values": cache}
