"""NeuroLogic decoding: beam search that makes a sentence satisfy lexical constraints.

Source: Lu et al. 2021, NeuroLogic Decoding; the optional look-ahead is that of Lu et al. 2022,
NeuroLogic A*esque Decoding. Many contexts are decoded together; one that is done gives its place
to the next one waiting, and its result does not depend on what was decoded beside it (up to the
rounding of matrix products of another shape).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import torch

from builder.decoding.attention import packed_heads
from builder.decoding.automaton import Automaton
from builder.decoding.beam import BeamSearch, Hypothesis, Rules
from builder.decoding.candidates import Candidates, Cells
from builder.decoding.constraints import Constraints, fewest_tokens
from builder.decoding.filters import BannedStrings, end_tokens
from builder.decoding.forward import CausalForward
from builder.decoding.lookahead import Lookahead
from builder.decoding.neurologic_settings import NeurologicConfig
from builder.decoding.tree import BeamTree
from builder.decoding.vocabulary import ender_tokens, largest, log_normaliser, nth_largest
from builder.errors import BuilderError, ConfigError
from dimsum.memory import give_back, is_out_of_memory

__all__ = ["Hypothesis", "NeurologicConfig", "NeurologicDecoder"]

_ANCHOR_TOKENS = 4
# Free places are filled when they are this share of all, since a prompt run alone is dear.
_REFILL_SHARE = 4


class NeurologicDecoder:
    """Writes continuations that satisfy constraints, with a decoder-only model.

    Args:
        model: of transformers; set to evaluation mode.
        tokenizer: the model's.
        config: of the search.
        bos: whether a prompt begins with the tokenizer's beginning-of-text token. None leaves it
            to the tokenizer, True puts it where the tokenizer did not, False asks the tokenizer
            for no special token.

    Raises:
        ConfigError: an encoder-decoder model.
        BuilderError: a model whose forward takes no key/value cache.
    """

    def __init__(
        self, model: Any, tokenizer: Any, config: NeurologicConfig, *, bos: bool | None = None
    ) -> None:
        self.config = config
        self.tokenizer = tokenizer
        self.forward = CausalForward(model)
        self.contexts = config.max_contexts
        self._bos = bos
        ends = frozenset(end_tokens(model, tokenizer))
        self.rules = Rules(
            config=config,
            enders=ends | ender_tokens(tokenizer, config.enders),
            ends=ends,
            banned=BannedStrings(tokenizer, config.banned),
            text=self._text,
        )
        device = self.forward.device
        self._enders = torch.tensor(sorted(self.rules.enders), dtype=torch.int64, device=device)
        self._banned = self.rules.banned.ids.to(device)
        self._lookahead = Lookahead(config, self._enders) if config.lookahead_steps else None

    @torch.inference_mode()
    def decode(
        self,
        prompts: Sequence[str],
        constraints: Sequence[Constraints],
        *,
        on_tokens: Callable[[int], None] | None = None,
    ) -> list[list[Hypothesis]]:
        """Search the n best continuations of every prompt.

        When memory runs out, the contexts decoded together are halved for good and those that
        are not done begin anew.

        Args:
            prompts: contexts, none of them empty.
            constraints: of each context, in the tokens of this decoder's tokenizer.
            on_tokens: called, step by step, with how many tokens were decoded, one for each beam.

        Returns:
            For each prompt 1 to n_best hypotheses, no two with the same text, best first. Where
            the masks or the length left no finished one, they are unfinished, and may leave
            clauses unsatisfied.

        Raises:
            ConfigError: an empty prompt, one too long for the model, or constraints that
                contradict each other or do not fit into max_new_tokens.
            BuilderError: not enough memory for a single context.
        """
        if len(prompts) != len(constraints):
            raise ConfigError(
                f"{len(prompts)} prompts, but constraints for {len(constraints)}",
                hint="give one Constraints for each prompt; Constraints() demands nothing",
            )
        ids = [self._encode(ordinal, prompt) for ordinal, prompt in enumerate(prompts)]
        compiled = [self._compile(ordinal, one) for ordinal, one in enumerate(constraints)]
        done: dict[int, list[Hypothesis]] = {}
        # Neighbours of like length waste the fewest columns; longest first, so that memory
        # runs out at once or not at all.
        order = sorted(range(len(ids)), key=lambda one: -len(ids[one]))
        while len(done) < len(ids):
            waiting = deque((n, compiled[n], ids[n]) for n in order if n not in done)
            try:
                with packed_heads(self.forward.model) as groups:
                    self._run(waiting, done, groups, on_tokens)
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                if self.contexts == 1:
                    raise BuilderError(
                        "not enough memory to decode a single context",
                        hint="use a smaller model, fewer beams or shorter contexts",
                    ) from error
                self.contexts = max(1, self.contexts // 2)
            give_back(self.forward.device)
        return [done[n] for n in range(len(ids))]

    def _run(
        self,
        waiting: deque[tuple[int, Automaton, list[int]]],
        done: dict[int, list[Hypothesis]],
        groups: int,
        on_tokens: Callable[[int], None] | None,
    ) -> None:
        places = min(self.contexts, len(waiting))
        tree = BeamTree(self.forward, places, self.config.beams, groups)
        live: list[tuple[int, BeamSearch]] = []
        while waiting or live:
            free = places - len(live)
            if waiting and (not live or free * _REFILL_SHARE >= places):
                new = [waiting.popleft() for _ in range(min(free, len(waiting)))]
                begun = [(n, BeamSearch(self.rules, auto, ids)) for n, auto, ids in new]
                logits = tree.admit([ids for _, _, ids in new])
                self._step(tree, [search for _, search in begun], logits, first=len(live))
                live += begun
            else:
                logits = tree.extend(*_next([search for _, search in live]))
                self._step(tree, [search for _, search in live], logits, first=0)
            del logits  # or two steps' logits are held at once
            if on_tokens is not None:
                on_tokens(sum(len(search.beams) for _, search in live))
            kept = [place for place, (_, search) in enumerate(live) if not search.done]
            done.update((n, search.results()) for n, search in live if search.done)
            if len(kept) < len(live):
                live = [live[place] for place in kept]
                tree.keep(kept)

    def _step(
        self, tree: BeamTree, searches: list[BeamSearch], logits: torch.Tensor, *, first: int
    ) -> None:
        """One step of each search.

        Args:
            tree: its rows from `first` on belong to the searches.
            searches: each with at most as many beams as `logits` has.
            logits: [searches, beams, vocabulary]; masked in place.
            first: row of the first search.
        """
        beams, vocabulary = logits.shape[1:]
        flat = logits.reshape(-1, vocabulary)
        normaliser = log_normaliser(flat)
        cells = [search.cells() for search in searches]
        rows = {
            (place, beam): place * beams + beam
            for place, search in enumerate(searches)
            for beam in range(len(search.beams))
        }
        self._mask(flat, [(row, cells[place][beam]) for (place, beam), row in rows.items()])
        most = min(self.config.beams + min(len(self._enders), self.config.beams), vocabulary)
        values, ids = largest(flat, most)
        logprobs = (values.float() - normaliser[:, None]).tolist()
        tokens = ids.tolist()
        wanted = _gathered(
            flat,
            normaliser,
            [(row, cells[place][beam].wanted) for (place, beam), row in rows.items()],
        )
        kept: list[Candidates] = []
        for place, search in enumerate(searches):
            mine = [rows[place, beam] for beam in range(len(search.beams))]
            found = search.candidates(
                cells[place],
                [tokens[row] for row in mine],
                [logprobs[row] for row in mine],
                [wanted[row] for row in mine],
            )
            floor = self._floor(search, flat[mine[0] : mine[-1] + 1], normaliser[mine])
            kept.append(search.pruned(found, floor))
        bonuses = self._lookahead(tree, searches, kept, first) if self._lookahead else {}
        for place, search in enumerate(searches):
            search.choose(kept[place], bonuses.get(place))

    def _mask(self, flat: torch.Tensor, cells: list[tuple[int, Cells]]) -> None:
        """Write minus infinity where a beam may not go (step 0)."""
        rows = [row for row, cell in cells if cell.enders_hidden]
        shown = [(row, t) for row, cell in cells if cell.enders_hidden for t in cell.enders_shown]
        saved = flat[_pairs(shown, flat.device)]
        if rows and len(self._enders):
            where = torch.tensor(rows, device=flat.device)
            flat[where[:, None], self._enders] = -torch.inf
            flat[_pairs(shown, flat.device)] = saved
        hidden = [(row, token) for row, cell in cells for token in cell.hidden]
        flat[_pairs(hidden, flat.device)] = -torch.inf
        if len(self._banned):
            flat[:, self._banned] = -torch.inf

    def _floor(self, search: BeamSearch, logits: torch.Tensor, normaliser: torch.Tensor) -> float:
        """The log-probability of a hypothesis that is the alpha-th best cell."""
        if self.config.alpha is None:
            return -torch.inf
        before = torch.tensor([beam.logprob for beam in search.beams], device=logits.device)
        return nth_largest(logits.float().add_((before - normaliser)[:, None]), self.config.alpha)

    def _encode(self, ordinal: int, prompt: str) -> list[int]:
        if not prompt.strip():
            raise ConfigError(
                f"prompt {ordinal} is empty", hint="give every context at least one word"
            )
        ids: list[int] = list(
            self.tokenizer.encode(prompt, add_special_tokens=self._bos is not False)
        )
        begin = self.tokenizer.bos_token_id
        if self._bos and begin is not None and ids[:1] != [begin]:
            ids.insert(0, begin)
        positions = self.forward.positions
        room = None if positions is None else positions - self.config.max_new_tokens
        if room is not None and len(ids) > room:
            raise ConfigError(
                f"prompt {ordinal} has {len(ids)} tokens, and the model's {positions} positions "
                f"leave {max(room, 0)} beside max_new_tokens {self.config.max_new_tokens}",
                hint="shorten the context or lower max_new_tokens",
            )
        return ids

    def _compile(self, ordinal: int, constraints: Constraints) -> Automaton:
        unusable = (*self.rules.banned.ids.tolist(), *self.rules.ends)
        automaton = Automaton(constraints, unusable)
        needed = fewest_tokens(automaton.constraints)
        if needed > self.config.max_new_tokens:
            raise ConfigError(
                f"the constraints of prompt {ordinal} take at least {needed} tokens, "
                f"more than max_new_tokens {self.config.max_new_tokens}",
                hint="raise max_new_tokens or give fewer keywords",
            )
        return automaton

    def _text(self, prompt: Sequence[int], tokens: Sequence[int]) -> str:
        """What `tokens` add to the prompt's text, decoded behind the prompt's last tokens.

        Many tokenizers drop the leading space of what they decode.
        """
        anchor = list(prompt[-_ANCHOR_TOKENS:])
        options = {"skip_special_tokens": True, "clean_up_tokenization_spaces": False}
        before: str = self.tokenizer.decode(anchor, **options)
        whole: str = self.tokenizer.decode([*anchor, *tokens], **options)
        if whole.startswith(before):
            return whole[len(before) :]
        text: str = self.tokenizer.decode(list(tokens), **options)
        return text


def _next(searches: list[BeamSearch]) -> tuple[torch.Tensor, torch.Tensor]:
    """Parents and last tokens of all beams, [searches, beams]; short rows repeat their first."""
    most = max(len(search.beams) for search in searches)
    parents, tokens = [], []
    for search in searches:
        fill = most - len(search.beams)
        last = [beam.tokens[-1] for beam in search.beams]
        parents.append(search.parents + search.parents[:1] * fill)
        tokens.append(last + last[:1] * fill)
    return torch.tensor(parents), torch.tensor(tokens)


def _pairs(cells: list[tuple[int, int]], device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """(row, column) pairs as an index."""
    both = torch.tensor(cells, dtype=torch.int64, device=device).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _gathered(
    flat: torch.Tensor, normaliser: torch.Tensor, wanted: list[tuple[int, list[int]]]
) -> dict[int, list[float]]:
    """Log-probabilities of chosen tokens of chosen rows, by row."""
    rows, columns = _pairs([(row, token) for row, own in wanted for token in own], flat.device)
    values = (flat[rows, columns].float() - normaliser[rows]).tolist()
    ends = list(accumulate(len(own) for _, own in wanted))
    return {row: values[end - len(own) : end] for (row, own), end in zip(wanted, ends, strict=True)}
