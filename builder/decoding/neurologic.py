"""NeuroLogic decoding: beam search that makes a sentence satisfy lexical constraints.

Source: Lu et al. 2021, NeuroLogic Decoding. Many contexts are decoded together; when one is done,
the next one waiting takes its row, and no result depends on what was decoded together with it (up
to the rounding of matrix products of another shape).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import accumulate, chain
from typing import Any

import torch

from builder.decoding.attention import pack_heads
from builder.decoding.automaton import Automaton
from builder.decoding.beam import BeamSearch, Hypothesis, Rules
from builder.decoding.candidates import Cells
from builder.decoding.constraints import Constraints, count_fewest_tokens
from builder.decoding.filters import BannedStrings, find_end_tokens
from builder.decoding.forward import CausalForward
from builder.decoding.neurologic_settings import NeurologicConfig
from builder.decoding.prompts import refuse_too_long
from builder.decoding.tree import BeamTree
from builder.decoding.vocabulary import (
    find_enders,
    find_largest,
    find_nth_largest,
    measure_log_normaliser,
)
from builder.errors import ConfigError, NoMemory
from dimsum.memory import give_back, is_out_of_memory

__all__ = ["Hypothesis", "NeurologicConfig", "NeurologicDecoder"]

# Free rows are filled when they are this share of all, since a prompt run alone costs much.
_REFILL_SHARE = 4


class NeurologicDecoder:
    """Writes continuations that satisfy constraints, with a decoder-only model.

    Args:
        model: of transformers; set to evaluation mode.
        tokenizer: the model's.
        config: of the search.

    Raises:
        ConfigError: an encoder-decoder model.
        BuilderError: a model whose forward takes no key/value cache.
    """

    def __init__(self, model: Any, tokenizer: Any, config: NeurologicConfig) -> None:
        self.config = config
        self.tokenizer = tokenizer
        self.forward = CausalForward(model)
        self.contexts = config.max_contexts
        ends = find_end_tokens(model, tokenizer)
        banned = BannedStrings(tokenizer, config.banned)
        enders = find_enders(tokenizer, config.enders).union(ends)
        self.rules = Rules(config, enders, banned, tokenizer)
        # What is never inside a phrase.
        self._unusable = (*banned.ids.tolist(), *ends)
        device = self.forward.device
        self._enders = torch.tensor(sorted(enders), dtype=torch.int64, device=device)
        self._banned = banned.ids.to(device)

    @torch.inference_mode()
    def decode(
        self,
        prompts: Sequence[str],
        constraints: Sequence[Constraints],
        *,
        on_tokens: Callable[[int], None] | None = None,
    ) -> list[Hypothesis]:
        """Search the best continuation of every prompt.

        When memory runs out, the contexts decoded together are halved for good and those that
        are not done begin anew.

        Args:
            prompts: contexts, none of them empty.
            constraints: of each context, in the tokens of this decoder's tokenizer.
            on_tokens: called, step by step, with how many tokens were decoded, one for each beam.

        Returns:
            A hypothesis for each prompt. Where the masks or the length left no finished one, it is
            unfinished, and may leave clauses unsatisfied.

        Raises:
            ConfigError: an empty prompt, one too long for the model, or constraints that need a
                banned token or do not fit into max_new_tokens.
            NoMemory: not enough memory for a single context.
        """
        if len(prompts) != len(constraints):
            raise ConfigError(
                f"{len(prompts)} prompts, but constraints for {len(constraints)}",
                hint="give one Constraints for each prompt; Constraints() demands nothing",
            )
        ids = [self._encode(ordinal, prompt) for ordinal, prompt in enumerate(prompts)]
        compiled = [self._compile(ordinal, one) for ordinal, one in enumerate(constraints)]
        done: dict[int, Hypothesis] = {}
        # Neighbours of like length waste the fewest columns; longest first, so that memory
        # runs out at once or not at all.
        order = sorted(range(len(ids)), key=lambda one: -len(ids[one]))
        while len(done) < len(ids):
            waiting = deque((n, compiled[n], ids[n]) for n in order if n not in done)
            try:
                with pack_heads(self.forward.model) as groups:
                    self._run(waiting, done, groups, on_tokens)
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                if self.contexts == 1:
                    raise NoMemory(
                        "not enough memory to decode a single context",
                        hint="use a smaller model, fewer beams or shorter contexts",
                    ) from error
                self.contexts = max(1, self.contexts // 2)
            give_back(self.forward.device)
        return [done[n] for n in range(len(ids))]

    def _run(
        self,
        waiting: deque[tuple[int, Automaton, list[int]]],
        done: dict[int, Hypothesis],
        groups: int,
        on_tokens: Callable[[int], None] | None,
    ) -> None:
        rows = min(self.contexts, len(waiting))
        tree = BeamTree(self.forward, rows, self.config.beams, groups)
        live: list[tuple[int, BeamSearch]] = []
        while waiting or live:
            free = rows - len(live)
            if waiting and (not live or free * _REFILL_SHARE >= rows):
                new = [waiting.popleft() for _ in range(min(free, len(waiting)))]
                begun = [(n, BeamSearch(self.rules, auto, ids)) for n, auto, ids in new]
                logits = tree.admit([ids for _, _, ids in new])
                self._step([search for _, search in begun], logits)
                live += begun
            else:
                logits = tree.extend(*_stack([search for _, search in live]))
                self._step([search for _, search in live], logits)
            del logits  # or two steps' logits are held at once
            if on_tokens is not None:
                on_tokens(sum(len(search.beams) for _, search in live))
            going_on = [row for row, (_, search) in enumerate(live) if not search.done]
            done.update((n, search.find_best()) for n, search in live if search.done)
            if len(going_on) < len(live):
                live = [live[row] for row in going_on]
                tree.keep(going_on)

    def _step(self, searches: list[BeamSearch], logits: torch.Tensor) -> None:
        """One step of each search.

        Args:
            searches: each with at most as many beams as `logits` has.
            logits: [searches, beams, vocabulary]; masked in place.
        """
        beams, vocabulary = logits.shape[1:]
        flat = logits.reshape(-1, vocabulary)
        normaliser = measure_log_normaliser(flat)
        cells = [search.make_cells() for search in searches]
        rows = [
            [number * beams + beam for beam in range(len(search.beams))]
            for number, search in enumerate(searches)
        ]
        asked = [*zip(chain.from_iterable(rows), chain.from_iterable(cells), strict=True)]
        self._mask(flat, asked)
        most = min(self.config.beams + min(len(self._enders), self.config.beams), vocabulary)
        values, ids = find_largest(flat, most)
        logprobs = (values.float() - normaliser[:, None]).tolist()
        tokens = ids.tolist()
        wanted = _gather(flat, normaliser, [(row, cell.wanted) for row, cell in asked])
        for search, own, mine in zip(searches, cells, rows, strict=True):
            found = search.make_candidates(
                own,
                [tokens[row] for row in mine],
                [logprobs[row] for row in mine],
                [wanted[row] for row in mine],
            )
            floor = self._floor(search, flat[mine[0] : mine[-1] + 1], normaliser[mine])
            search.choose(search.prune(found, floor))

    def _mask(self, flat: torch.Tensor, cells: list[tuple[int, Cells]]) -> None:
        """Write minus infinity where a beam may not go (step 0)."""
        rows = [row for row, cell in cells if cell.enders_hidden]
        shown = [(row, t) for row, cell in cells if cell.enders_hidden for t in cell.enders_shown]
        saved = flat[_split_cells(shown, flat.device)]
        if rows and len(self._enders):
            where = torch.tensor(rows, device=flat.device)
            flat[where[:, None], self._enders] = -torch.inf
            flat[_split_cells(shown, flat.device)] = saved
        hidden = [(row, token) for row, cell in cells for token in cell.hidden]
        flat[_split_cells(hidden, flat.device)] = -torch.inf
        if len(self._banned):
            flat[:, self._banned] = -torch.inf

    def _floor(self, search: BeamSearch, logits: torch.Tensor, normaliser: torch.Tensor) -> float:
        """The log-probability of a hypothesis that is the alpha-th best cell."""
        if self.config.alpha is None:
            return -torch.inf
        before = torch.tensor([beam.logprob for beam in search.beams], device=logits.device)
        return find_nth_largest(
            logits.float().add_((before - normaliser)[:, None]), self.config.alpha
        )

    def _encode(self, ordinal: int, prompt: str) -> list[int]:
        if not prompt.strip():
            raise ConfigError(
                f"prompt {ordinal} is empty", hint="give every context at least one word"
            )
        ids: list[int] = list(self.tokenizer.encode(prompt))
        refuse_too_long(ordinal, ids, self.forward.positions, self.config.max_new_tokens)
        return ids

    def _compile(self, ordinal: int, constraints: Constraints) -> Automaton:
        automaton = Automaton(constraints, self._unusable)
        needed = count_fewest_tokens(automaton.constraints)
        if needed > self.config.max_new_tokens:
            raise ConfigError(
                f"the constraints of prompt {ordinal} take at least {needed} tokens, "
                f"more than max_new_tokens {self.config.max_new_tokens}",
                hint="raise max_new_tokens or give fewer keywords",
            )
        return automaton


def _stack(searches: list[BeamSearch]) -> tuple[torch.Tensor, torch.Tensor]:
    """Parents and last tokens of all beams, [searches, beams]; short rows repeat their first."""
    most = max(len(search.beams) for search in searches)
    parents, tokens = [], []
    for search in searches:
        fill = most - len(search.beams)
        last = [beam.tokens[-1] for beam in search.beams]
        parents.append(search.parents + search.parents[:1] * fill)
        tokens.append(last + last[:1] * fill)
    return torch.tensor(parents), torch.tensor(tokens)


def _split_cells(
    cells: list[tuple[int, int]], device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """(row, column) pairs as an index."""
    both = torch.tensor(cells, dtype=torch.int64, device=device).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _gather(
    flat: torch.Tensor, normaliser: torch.Tensor, wanted: list[tuple[int, list[int]]]
) -> dict[int, list[float]]:
    """Log-probabilities of chosen tokens of chosen rows, by row."""
    rows, columns = _split_cells(
        [(row, token) for row, own in wanted for token in own], flat.device
    )
    values = (flat[rows, columns].float() - normaliser[rows]).tolist()
    ends = list(accumulate(len(own) for _, own in wanted))
    return {row: values[end - len(own) : end] for (row, own), end in zip(wanted, ends, strict=True)}
