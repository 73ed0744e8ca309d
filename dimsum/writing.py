"""What `generate` of transformers is given, and what is taken of its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import torch

    from dimsum.spec import Generation

T = TypeVar("T")

BATCH_SIZE = 64
"""Outputs that are written together unless one says otherwise."""
VALIDITY, DIFFERENCE = "validity", "difference"
"""What a choice among outputs may go by, as commands call it: the pair is valid, or says the same
in other words. A `dimsum.rerank.Judge` says how much."""


def find_pad_id(tokenizer: Any) -> int:
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


def make_generate_arguments(settings: Generation, start: int, tokenizer: Any) -> dict[str, Any]:
    """Arguments of transformers' `generate` without sampling, nothing left to a model's file.

    Args:
        start: where the output begins in the token rows.
    """
    from transformers import LogitsProcessorList, StoppingCriteriaList

    processors = LogitsProcessorList()
    if settings.no_repeat_ngram:
        processors.append(forbid_repeats(settings.no_repeat_ngram, start))
    return {
        "generation_config": make_plain_generation(tokenizer, settings.max_new_tokens),
        "logits_processor": processors,
        "stopping_criteria": StoppingCriteriaList([stop_at_line(tokenizer, start)]),
    }


def make_plain_generation(tokenizer: Any, max_new_tokens: int) -> Any:
    """transformers' GenerationConfig of greedy decoding, nothing left to a model's file."""
    from transformers import GenerationConfig

    return GenerationConfig(
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=find_pad_id(tokenizer),
        max_new_tokens=max_new_tokens,
        do_sample=False,
        num_beams=1,
        repetition_penalty=1.0,
        no_repeat_ngram_size=0,
        min_length=0,
    )


@contextmanager
def ignore_own_settings(model: Any) -> Iterator[None]:
    """What the file of a model says of generation has no part in it.

    transformers takes from there whatever a call leaves open: tokens that are suppressed, forced
    or biased among others.
    """
    from transformers import GenerationConfig

    plain = model.get_base_model() if hasattr(model, "peft_config") else model
    before = plain.generation_config
    plain.generation_config = GenerationConfig()
    start = getattr(plain.config, "decoder_start_token_id", None)
    if start is not None:
        plain.generation_config.decoder_start_token_id = start
    try:
        yield
    finally:
        plain.generation_config = before


def forbid_repeats(size: int, start: int) -> Any:
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
    """A stopping criterion: an output has ended once its first line has.

    Args:
        start: where the output begins in the token rows.
    """
    import torch
    from transformers import StoppingCriteria

    breaks = find_line_breaks(tokenizer)

    class LineEnded(StoppingCriteria):  # type: ignore[misc]
        def __call__(self, input_ids: Any, scores: Any, **rest: Any) -> torch.Tensor:
            nonlocal breaks
            breaks = breaks.to(input_ids.device)
            ended = torch.isin(input_ids[:, -1], breaks)
            for row in ended.nonzero().flatten().tolist():
                ended[row] = has_ended_line(tokenizer, input_ids[row, start:])
            return ended

    return LineEnded()


def has_ended_line(tokenizer: Any, ids: Any) -> bool:
    """Whether a line break follows the first words of some tokens' text."""
    text: str = tokenizer.decode(ids, skip_special_tokens=True)
    return "\n" in text.lstrip()


def find_line_breaks(tokenizer: Any) -> torch.Tensor:
    """Ids of the tokens whose text holds a line break; read once for each tokenizer."""
    import torch

    return make_once(
        tokenizer,
        "find_line_breaks",
        lambda: torch.tensor(
            [i for i, text in enumerate(read_token_texts(tokenizer)) if "\n" in text]
        ),
    )


def read_token_texts(tokenizer: Any) -> list[str]:
    """The text of each token alone; read once for each tokenizer."""
    return make_once(
        tokenizer,
        "texts",
        lambda: tokenizer.batch_decode([[token] for token in range(len(tokenizer))]),
    )


def make_once(tokenizer: Any, name: str, make: Callable[[], T]) -> T:
    """What is made of a tokenizer's vocabulary, made once and kept with it."""
    key = f"_dimsum_{name}"
    if key not in vars(tokenizer):
        setattr(tokenizer, key, make())
    found: T = vars(tokenizer)[key]
    return found


def take_first_line(text: str) -> str:
    """The first line that says something, stripped."""
    lines = [line.strip() for line in text.strip().splitlines()]
    return lines[0] if lines else ""
