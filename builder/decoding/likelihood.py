"""How likely a model holds given texts after their prompts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch

from builder.decoding.cache import Prefix

if TYPE_CHECKING:
    from builder.decoding.forward import CausalForward

Row = tuple[int, Sequence[int]]
"""The ordinal of a prompt, and the tokens of a text behind it."""

_PROMPTS_AT_ONCE = 32
_TOKENS_AT_ONCE = 512
"""Of one forward pass, padding included: logits are wide."""


def score_sentences(
    forward: CausalForward,
    tokenizer: Any,
    prompts: Sequence[str],
    texts: Sequence[Sequence[str]],
) -> list[dict[str, tuple[float, int]]]:
    """Log-probability in nats of each sentence after its prompt and a blank, and its tokens.

    Left out are sentences that do not fit the model's positions with the prompt, and those whose
    first token would join with the prompt's last one.

    Args:
        texts: sentences of each prompt.

    Returns:
        for each prompt, by sentence.
    """
    starts = [tokenizer(prompt).input_ids for prompt in prompts]
    rows: list[Row] = []
    named: list[tuple[int, str]] = []
    for number, (prompt, start) in enumerate(zip(prompts, starts, strict=True)):
        for text in dict.fromkeys(texts[number]):
            whole = tokenizer(f"{prompt} {text}").input_ids
            fits = len(start) < len(whole) <= (forward.positions or len(whole))
            if start and fits and whole[: len(start)] == start:
                rows.append((number, whole[len(start) :]))
                named.append((number, text))
    found: list[dict[str, tuple[float, int]]] = [{} for _ in prompts]
    scores = score_after(forward, starts, rows)
    for (number, text), (_, ids), score in zip(named, rows, scores, strict=True):
        found[number][text] = (score, len(ids))
    return found


def score_pairs(
    forward: CausalForward, tokenizer: Any, pairs: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], tuple[float, int]]:
    """As `score_sentences`, of pairs of a prompt and a sentence, each of which may come again."""
    wanted: dict[str, list[str]] = {}
    for prompt, sentence in dict.fromkeys(pairs):
        wanted.setdefault(prompt, []).append(sentence)
    found = score_sentences(forward, tokenizer, [*wanted], [*wanted.values()])
    return {
        (prompt, sentence): score
        for prompt, scores in zip(wanted, found, strict=True)
        for sentence, score in scores.items()
    }


@torch.inference_mode()
def score_after(
    forward: CausalForward, prompts: Sequence[Sequence[int]], rows: Sequence[Row]
) -> list[float]:
    """Log-probability of each text as what follows its prompt, at temperature 1, in nats.

    A prompt is run once for all of its texts, and prompts and texts of like length together.

    Args:
        forward: of a decoder-only model.
        prompts: tokens of each.
        rows: texts of at least one token, behind prompts of at least one; both fit the model's
            positions.

    Returns:
        sums over the tokens of each text.
    """
    scores = [0.0] * len(rows)
    asked = sorted({prompt for prompt, _ in rows}, key=lambda one: len(prompts[one]))
    for first in range(0, len(asked), _PROMPTS_AT_ONCE):
        place = {prompt: at for at, prompt in enumerate(asked[first : first + _PROMPTS_AT_ONCE])}
        prefix = forward.prefill([prompts[prompt] for prompt in place])
        mine = sorted(
            (number for number, (prompt, _) in enumerate(rows) if prompt in place),
            key=lambda number: len(rows[number][1]),
        )
        for part in _split_parts(mine, rows):
            some = [(place[rows[number][0]], rows[number][1]) for number in part]
            for number, score in zip(part, _score_some(forward, prefix, some), strict=True):
                scores[number] = score
    return scores


def _split_parts(ordered: Sequence[int], rows: Sequence[Row]) -> Iterator[list[int]]:
    """Neighbours of a pass: as many as its tokens allow, at least one."""
    part: list[int] = []
    for number in ordered:
        if part and (len(part) + 1) * len(rows[number][1]) > _TOKENS_AT_ONCE:
            yield part
            part = []
        part.append(number)
    if part:
        yield part


def _score_some(forward: CausalForward, prefix: Prefix, rows: Sequence[Row]) -> list[float]:
    """Scores of rows whose prompts are given by their place in the prefix."""
    from transformers import DynamicCache

    place = torch.tensor([prompt for prompt, _ in rows], device=forward.device)
    cache = DynamicCache()
    for layer, (keys, values) in enumerate(zip(prefix.keys, prefix.values, strict=True)):
        cache.update(keys[place], values[place], layer)
    # What fills a row stands behind its text, where causal attention hides it.
    texts = [torch.tensor(list(text)) for _, text in rows]
    tokens = torch.nn.utils.rnn.pad_sequence(texts, batch_first=True).to(forward.device)
    starts = torch.tensor(prefix.lengths, device=forward.device)[place]
    positions = starts[:, None] + torch.arange(tokens.shape[1], device=forward.device)
    gap = prefix.columns - starts
    mask = None
    if int(gap.max()):
        mask = forward.make_causal_mask(gap, prefix.columns + tokens.shape[1], tokens.shape[1])
    logits = forward.model(
        input_ids=tokens,
        position_ids=positions,
        attention_mask=mask,
        past_key_values=cache,
        use_cache=True,
        return_dict=True,
    ).logits
    # The first token is predicted at the prompt's end, each other one by the token before it.
    first = prefix.logits[place]
    scores = []
    for row, text in enumerate(texts):
        before = torch.cat([first[row, None], logits[row, : len(text) - 1]]).float()
        picked = before.gather(-1, tokens[row, : len(text), None])[:, 0]
        scores.append(float((picked - before.logsumexp(-1)).sum()))
    return scores
