"""The entailment critic: probabilities of entailment, neutral and contradiction for text pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from builder.config import CriticConfig
from builder.critics.folder import load_members
from builder.critics.nli_data import ENTAILMENT, LABELS
from builder.critics.nli_model import Encoded, NliModel
from builder.critics.packing import count_packed
from builder.critics.windows import CUT, IN_WINDOWS, READ, cut_windows
from builder.errors import BuilderError
from builder.models import resolve
from builder.prepacking import MANY_ROWS, prepack, settle
from dimsum.devices import pick_device, pick_dtype
from dimsum.errors import ModelError
from dimsum.memory import is_out_of_memory

CHECKS: tuple[tuple[str, str, bool], ...] = (
    ("A man is playing the guitar on a stage.", "A man is playing an instrument.", True),
    ("The company said on Friday that it had cut 200 jobs.", "The company cut 200 jobs.", True),
    ("Two dogs are running through the snow.", "The animals are sleeping indoors.", False),
    ("The court rejected the appeal.", "The court accepted the appeal.", False),
    ("A woman is reading a book.", "The minister will visit Paris in March.", False),
)
"""(premise, hypothesis, whether it entails): what no usable critic gets wrong."""

Scores = np.ndarray[Any, np.dtype[np.float32]]


class EntailmentCritic:
    """Batched NLI scoring by one model, or by an ensemble of two, checked at start.

    Two give the mean of their log-probabilities, made to add up to one again: what one of them
    holds impossible cannot win. The second is asked first, and where it sees next to no entailment
    (`CriticSpec.alone_below`) the other is spared.

    Attributes:
        notes: one line on the model, its device and its dtype.
        long: pairs so far, by `READ`, `IN_WINDOWS` and `CUT`.
        identity: of the weights, for fingerprints.
    """

    def __init__(
        self, models: Sequence[NliModel], batch_tokens: int, identity: str, note: str
    ) -> None:
        self.models = models
        self.batch_tokens = batch_tokens
        self.identity = identity
        self.notes = [note]
        self.long: Counter[str] = Counter()

    @classmethod
    def load(cls, config: CriticConfig, dtype: str | None = None) -> EntailmentCritic:
        """Load the configured critic and check its verdicts on `CHECKS`.

        Raises:
            BuilderError: it cannot be loaded, has no label for entailment, or fails a check.
        """
        device = pick_device(config.device)
        kind = pick_dtype(device, dtype or config.dtype)
        models = load_members(config.model, device, kind)
        if settle(config.prepacked, device, kind, MANY_ROWS):
            for model in models:
                prepack(model.classifier)
        note = f"{config.model} on {device.type} in {str(kind).removeprefix('torch.')}"
        critic = cls(models, config.batch_tokens, resolve(config.model).identity, note)
        critic.check(config.model)
        critic.long.clear()
        return critic

    def check(self, name: str) -> None:
        """Refuse a critic whose likeliest label is wrong on any of `CHECKS`."""
        scores = self.score([(premise, hypothesis) for premise, hypothesis, _ in CHECKS])
        if np.isnan(scores).any():
            raise BuilderError(
                f"not enough memory to score a single pair with {name}",
                hint="a smaller critic, or another device",
            )
        for row, (premise, hypothesis, entails) in zip(scores, CHECKS, strict=True):
            if bool(row.argmax() == 0) != entails:
                verdict = LABELS[int(row.argmax())]
                raise BuilderError(
                    f"the critic {name} calls {premise!r} and {hypothesis!r} {verdict}",
                    hint="it is not a usable English NLI model, or its labels are mixed up",
                )

    def score(
        self,
        pairs: Sequence[tuple[str, str]],
        on_tokens: Callable[[int], None] = lambda tokens: None,
    ) -> Scores:
        """Probabilities of `LABELS`, float32, shape (len(pairs), 3).

        A causal critic reads pairs of one premise in one row (`builder.critics.packing`); rows are
        batched by length up to `batch_tokens`. Out of memory halves the batch; a single
        pair that still does not fit gets a row of NaN. `on_tokens` is called with the tokens of
        each batch when it is read.

        A pair with more tokens than a model reads gets that model's scores of the window of its
        premise (`builder.critics.windows`) that entails the hypothesis most. `long` counts such
        pairs, and those of which nothing was left to do but to cut them.
        """
        first, *second = self.models
        if second:
            opinion, long, cut = self._log_scores(second[0], pairs, on_tokens)
            alone = np.exp(opinion[:, ENTAILMENT]) < first.spec.alone_below
            open_cases = np.flatnonzero(~alone)
            asked = [pairs[index] for index in open_cases.tolist()]
            other, also_long, also_cut = self._log_scores(first, asked, on_tokens)
            opinion[open_cases] += other
            opinion[open_cases] /= 2
            long |= {int(open_cases[index]) for index in also_long}
            cut |= {int(open_cases[index]) for index in also_cut}
        else:
            opinion, long, cut = self._log_scores(first, pairs, on_tokens)
        self.long += Counter({IN_WINDOWS: len(long), CUT: len(cut), READ: len(pairs)})
        together = np.exp(opinion)
        scores: Scores = together / together.sum(axis=1, keepdims=True)
        return scores

    def score_each(
        self,
        pairs: Sequence[tuple[str, str]],
        on_tokens: Callable[[int], None] = lambda tokens: None,
    ) -> Scores:
        """P(entailment) by each model alone, none spared, shape (models, len(pairs)).

        Out of memory and long pairs are as in `score`, and are not counted.
        """
        each = [self._log_scores(model, pairs, on_tokens)[0] for model in self.models]
        found: Scores = np.exp(np.array(each)[:, :, ENTAILMENT])
        return found

    def _log_scores(
        self, model: NliModel, pairs: Sequence[tuple[str, str]], on_tokens: Callable[[int], None]
    ) -> tuple[Scores, set[int], set[int]]:
        """One model's log-probabilities, and the indices of what it read in windows, and cut."""
        encoded = model.encode_whole(pairs) if pairs else []
        whole = [i for i, row in enumerate(encoded) if len(row["input_ids"]) <= model.max_tokens]
        result = np.full((len(pairs), len(LABELS)), np.nan, dtype=np.float32)
        result[whole] = self._read(
            model, [pairs[i] for i in whole], [encoded[i] for i in whole], on_tokens
        )
        long, cut = set[int](), set[int]()
        windows: list[tuple[str, str]] = []
        owners: list[int] = []
        for index in sorted({*range(len(pairs))} - {*whole}):
            premise, hypothesis = pairs[index]
            parts = cut_windows(premise, partial(_fits, model, hypothesis))
            (long if parts else cut).add(index)
            owners += [index] * max(1, len(parts))
            windows += [(part, hypothesis) for part in parts or [premise]]
        if windows:
            scores = self._read(model, windows, model.encode(windows), on_tokens)
            for index, row in zip(owners, scores, strict=True):
                best = result[index, ENTAILMENT]
                if np.isnan(best) or row[ENTAILMENT] > best:
                    result[index] = row
        return result, long, cut

    def _read(
        self,
        model: NliModel,
        pairs: Sequence[tuple[str, str]],
        encoded: list[Encoded],
        on_tokens: Callable[[int], None],
    ) -> Scores:
        """Log-probabilities of pairs that fit."""
        result = np.full((len(pairs), len(LABELS)), np.nan, dtype=np.float32)
        texts = [row["input_ids"] for row in encoded]
        groups = model.groups(pairs, texts)
        lengths = [count_packed([texts[i] for i in group]) for group in groups]
        with torch.inference_mode():
            for batch in make_token_batches(lengths, self.batch_tokens):
                _score_batch(model, [groups[i] for i in batch], encoded, result)
                on_tokens(sum(lengths[i] for i in batch))
        return result


def _fits(model: NliModel, hypothesis: str, premise: str) -> bool:
    return model.fits(premise, hypothesis)


def _score_batch(
    model: NliModel, groups: list[list[int]], encoded: list[Encoded], result: Scores
) -> None:
    members = [index for group in groups for index in group]
    try:
        logits = model.packed_logits([[encoded[i] for i in g] for g in groups])
        if not torch.isfinite(logits).all():
            raise ModelError(
                "the critic gives no numbers for a pair",
                hint="its weights are damaged, or too large for its dtype: try dtype float32",
            )
        result[members] = logits.log_softmax(-1).cpu().numpy()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        if len(members) == 1:
            return
        parts = groups if len(groups) > 1 else [[index] for index in members]
        middle = len(parts) // 2
        _score_batch(model, parts[:middle], encoded, result)
        _score_batch(model, parts[middle:], encoded, result)


def make_token_batches(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Indices in batches of similar length; longest times count stays at or under `most`.

    A sequence longer than `most` is a batch of its own.
    """
    batches: list[list[int]] = []
    current: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if current and lengths[current[0]] * (len(current) + 1) > most:
            batches.append(current)
            current = []
        current.append(index)
    return [*batches, current] if current else batches
