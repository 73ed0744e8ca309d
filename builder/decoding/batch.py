"""The samples decoded together: who waits, who runs, who makes room."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np
import torch

from builder.decoding.attention import packed_heads
from builder.decoding.cache import Columns, PackedCache, Prefix
from builder.decoding.continuation import Continuation, Rules, Sample
from builder.decoding.draw import draw
from builder.decoding.filters import NgramHistory
from builder.decoding.forward import CausalForward
from builder.decoding.pack import Pack, Slot, regroup

MOST_SLOTS = 10
_PREFILL_TOKENS_PER_ROW = 16
# Prompts that share fewer tokens, or fewer of them, run whole.
_LEAST_TRUNK = 16
_FEWEST_TO_SHARE = 4
# Steps that the columns suffice for, once those that nobody sees are squeezed out. A step reads
# all of them, so few are as fast as many, and take less memory.
_SPARE_STEPS = 8
# Loading a context or closing gaps touches every layer, so it is done for several slots at once.
_IDLE_SHARE = 16


class Batch:
    """Decodes every waiting sample, at most `limit` at a time.

    Args:
        forward: the model.
        rules: of the sampler.
        limit: most samples decoded together.
        ids: tokens of each prompt.
        waiting: for each prompt the indices of its samples, longest prompts first.
        seed: of the run.
        done: samples are put here as they end.
        on_tokens: called with how many tokens each step decoded.
    """

    def __init__(
        self,
        forward: CausalForward,
        rules: Rules,
        limit: int,
        ids: Sequence[Sequence[int]],
        waiting: dict[int, list[int]],
        seed: int,
        done: dict[tuple[int, int], Sample],
        on_tokens: Callable[[int], None] | None,
    ) -> None:
        self.forward = forward
        self.rules = rules
        self.ids = ids
        self.waiting = {prompt: deque(indices) for prompt, indices in waiting.items()}
        self.seed = seed
        self.done = done
        self.on_tokens = on_tokens
        most = min(limit, sum(map(len, waiting.values())))
        self.slots = _choose_slots(most, max(map(len, waiting.values())))
        self.packs = [Pack([Slot() for _ in range(self.slots)]) for _ in range(most // self.slots)]
        # Contexts that were run and are still waited for, and the n-grams of each.
        self.contexts: dict[int, tuple[Prefix, int]] = {}
        self.trunks: dict[int, NgramHistory] = {}
        # What all prompts begin with, run once: a chat's template, examples before a question.
        self.common = _count_common(ids)
        self.trunk: Prefix | None = None
        self.cache: PackedCache | None = None

    def run(self) -> None:
        """Decode until nothing waits and no sample is under way."""
        with packed_heads(self.forward.model) as groups:
            while True:
                self._fill()
                idle = sum(len(pack.find_idle()) for pack in self.packs)
                total = len(self.packs) * self.slots
                if self.waiting and idle > total // _IDLE_SHARE:
                    self._load(groups)
                elif idle == total:
                    return
                elif idle > total // _IDLE_SHARE and idle >= self.slots:
                    self._close()
                if any(slot.row for pack in self.packs for slot in pack.slots):
                    self._step()

    def _step(self) -> None:
        """Decode one more token of every slot."""
        cache = self.cache
        assert cache is not None
        if cache.now + self.slots > cache.columns:
            if any(pack.count_used() == cache.now for pack in self.packs):
                wanted = cache.now + self.slots * self._count_steps_left()
                cache.grow(min(wanted, 3 * cache.columns // 2))
            else:
                self._arrange({})
        rows = [[slot.row for slot in pack.slots] for pack in self.packs]
        tokens = torch.tensor([[row.tokens[-1] if row else 0 for row in pack] for pack in rows])
        positions = torch.tensor([[slot.position for slot in pack.slots] for pack in self.packs])
        for pack in self.packs:
            for column, slot in enumerate(pack.slots, cache.now):
                if slot.row:
                    slot.columns.append(column)
        logits = self.forward.step(cache, tokens, positions)
        self._record([p for b in self.packs for p in b.slots], logits.flatten(0, 1))

    def _count_steps_left(self) -> int:
        """Tokens that the sample with the most still to come may have."""
        rows = [slot.row for pack in self.packs for slot in pack.slots if slot.row]
        return self.rules.config.max_new_tokens - min(len(row.tokens) for row in rows)

    def _record(self, slots: Sequence[Slot], logits: torch.Tensor) -> None:
        """Draw these slots' next tokens, and let go of the samples that end with it."""
        rows = [slot.row for slot in slots]
        drawn = draw(
            logits,
            np.array([row.uniform if row else 0.0 for row in rows]),
            [row.blocked() if row else () for row in rows],
            banned=self.rules.banned.ids,
            temperature=self.rules.config.temperature,
            top_p=self.rules.config.top_p,
            ends=self.rules.marks,
        )
        if drawn.ends is not None and drawn.end_logprobs is not None:
            marks, end_logprobs = drawn.ends.tolist(), drawn.end_logprobs.tolist()
            for row, mark, logprob in zip(rows, marks, end_logprobs, strict=True):
                if row:
                    row.note(mark, logprob)
        tokens, logprobs = drawn.tokens.tolist(), drawn.logprobs.tolist()
        for slot, row, token, logprob in zip(slots, rows, tokens, logprobs, strict=True):
            sample = row.take(token, logprob) if row else None
            if sample is not None:
                self.done[sample.prompt, sample.index] = sample
                slot.row, slot.columns = None, []
        if self.on_tokens is not None:
            self.on_tokens(sum(row is not None for row in rows))

    def _fill(self) -> None:
        """Start waiting samples where their context is already held."""
        started: list[Slot] = []
        for number, pack in enumerate(self.packs):
            for slot in pack.find_idle():
                prompt = next((one for one in pack.contexts if one in self.waiting), None)
                if prompt is None:
                    break
                started.append(self._start(number, slot, prompt))
        self._draw_first(started)

    def _start(self, number: int, slot: int, prompt: int) -> Slot:
        """Put the next sample of a prompt, whose context the pack holds, into a slot."""
        indices = self.waiting[prompt]
        index = indices.popleft()
        if not indices:
            del self.waiting[prompt]
        size = self.rules.config.no_repeat_ngram
        if size and prompt not in self.trunks:
            counted = self.ids[prompt] if self.rules.config.prompt_counts else ()
            self.trunks[prompt] = NgramHistory(size, counted)
        history = self.trunks[prompt].fork() if size else None
        pack = self.packs[number]
        taken = pack.slots[slot]
        taken.row = Continuation(self.rules, prompt, index, self.ids[prompt], self.seed, history)
        assert self.cache is not None
        self.cache.show(number, slot, pack.contexts[prompt])
        return taken

    def _draw_first(self, started: Sequence[Slot]) -> None:
        """Draw the first token of samples that have just been started."""
        if not started:
            return
        held = [self.contexts[slot.row.prompt] for slot in started if slot.row]
        self._record(started, torch.stack([prefix.logits[one] for prefix, one in held]))
        self.contexts = {p: held for p, held in self.contexts.items() if p in self.waiting}
        self.trunks = {p: trunk for p, trunk in self.trunks.items() if p in self.waiting}

    def _load(self, groups: int) -> None:
        """Bring further contexts to packs with idle slots, and start their samples."""
        wanted = self._choose()
        for pack in self.packs:
            followed = {slot.row.prompt for slot in pack.slots if slot.row}
            pack.contexts = {
                p: at for p, at in pack.contexts.items() if p in followed or p in self.waiting
            }
        prefix = self._run_context(next(iter(chain.from_iterable(wanted.values()))))[0]
        if self.cache is None:
            self.cache = PackedCache(prefix, len(self.packs), self.slots, groups)
        needed = {
            number: sum(len(self.ids[prompt]) for prompt in prompts)
            for number, prompts in wanted.items()
        }
        now = self.cache.now
        if any(len(self.packs[n].find_free(now)) < width for n, width in needed.items()):
            self._arrange(needed)
        started: list[Slot] = []
        for number, prompts in wanted.items():
            pack = self.packs[number]
            free = pack.find_free(self.cache.now)
            for prompt in prompts:
                width = len(self.ids[prompt])
                pack.contexts[prompt], free = free[:width], free[width:]
                self._copy(number, prompt)
                for slot in pack.find_idle():
                    if prompt in self.waiting:
                        started.append(self._start(number, slot, prompt))
        self._draw_first(started)

    def _choose(self) -> dict[int, list[int]]:
        """Which contexts each pack with idle slots shall take, those served least first."""
        serving = dict.fromkeys(self.waiting, 0)
        for pack in self.packs:
            for prompt in pack.contexts:
                if prompt in serving:
                    serving[prompt] += 1
        left = {prompt: len(indices) for prompt, indices in self.waiting.items()}
        wanted: dict[int, list[int]] = {}
        for number, pack in enumerate(self.packs):
            idle = len(pack.find_idle())
            while idle > 0 and left:
                prompt = min(left, key=serving.__getitem__)
                taken = min(idle, left[prompt])
                wanted.setdefault(number, []).append(prompt)
                serving[prompt] += 1
                idle -= taken
                left[prompt] -= taken
                if not left[prompt]:
                    del left[prompt]
        return wanted

    def _copy(self, number: int, prompt: int) -> None:
        """Write a context into the columns that its pack has set aside for it."""
        prefix, one = self._run_context(prompt)
        columns = np.array(self.packs[number].contexts[prompt])
        source = np.arange(prefix.columns - len(columns), prefix.columns)
        assert self.cache is not None
        self.cache.load(
            Columns(np.full_like(columns, number), columns),
            prefix,
            Columns(np.full_like(columns, one), source),
        )

    def _run_context(self, prompt: int) -> tuple[Prefix, int]:
        """A context that was run; if it was not, it is run now, together with the next ones."""
        if prompt not in self.contexts:
            further = [one for one in self.waiting if one not in self.contexts and one != prompt]
            if self.common and self.trunk is None:
                self.trunk = self.forward.prefill([self.ids[prompt][: self.common]])
            longest = len(self.ids[prompt]) - self.common
            room = _PREFILL_TOKENS_PER_ROW * len(self.packs) * self.slots
            many = max(1, min(room // longest, len(self.packs)))
            together = [prompt, *further[: many - 1]]
            prefix = self.forward.prefill([self.ids[one] for one in together], self.trunk)
            self.contexts.update({one: (prefix, n) for n, one in enumerate(together)})
        return self.contexts[prompt]

    def _close(self) -> None:
        """Bring the samples left together in as few packs as hold them, if that saves memory.

        Samples of several contexts in a pack need the columns of each, and all packs are as
        wide as the widest: just after the last sample has been started, they are better left.
        """
        live = [
            (number, slot)
            for number, pack in enumerate(self.packs)
            for slot in pack.slots
            if slot.row
        ]
        live.sort(key=lambda one: one[1].row.prompt if one[1].row else 0)
        size = self.slots
        groups = [live[i : i + size] for i in range(0, len(live), size)]
        width = max(map(self._count_columns, groups)) + _SPARE_STEPS * size
        cache = self.cache
        assert cache is not None
        if len(groups) * width <= len(self.packs) * cache.columns:
            self._arrange({}, groups)

    def _count_columns(self, group: Sequence[tuple[int, Slot]]) -> int:
        """Columns that samples need in one pack: their contexts' and their own."""
        prompts = {slot.row.prompt for _, slot in group if slot.row}
        own = sum(len(slot.columns) for _, slot in group)
        return own + sum(len(self.ids[prompt]) for prompt in prompts)

    def _arrange(
        self,
        needed: dict[int, int],
        groups: Sequence[Sequence[tuple[int, Slot]]] | None = None,
    ) -> None:
        """Squeeze out the columns that nobody sees, and make room.

        Args:
            needed: columns that packs need for further contexts.
            groups: who shall share a pack, each with its present pack; None leaves it.
        """
        if groups is None:
            groups = [[(n, slot) for slot in b.slots] for n, b in enumerate(self.packs)]
        self.packs, moves = regroup(self.packs, groups, self.slots, self.waiting)
        now = max(pack.count_used() + needed.get(n, 0) for n, pack in enumerate(self.packs))
        cache = self.cache
        assert cache is not None
        to, old = (
            Columns(
                np.repeat([one for one, _ in pairs], [len(at) for _, at in pairs]),
                np.fromiter(chain.from_iterable(at for _, at in pairs), dtype=np.int64),
            )
            for pairs in (
                [(move.to, move.columns) for move in moves],
                [(move.source, move.old) for move in moves],
            )
        )
        cache.arrange(to, old, now, len(self.packs), now + _SPARE_STEPS * self.slots)
        for number, pack in enumerate(self.packs):
            for slot, taken in enumerate(pack.slots):
                if taken.row:
                    seen = pack.contexts[taken.row.prompt] + taken.columns
                    cache.show(number, slot, seen)


def _count_common(ids: Sequence[Sequence[int]]) -> int:
    """Tokens that all prompts begin with, where they are worth a run of their own, else 0.

    At least one of each prompt is left, whose logits give the first token.
    """
    if len(ids) < _FEWEST_TO_SHARE:
        return 0
    low, high = min(map(tuple, ids)), max(map(tuple, ids))
    most = min(map(len, ids)) - 1
    count = next((i for i in range(most) if low[i] != high[i]), most)
    return count if count >= _LEAST_TRUNK else 0


def _choose_slots(most: int, samples: int) -> int:
    """Samples side by side in a pack: what leaves the fewest of `most` slots unused.

    Never more than a prompt has samples, because side by side pays for a shared context.
    """
    largest = max(1, min(MOST_SLOTS, most, samples))
    sizes = range(largest, largest // 2, -1)
    return max(sizes, key=lambda size: most // size * size)
