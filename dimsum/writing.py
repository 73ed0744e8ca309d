"""What `generate` of transformers is given, and what is taken of its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from dimsum.spec import Generation


BATCH_SIZE = 64
"""Outputs that are written together unless one says otherwise."""


def pad_id(tokenizer: Any) -> int:
    """The padding token; models without one pad with their end of sequence, under a mask."""
    pad = tokenizer.pad_token_id
    return int(tokenizer.eos_token_id if pad is None else pad)


def pad_rows(
    rows: Sequence[Sequence[int]], pad: int, *, left: bool, device: torch.device
) -> dict[str, torch.Tensor]:
    """input_ids and attention_mask of shape (len(rows), longest row)."""
    import torch

    longest = max(map(len, rows))
    ids = torch.full((len(rows), longest), pad, dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for i, row in enumerate(rows):
        columns = slice(longest - len(row), longest) if left else slice(0, len(row))
        ids[i, columns] = torch.tensor(row, dtype=torch.long)
        mask[i, columns] = 1
    return {"input_ids": ids.to(device), "attention_mask": mask.to(device)}


def generate_arguments(settings: Generation, start: int, tokenizer: Any) -> dict[str, Any]:
    """Arguments of transformers' `generate` for greedy decoding, nothing left to a model's file.

    Args:
        start: where the output begins in the token rows.
    """
    from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteriaList

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
        "stopping_criteria": StoppingCriteriaList([stop_at_line(tokenizer, start)]),
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


def stop_at_line(tokenizer: Any, start: int) -> Any:
    """A stopping criterion: an output has ended once its `first_line` has.

    Args:
        start: where the output begins in the token rows.
    """
    import torch
    from transformers import StoppingCriteria

    breaks = _line_breaks(tokenizer)

    class LineEnded(StoppingCriteria):  # type: ignore[misc]
        def __call__(self, input_ids: Any, scores: Any, **rest: Any) -> torch.Tensor:
            nonlocal breaks
            breaks = breaks.to(input_ids.device)
            ended = torch.isin(input_ids[:, -1], breaks)
            for row in ended.nonzero().flatten().tolist():
                text: str = tokenizer.decode(input_ids[row, start:], skip_special_tokens=True)
                ended[row] = "\n" in text.lstrip()
            return ended

    return LineEnded()


def _line_breaks(tokenizer: Any) -> torch.Tensor:
    """Ids of the tokens whose text holds a line break; read once for each tokenizer."""
    import torch

    known: torch.Tensor | None = vars(tokenizer).get("_dimsum_line_breaks")
    if known is None:
        texts = tokenizer.batch_decode([[token] for token in range(len(tokenizer))])
        known = torch.tensor([i for i, text in enumerate(texts) if "\n" in text])
        tokenizer._dimsum_line_breaks = known
    return known


def first_line(text: str) -> str:
    """The first line that says something, stripped."""
    lines = [line.strip() for line in text.strip().splitlines()]
    return lines[0] if lines else ""
