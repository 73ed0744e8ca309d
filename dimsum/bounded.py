"""Beam search within the lengths that a control code asks for.

A share of the source's characters bounds each output. A token that would pass the most is not taken
up, so a beam has to end before; no beam ends before the least, and where the source is a whole
sentence none ends in the middle of one. Where nothing sensible is so short the search still finds
something, so a judge has to choose (`dimsum.rerank.best_of`). Source of bounded length at decoding
time: Kikuchi et al. (2016), Controlling Output Length in Neural Encoder-Decoders, arXiv 1609.09552,
`fixRng`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dimsum.writing import find_line_breaks, has_ended_line, make_once, read_token_texts

if TYPE_CHECKING:
    import torch


ENDS = frozenset(".!?…。！？।؟\"'”’»)]")
"""Characters that a sentence may end with, where one does."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What bounds the outputs of a source.

    Attributes:
        least, most: characters; the most is not reached.
        whole: each output ends with one of `ENDS`.
    """

    least: float
    most: float
    whole: bool = False

    @classmethod
    def of(cls, source: str, compression: tuple[float, float]) -> Bounds:
        """The bounds of a source.

        Args:
            compression: least and most share of its characters.
        """
        least, most = compression
        whole = source.rstrip()[-1:] in ENDS
        return cls(least * len(source), most * len(source), whole)


UNWANTED = -1e4
"""Log-probability of an end where no other token fits: such an output is the last choice."""


def bound_outputs(tokenizer: Any, start: int, bounds: Sequence[Bounds], beams: int) -> Any:
    """A logits processor that keeps each output within its source's bounds.

    Args:
        start: where the output begins in the token rows.
        bounds: of each source.
        beams: rows of each source, which follow one another.
    """
    import torch
    from transformers import LogitsProcessor

    widths, ends = measure_token_widths(tokenizer), list_end_tokens(tokenizer)
    closing = mark_closing_tokens(tokenizer)
    eos: int = tokenizer.eos_token_id

    class Bounded(LogitsProcessor):  # type: ignore[misc]
        def __call__(self, input_ids: Any, scores: Any) -> Any:
            nonlocal widths, ends, closing
            widths, ends = widths.to(scores.device), ends.to(scores.device)
            closing = closing.to(scores.device)
            texts = tokenizer.batch_decode(input_ids[:, start:], skip_special_tokens=True)
            texts = [text.strip() for text in texts]
            most = torch.full((len(texts), 1), torch.inf, device=scores.device)
            open_ended = torch.zeros(len(texts), dtype=torch.bool, device=scores.device)
            for row, text in enumerate(texts):
                ids, bound = input_ids[row, start:], bounds[row // beams]
                if not (len(ids) and _is_over(tokenizer, ids)):  # else it only waits for others
                    most[row] = bound.most - len(text) - bound.whole  # room for its end
                    broken = bound.whole and text[-1:] not in ENDS
                    open_ended[row] = len(text) < bound.least or broken
            known = scores[:, : len(widths)]  # some models have more outputs than tokens
            known.masked_fill_((widths > 0) & (widths - closing >= most), -torch.inf)
            scores[:, ends] = scores[:, ends].masked_fill(open_ended[:, None], -torch.inf)
            stuck = ~torch.isfinite(scores).any(dim=1)
            scores[stuck, eos] = UNWANTED
            return scores

    return Bounded()


def _is_over(tokenizer: Any, ids: Any) -> bool:
    """Whether an output has ended, and only waits for others."""
    last = int(ids[-1])
    return last == tokenizer.eos_token_id or has_ended_line(tokenizer, ids)


def measure_token_widths(tokenizer: Any) -> torch.Tensor:
    """Characters that each token adds to a text, shape (tokens,); read once for each tokenizer.

    A token of a part of a character counts one. Special tokens and line breaks, which end an
    output, add nothing.
    """
    import torch

    def make() -> torch.Tensor:
        texts = read_token_texts(tokenizer)
        names = tokenizer.convert_ids_to_tokens(list(range(len(texts))))
        # A decoder that joins words drops the blank in front of a text's first one.
        blanks = [
            name.startswith("▁") and not text[:1].isspace()
            for name, text in zip(names, texts, strict=True)
        ]
        widths = torch.tensor([len(t) + blank for t, blank in zip(texts, blanks, strict=True)])
        widths[list_end_tokens(tokenizer)] = 0
        return widths

    return make_once(tokenizer, "widths", make)


def list_end_tokens(tokenizer: Any) -> torch.Tensor:
    """Tokens after which nothing of an output follows: the end of sequence and line breaks."""
    import torch

    ids = {*find_line_breaks(tokenizer).tolist(), int(tokenizer.eos_token_id)}
    return torch.tensor(sorted(ids))


def mark_closing_tokens(tokenizer: Any) -> torch.Tensor:
    """1 for tokens whose text ends with one of `ENDS`, else 0; read once for each tokenizer."""
    import torch

    return make_once(
        tokenizer,
        "closing",
        lambda: torch.tensor([int(text[-1:] in ENDS) for text in read_token_texts(tokenizer)]),
    )
