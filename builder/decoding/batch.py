"""The samples decoded together: who waits, who runs, who makes room.

Samples of a prompt that have drawn the same tokens so far have one next-token distribution. They
are a branch, which the model runs once: each draws from it with its own random number, and those
that draw different tokens go on as branches of their own. Nothing is copied for that, a branch is
shown the columns of what it has in common with others.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from itertools import chain, pairwise

import numpy as np
import torch

from builder.decoding.attention import pack_heads
from builder.decoding.cache import Columns, PackedCache, Prefix
from builder.decoding.continuation import Continuation, Rules, Sample
from builder.decoding.draw import draw
from builder.decoding.filters import NgramHistory
from builder.decoding.forward import CausalForward
from builder.decoding.pack import Branch, Pack, regroup

MOST_SLOTS = 10
_PREFILL_TOKENS_PER_ROW = 16
# Prompts that share fewer tokens, or fewer of them, run whole.
_LEAST_TRUNK = 16
_FEWEST_TO_SHARE = 4
# Steps that the columns suffice for, once those that nobody sees are squeezed out. A step reads
# all of them, so few are as fast as many, and take less memory.
_SPARE_STEPS = 8
# Loading a context or moving branches touches every layer, so it is done for several slots at once.
_IDLE_SHARE = 16


class Batch:
    """Decodes every waiting sample, at most `limit` branches at a time.

    Args:
        forward: the model.
        rules: of the sampler.
        limit: most branches decoded together.
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
        # Prompts that have not been run with their samples, and branches of others without a pack.
        self.unrun = dict(waiting)
        self.waiting: dict[int, deque[Branch]] = {}
        self.seed = seed
        self.done = done
        self.on_tokens = on_tokens
        most = min(limit, sum(map(len, waiting.values())))
        self.slots = _choose_slots(most, max(map(len, waiting.values())))
        self.packs = [Pack([None] * self.slots) for _ in range(most // self.slots)]
        # Contexts of which branches wait for a pack.
        self.contexts: dict[int, tuple[Prefix, int]] = {}
        # What all prompts begin with, run once: a chat's template, examples before a question.
        self.common = _count_common(ids)
        self.trunk: Prefix | None = None
        self.cache: PackedCache | None = None

    def run(self) -> None:
        """Decode until nothing waits and no sample is under way."""
        with pack_heads(self.forward.model) as groups:
            while True:
                self._fill()
                idle = sum(len(pack.find_idle()) for pack in self.packs)
                total = len(self.packs) * self.slots
                if idle > total // _IDLE_SHARE:
                    if self.waiting or self.unrun:
                        self._load(groups)
                    elif idle == total:
                        return
                    else:
                        self._spread()
                if any(pack.running for pack in self.packs):
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
        packs = self.packs[: self._count_run()]
        rows = [[b.first.tokens[-1] if b else 0 for b in pack.slots] for pack in packs]
        places = [[b.position if b else 0 for b in pack.slots] for pack in packs]
        for pack in packs:
            for column, branch in enumerate(pack.slots, cache.now):
                if branch:
                    branch.columns.append(column)
        logits = self.forward.step(cache, torch.tensor(rows), torch.tensor(places))
        live = [branch is not None for pack in packs for branch in pack.slots]
        logits = logits.flatten(0, 1) if all(live) else logits.flatten(0, 1)[torch.tensor(live)]
        found = iter(self._draw([b for pack in packs for b in pack.running], logits))
        for pack in packs:
            for slot, branch in enumerate(pack.slots):
                if branch:
                    parts = next(found)
                    pack.slots[slot] = parts[0] if parts else None
                    pack.parted += parts[1:]

    def _count_run(self) -> int:
        """Packs that a step runs: those behind the last one with a branch in a slot are spared."""
        return max((n for n, pack in enumerate(self.packs, 1) if pack.running), default=0)

    def _count_steps_left(self) -> int:
        """Tokens that the sample with the most still to come may have."""
        grown = [len(branch.first.tokens) for pack in self.packs for branch in pack.branches]
        return self.rules.config.max_new_tokens - min(grown)

    def _draw(self, branches: Sequence[Branch], logits: torch.Tensor) -> list[list[Branch]]:
        """Draw the next token of every sample, and let go of the samples that end with it.

        Args:
            branches: whose turn it is.
            logits: [branches, vocabulary], which are changed.

        Returns:
            for each branch those it goes on as, one for each token.
        """
        samples = [sample for branch in branches for sample in branch.samples]
        owners = np.repeat(np.arange(len(branches)), [len(branch.samples) for branch in branches])
        drawn = draw(
            logits,
            np.array([sample.uniform for sample in samples]),
            [branch.first.blocked() for branch in branches],
            banned=self.rules.banned.ids,
            temperature=self.rules.config.temperature,
            top_p=self.rules.config.top_p,
            ends=self.rules.marks,
            owners=owners,
        )
        if drawn.ends is not None and drawn.end_logprobs is not None:
            marks, end_logprobs = drawn.ends.tolist(), drawn.end_logprobs.tolist()
            for sample, mark, logprob in zip(samples, marks, end_logprobs, strict=True):
                sample.note(mark, logprob)
        parts: list[dict[int, list[Continuation]]] = [{} for _ in branches]
        tokens, logprobs = drawn.tokens.tolist(), drawn.logprobs.tolist()
        for owner, sample, token, logprob in zip(owners, samples, tokens, logprobs, strict=True):
            ended = sample.take(token, logprob)
            if ended is None:
                parts[owner].setdefault(token, []).append(sample)
            else:
                self.done[ended.prompt, ended.index] = ended
        if self.on_tokens is not None:
            self.on_tokens(len(samples))
        return [
            [Branch(alike, branch.columns.copy()) for alike in of.values()]
            for branch, of in zip(branches, parts, strict=True)
        ]

    def _fill(self) -> None:
        """Put branches into idle slots where their context is already held."""
        for number, pack in enumerate(self.packs):
            for slot in pack.find_idle():
                branch = self._take_next(pack)
                if branch is None:
                    break
                pack.slots[slot] = branch
                assert self.cache is not None
                seen = pack.contexts[branch.first.prompt] + branch.columns
                self.cache.show(number, slot, seen)

    def _take_next(self, pack: Pack) -> Branch | None:
        """The branch whose turn it is in a pack: of its own the one with the most to come."""
        if pack.parted:
            first = min(range(len(pack.parted)), key=lambda one: len(pack.parted[one].columns))
            return pack.parted.pop(first)
        prompt = next((one for one in pack.contexts if one in self.waiting), None)
        if prompt is None:
            return None
        branch = self.waiting[prompt].popleft()
        if not self.waiting[prompt]:
            del self.waiting[prompt], self.contexts[prompt]
        return branch

    def _load(self, groups: int) -> None:
        """Bring further contexts to packs with idle slots, and start their branches."""
        wanted = self._choose()
        if not wanted:
            return  # no room yet, or every sample ended with its first token
        for pack in self.packs:
            followed = {branch.first.prompt for branch in pack.branches}
            pack.contexts = {
                p: at for p, at in pack.contexts.items() if p in followed or p in self.waiting
            }
        if self.cache is None:
            prefix = self.contexts[next(chain.from_iterable(wanted.values()))][0]
            self.cache = PackedCache(prefix, len(self.packs), self.slots, groups)
        needed = {
            number: sum(len(self.ids[prompt]) for prompt in prompts)
            for number, prompts in wanted.items()
        }
        now = self.cache.now
        if any(len(self.packs[n].find_free(now)) < width for n, width in needed.items()):
            self._arrange(needed)
        for number, prompts in wanted.items():
            pack = self.packs[number]
            free = pack.find_free(self.cache.now)
            for prompt in prompts:
                width = len(self.ids[prompt])
                pack.contexts[prompt], free = free[:width], free[width:]
                self._copy(number, prompt)
        self._fill()

    def _choose(self) -> dict[int, list[int]]:
        """Which contexts each pack with idle slots shall take, those served least first."""
        serving = Counter(prompt for pack in self.packs for prompt in pack.contexts)
        left = {prompt: [*branches] for prompt, branches in self.waiting.items()}
        wanted: dict[int, list[int]] = {}
        for number, pack in enumerate(self.packs):
            idle = len(pack.find_idle())
            # Where every sample may part from the others; more contexts would widen the pack.
            room = self.slots - sum(len(branch.samples) for branch in pack.branches)
            while idle > 0 and room > 0:
                if self.unrun and all(serving[prompt] for prompt in left):
                    left.update(self._run_contexts())
                    continue
                if not left:
                    break
                prompt = min(left, key=serving.__getitem__)
                wanted.setdefault(number, []).append(prompt)
                serving[prompt] += 1
                while left[prompt] and idle > 0:
                    room -= len(left[prompt].pop(0).samples)
                    idle -= 1
                if not left[prompt]:
                    del left[prompt]
        return wanted

    def _run_contexts(self) -> dict[int, list[Branch]]:
        """Run the next contexts together, and draw the first token of their samples.

        Returns:
            the branches of each; none of contexts of which every sample has ended.
        """
        if self.common and self.trunk is None:
            first = self.ids[next(iter(self.unrun))]
            self.trunk = self.forward.prefill([first[: self.common]])
        longest = len(self.ids[next(iter(self.unrun))]) - self.common
        room = _PREFILL_TOKENS_PER_ROW * len(self.packs) * self.slots
        together = [*self.unrun][: max(1, min(room // longest, len(self.packs)))]
        prefix = self.forward.prefill([self.ids[one] for one in together], self.trunk)
        begun = [Branch(self._begin(prompt, self.unrun.pop(prompt))) for prompt in together]
        found = self._draw(begun, prefix.logits)
        for row, (prompt, branches) in enumerate(zip(together, found, strict=True)):
            if branches:
                self.waiting[prompt] = deque(branches)
                self.contexts[prompt] = (prefix, row)
        return {p: [*self.waiting[p]] for p in together if p in self.waiting}

    def _begin(self, prompt: int, indices: Sequence[int]) -> list[Continuation]:
        """Samples of a prompt, before their first token."""
        ids, size = self.ids[prompt], self.rules.config.no_repeat_ngram
        trunk = NgramHistory(size, ids if self.rules.config.prompt_counts else ()) if size else None
        return [
            Continuation(self.rules, prompt, index, ids, self.seed, trunk.fork() if trunk else None)
            for index in indices
        ]

    def _copy(self, number: int, prompt: int) -> None:
        """Write a context into the columns that its pack has set aside for it."""
        prefix, one = self.contexts[prompt]
        columns = np.array(self.packs[number].contexts[prompt])
        source = np.arange(prefix.columns - len(columns), prefix.columns)
        assert self.cache is not None
        self.cache.load(
            Columns(np.full_like(columns, number), columns),
            prefix,
            Columns(np.full_like(columns, one), source),
        )

    def _spread(self) -> None:
        """Spread branches over the first packs, and give those up that no sample will need.

        Every sample may come to need a slot, since it may part from the others. Branches of several
        contexts in a pack need the columns of each, and all packs are as wide as the widest: where
        memory would grow, all is left as it is.
        """
        branches = [(n, branch) for n, pack in enumerate(self.packs) for branch in pack.branches]
        samples = sum(len(branch.samples) for _, branch in branches)
        most = min(len(self.packs), _divide_up(samples, self.slots))
        many = min(most, _divide_up(len(branches), self.slots))
        parted = any(pack.parted for pack in self.packs)
        if not parted and most == len(self.packs) and many >= self._count_run():
            return
        # Neighbours in this order have the most in common.
        branches.sort(key=lambda one: (one[1].first.prompt, one[1].first.tokens))
        ends = [len(branches) * number // many for number in range(many + 1)]
        groups = [branches[start:end] for start, end in pairwise(ends)]
        for group in groups:
            group.sort(key=lambda one: len(one[1].columns))
        width = max(map(self._count_columns, groups)) + _SPARE_STEPS * self.slots
        cache = self.cache
        assert cache is not None
        if most * width <= len(self.packs) * cache.columns:
            self._arrange({}, [*groups, *([] for _ in range(most - many))])

    def _count_columns(self, group: Sequence[tuple[int, Branch]]) -> int:
        """Columns that branches need in one pack: their contexts' and their own."""
        own = {(number, column) for number, branch in group for column in branch.columns}
        return len(own) + sum(len(self.ids[p]) for p in {b.first.prompt for _, b in group})

    def _arrange(
        self,
        needed: dict[int, int],
        groups: Sequence[Sequence[tuple[int, Branch]]] | None = None,
    ) -> None:
        """Squeeze out the columns that nobody sees, and make room.

        Args:
            needed: columns that packs need for further contexts.
            groups: which branches shall share a pack, each with its present pack, those first
                that shall have a slot; None leaves it.
        """
        if groups is None:
            groups = [[(n, one) for one in pack.branches] for n, pack in enumerate(self.packs)]
        self.packs, moves = regroup(self.packs, groups, self.slots, self.waiting)
        now = max(pack.count_used() + needed.get(n, 0) for n, pack in enumerate(self.packs))
        cache = self.cache
        assert cache is not None
        to, old = (
            Columns(
                np.array([one for one, at in pairs for _ in at], dtype=np.int64),
                np.fromiter(chain.from_iterable(at for _, at in pairs), dtype=np.int64),
            )
            for pairs in (
                [(move.to, move.columns) for move in moves],
                [(move.source, move.old) for move in moves],
            )
        )
        cache.arrange(to, old, now, len(self.packs), now + _SPARE_STEPS * self.slots)
        for number, pack in enumerate(self.packs):
            for slot, branch in enumerate(pack.slots):
                if branch:
                    seen = pack.contexts[branch.first.prompt] + branch.columns
                    cache.show(number, slot, seen)


def _divide_up(whole: int, part: int) -> int:
    return -(-whole // part)


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
