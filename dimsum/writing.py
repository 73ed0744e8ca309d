"""What `generate` of transformers is given, and what is taken of its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dimsum.spec import Generation

if TYPE_CHECKING:
    import torch


def pad_id(tokenizer: Any) -> int:
    """The padding token; models without one pad with their end of sequence, under a mask."""
    pad = tokenizer.pad_token_id
    return int(tokenizer.eos_token_id if pad is None else pad)


def padded(
    rows: Sequence[Sequence[int]], pad: int, *, left: bool, device: torch.device
) -> dict[str, torch.Tensor]:
    """input_ids and attention_mask of shape (len(rows), longest row)."""
    import torch

    longest = max(map(len, rows))
    ids = torch.full((len(rows), longest), pad, dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for i, row in enumerate(rows):
        place = slice(longest - len(row), longest) if left else slice(0, len(row))
        ids[i, place] = torch.tensor(row, dtype=torch.long)
        mask[i, place] = 1
    return {"input_ids": ids.to(device), "attention_mask": mask.to(device)}


def generate_arguments(settings: Generation, start: int, tokenizer: Any) -> dict[str, Any]:
    """Arguments of transformers' `generate` for greedy decoding, nothing left to a model's file.

    Args:
        start: where the output begins in the token rows.
    """
    from transformers import GenerationConfig, LogitsProcessorList

    processors = LogitsProcessorList()
    if settings.no_repeat_ngram:
        processors.append(repeats_forbidden(settings.no_repeat_ngram, start))
    return {
        "generation_config": GenerationConfig(
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=pad_id(tokenizer),
            max_new_tokens=settings.max_new_tokens,
            do_sample=False,
            num_beams=1,
            repetition_penalty=1.0,
            no_repeat_ngram_size=0,
            min_length=0,
        ),
        "logits_processor": processors,
    }


def repeats_forbidden(size: int, start: int) -> Any:
    """A logits processor: no n-gram twice among the tokens from `start` on.

    transformers' own option counts a causal model's prompt too, and would forbid an extractive
    summary to repeat its source.
    """
    from transformers import LogitsProcessor, NoRepeatNGramLogitsProcessor

    inner = NoRepeatNGramLogitsProcessor(size)

    class OutputOnly(LogitsProcessor):  # type: ignore[misc]
        def __call__(self, input_ids: Any, scores: Any) -> Any:
            return inner(input_ids[:, start:], scores)

    return OutputOnly()


def first_line(text: str) -> str:
    """The first line that says something, stripped."""
    lines = [line.strip() for line in text.strip().splitlines()]
    return lines[0] if lines else ""
