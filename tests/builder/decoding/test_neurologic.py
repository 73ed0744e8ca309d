"""NeuroLogic against exhaustive search, plain beam search and string matching on toy models."""

from __future__ import annotations

import gc
import itertools
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast, T5Config

from builder.decoding.attention import pack_heads
from builder.decoding.automaton import Automaton
from builder.decoding.beam import BeamSearch
from builder.decoding.cache import PackedCache, Prefix
from builder.decoding.constraints import Clause, Constraints, holds
from builder.decoding.forward import CausalForward
from builder.decoding.neurologic import NeurologicConfig, NeurologicDecoder
from builder.decoding.tree import BeamTree, TreeCache
from builder.decoding.vocabulary import (
    find_enders,
    find_largest,
    find_nth_largest,
    measure_log_normaliser,
)
from builder.errors import BuilderError, ConfigError

WORDS = ["ee", "</s>", ".", "aa", "bb", "cc", "dd"]
END, DOT, A, B, C, D = range(1, 7)
ENDERS = {END, DOT}
PROMPT = "aa bb dd"
FREE = NeurologicConfig(
    beams=400,
    max_new_tokens=4,
    min_new_tokens=2,
    no_repeat_ngram=0,
    length_penalty=0.7,
    beta=None,
    progress_weight=2.0,
)


@pytest.fixture(scope="module")
def words() -> PreTrainedTokenizerFast:
    """One token a word; "." and </s> end a sentence."""
    inner = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="ee"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="</s>")


def toy_model(seed: int) -> Any:
    torch.manual_seed(seed)
    config = GPT2Config(
        n_embd=16,
        n_layer=1,
        n_head=2,
        n_positions=48,
        vocab_size=len(WORDS),
        eos_token_id=END,
        bos_token_id=END,
    )
    made = GPT2LMHeadModel(config)
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.ndim == 2:
                parameter.mul_(20)
    return made.eval()


@pytest.fixture(scope="module")
def toys() -> list[Any]:
    return [toy_model(seed) for seed in range(6)]


def clause(*phrases: tuple[int, ...]) -> Clause:
    return Clause(phrases)


def cnf(*clauses: Clause) -> Constraints:
    return Constraints(clauses)


def met(constraints: Constraints, tokens: tuple[int, ...]) -> list[bool]:
    return [any(holds(tokens, one) for one in clause.phrases) for clause in constraints.clauses]


@torch.inference_mode()
def logprobs(model: Any, prompt: list[int], tails: list[tuple[int, ...]]) -> list[float]:
    """Of each tail behind the prompt, all of one length, without a cache."""
    ids = torch.tensor([[*prompt, *tail] for tail in tails])
    scores = torch.log_softmax(model(input_ids=ids).logits.double(), -1)
    picked = scores[:, len(prompt) - 1 : -1].gather(2, ids[:, len(prompt) :, None])
    return [float(one) for one in picked.sum((1, 2))]


def exhaustive(
    model: Any, prompt: list[int], constraints: Constraints, config: NeurologicConfig
) -> list[tuple[float, tuple[int, ...]]]:
    """Every sentence that may be returned as finished, best score first."""
    inner = [t for t in range(len(WORDS)) if t not in ENDERS]
    found = []
    for length in range(max(config.min_new_tokens, 1), config.max_new_tokens + 1):
        tails = [
            (*body, end)
            for body in itertools.product(inner, repeat=length - 1)
            for end in sorted(ENDERS)
            if all(met(constraints, (*body, end))) and not repeats((*prompt, *body, end), config)
        ]
        if tails:
            for score, tail in zip(logprobs(model, prompt, tails), tails, strict=True):
                found.append((score / length**config.length_penalty, tail))
    return sorted(found, reverse=True)


def repeats(tokens: tuple[int, ...], config: NeurologicConfig) -> bool:
    size = config.no_repeat_ngram
    grams = [tokens[i : i + size] for i in range(len(tokens) - size + 1)]
    return bool(size) and len(set(grams)) < len(grams)


CNFS = {
    "none": cnf(),
    "word": cnf(clause((C,))),
    "phrase": cnf(clause((A, B, C))),
    "choice": cnf(clause((A, A), (D,)), clause((B,))),
    "shared": cnf(clause((A,), (C,)), clause((B,), (C,))),
    "overlap": cnf(clause((A, A, B)), clause((A, A))),
    "twice": cnf(clause((A, B)), clause((A, B), (D, D)), clause((B, C))),
    "nested": cnf(clause((B, C), (D,)), clause((C,), (A, B, C))),
}


@pytest.mark.parametrize("name", CNFS)
def test_a_wide_beam_finds_what_exhaustive_search_finds(
    name: str, words: Any, toys: list[Any]
) -> None:
    prompt = words.encode(PROMPT)
    for model, weight in itertools.product(toys, (0.0, 2.0)):
        config = FREE.model_copy(update={"progress_weight": weight})
        found = NeurologicDecoder(model, words, config).decode([PROMPT], [CNFS[name]])[0]
        score, tokens = exhaustive(model, prompt, CNFS[name], config)[0]
        assert found.finished and found.tokens == tokens
        assert found.score == pytest.approx(score, rel=1e-4)


def test_exhaustive_search_agrees_under_the_other_rules(words: Any, toys: list[Any]) -> None:
    prompt = words.encode(PROMPT)
    for no_repeat, shortest, penalty in itertools.product((0, 1, 2), (0, 4), (0.0, 1.5)):
        config = FREE.model_copy(
            update={
                "no_repeat_ngram": no_repeat,
                "min_new_tokens": shortest,
                "length_penalty": penalty,
            }
        )
        constraints = cnf(clause((C,)))
        found = NeurologicDecoder(toys[0], words, config).decode([PROMPT], [constraints])[0]
        best = exhaustive(toys[0], prompt, constraints, config)
        assert found.finished == bool(best)
        assert not best or found.tokens == best[0][1]


def plain_beam_search(
    model: Any, prompt: list[int], config: NeurologicConfig
) -> tuple[float, tuple[int, ...]]:
    """Without a cache, constraints or early end; an ender counts among a beam's best only."""
    beams: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    finished: list[tuple[float, tuple[int, ...]]] = []
    for length in range(1, config.max_new_tokens + 1):
        cells = []
        for before, tokens in beams:
            with torch.inference_mode():
                logits = model(input_ids=torch.tensor([[*prompt, *tokens]])).logits[0, -1]
            row = torch.log_softmax(logits.double(), -1)
            if length < config.min_new_tokens:
                row[list(ENDERS)] = -torch.inf
            for rank, token in enumerate(row.argsort(descending=True).tolist()):
                if row[token] == -torch.inf:
                    continue
                one = (before + float(row[token]), (*tokens, token))
                if token not in ENDERS:
                    cells.append(one)
                elif rank < config.beams or length == config.max_new_tokens:
                    finished.append((one[0] / length**config.length_penalty, one[1]))
        beams = sorted(cells, reverse=True)[: config.beams]
    return max(finished)


def test_without_constraints_it_is_beam_search(words: Any, toys: list[Any]) -> None:
    for beams, model in itertools.product((1, 2, 3, 5), toys):
        config = FREE.model_copy(update={"beams": beams, "max_new_tokens": 7, "min_new_tokens": 3})
        found = NeurologicDecoder(model, words, config).decode([PROMPT], [Constraints()])[0]
        score, tokens = plain_beam_search(model, words.encode(PROMPT), config)
        assert found.tokens == tokens
        assert found.score == pytest.approx(score, rel=1e-4)


NARROW = NeurologicConfig(beams=4, max_new_tokens=10, min_new_tokens=4, no_repeat_ngram=3)


def random_cnf(generator: np.random.Generator) -> Constraints:
    def form(longest: int) -> tuple[int, ...]:
        return tuple(generator.integers(A, D + 1, generator.integers(1, longest + 1)).tolist())

    return cnf(*(clause(*{form(3) for _ in range(generator.integers(1, 3))}) for _ in range(3)))


def cases(many: int) -> Iterator[tuple[int, Constraints]]:
    generator = np.random.default_rng(0)
    for number in range(many):
        yield number, random_cnf(generator)


def test_what_a_narrow_beam_returns_keeps_every_promise(words: Any, toys: list[Any]) -> None:
    prompts = [PROMPT, "cc", "bb aa cc dd aa"]
    finished = 0
    for number, constraints in cases(48):
        model, prompt = toys[number % 6], prompts[number % 3]
        one = NeurologicDecoder(model, words, NARROW).decode([prompt], [constraints])[0]
        truth = met(constraints, one.tokens)
        assert (one.satisfied, one.clauses) == (sum(truth), len(truth))
        assert all(token not in ENDERS for token in one.tokens[:-1])
        assert one.finished == (one.tokens[-1] in ENDERS)
        if one.finished:
            assert all(truth)
            assert 4 <= len(one.tokens) <= 10
        raw = logprobs(model, words.encode(prompt), [one.tokens])[0]
        assert one.logprob == pytest.approx(raw, rel=1e-4)
        assert one.score == pytest.approx(raw / len(one.tokens) ** 0.2, rel=1e-4)
        finished += one.finished
    assert finished == 48


def test_demanding_more_never_costs_the_clauses(words: Any, toys: list[Any]) -> None:
    """However unlikely the phrases and narrow the beam, the last tokens are left for them."""
    config = NARROW.model_copy(update={"beams": 1, "progress_weight": 0.0, "no_repeat_ngram": 0})
    long = cnf(clause((A, C, A, C)), clause((D, D)), clause((B, B, B)))
    for model in toys:
        found = NeurologicDecoder(model, words, config).decode([PROMPT], [long])[0]
        assert found.satisfied == 3 and found.finished and len(found.tokens) == 10


def test_the_order_of_clauses_does_not_matter(words: Any, toys: list[Any]) -> None:
    for number, constraints in cases(8):
        decoder = NeurologicDecoder(toys[number % 6], words, NARROW)
        found = [
            decoder.decode([PROMPT], [Constraints(tuple(order))])[0].tokens
            for order in itertools.permutations(constraints.clauses)
        ]
        assert len(set(found)) == 1


def test_no_ngram_comes_twice_unless_demanded(words: Any, toys: list[Any]) -> None:
    config = NARROW.model_copy(update={"no_repeat_ngram": 2})
    prompt = tuple(words.encode(PROMPT))
    for model, one in itertools.product(toys, (A, B, C)):
        decoder = NeurologicDecoder(model, words, config)
        found = decoder.decode([PROMPT], [cnf(clause((one, one)))])[0]
        assert not repeats((*prompt, *found.tokens), config)
        demanded = decoder.decode([PROMPT], [cnf(clause((A, B, D)))])[0]
        assert demanded.satisfied == 1, "a phrase of the prompt can be said again"


def test_alpha_drops_unlikely_demands_but_not_the_last_chance(words: Any, toys: list[Any]) -> None:
    """With only the likeliest cells allowed a phrase is begun when nothing else is left."""
    prompt = words.encode(PROMPT)
    worse = 0
    for model in toys:
        with torch.inference_mode():
            rare = int(model(input_ids=torch.tensor([prompt])).logits[0, -1, A:].argmin()) + A
        demand = cnf(clause((rare,)))
        free = NARROW.model_copy(update={"beams": 2})
        strict = free.model_copy(update={"alpha": 1})
        open_ = NeurologicDecoder(model, words, free).decode([PROMPT], [demand])[0]
        bound = NeurologicDecoder(model, words, strict).decode([PROMPT], [demand])[0]
        assert bound.satisfied == open_.satisfied == 1
        worse += bound.tokens.index(rare) > open_.tokens.index(rare)
    assert worse


def test_beta_bounds_how_far_behind_a_hypothesis_may_be(words: Any, toys: list[Any]) -> None:
    automaton = Automaton(cnf(clause((A,)), clause((B,)), clause((C,))))
    decoder = NeurologicDecoder(toys[0], words, NARROW.model_copy(update={"beta": 1}))
    search = BeamSearch(decoder.rules, automaton, words.encode(PROMPT))
    states = [automaton.start]
    for token in (A, B, C):
        states.append(automaton.find_moves(states[-1]).after(token))
    found = search.make_candidates(
        search.make_cells(), [[A, D]], [[-1.0, -2.0]], [[-1.0, -9.0, -9.0]]
    )
    found.states[:] = [states[2], states[1], states[0], states[2]]
    assert [state.count for state in search.prune(found).states] == [2, 1, 2]


def test_groups_take_turns(words: Any, toys: list[Any]) -> None:
    """The second best of a group waits until every group has sent its best."""
    automaton = Automaton(cnf(clause((A,)), clause((B,)), clause((C, C))))
    decoder = NeurologicDecoder(toys[0], words, NARROW.model_copy(update={"progress_weight": 0.0}))
    search = BeamSearch(decoder.rules, automaton, words.encode(PROMPT))
    found = search.make_candidates(
        search.make_cells(), [[D, C, 0, A]], [[-1.0, -2.0, -3.0, -4.0]], [[-4.0, -5.0, -2.0]]
    )
    search.choose(found)
    assert [beam.tokens for beam in search.beams] == [(D,), (A,), (B,), (C,)]


def test_progress_moves_a_phrase_under_way_ahead(words: Any, toys: list[Any]) -> None:
    constraints = cnf(clause((C, C, C, C)))

    def chosen(**settings: Any) -> list[tuple[int, ...]]:
        config = NARROW.model_copy(update={"beams": 2, **settings})
        decoder = NeurologicDecoder(toys[0], words, config)
        search = BeamSearch(decoder.rules, Automaton(constraints), words.encode(PROMPT))
        found = search.make_candidates(search.make_cells(), [[D, A]], [[-1.0, -2.0]], [[-2.4]])
        search.choose(found)
        return [beam.tokens for beam in search.beams]

    assert chosen(progress_weight=0.0) == [(D,), (A,)]
    assert chosen(progress_weight=1.5) == [(D,), (A,)]
    assert chosen(progress_weight=1.7) == [(D,), (C,)]


def test_decoding_together_is_decoding_alone(tiny_model: Any, tokenizer: Any) -> None:
    prompts = [
        "The old town stood by the river.",
        "A dog",
        "He said: I paid 3.5 dollars. She asked why? It was late, and the storm came.",
        "Doctors in the north",
        "The team won",
    ]
    demands = [["river", "storm"], ["city"], [], ["market", "dog", "home"], ["disease"]]
    constraints = [Constraints.from_keywords(words, tokenizer) for words in demands]
    config = NeurologicConfig(beams=3, max_new_tokens=14, max_contexts=3)
    decoder = NeurologicDecoder(tiny_model, tokenizer, config)
    together = decoder.decode(prompts, constraints)
    alone = [decoder.decode([p], [c])[0] for p, c in zip(prompts, constraints, strict=True)]
    assert [one.tokens for one in together] == [one.tokens for one in alone]
    assert [one.logprob for one in together] == pytest.approx(
        [one.logprob for one in alone], rel=1e-4
    )
    assert all(one.satisfied == one.clauses for one in together)


@torch.inference_mode()
def test_a_tree_gives_the_logits_of_its_branches(tiny_model: Any, tokenizer: Any) -> None:
    grow_and_check(tiny_model, tokenizer, groups=1)
    with pack_heads(tiny_model) as groups:
        grow_and_check(tiny_model, tokenizer, groups)


def grow_and_check(tiny_model: Any, tokenizer: Any, groups: int) -> None:
    """Random growth, squeezed and joined by later contexts, against forwards without a cache."""
    generator = torch.Generator().manual_seed(3)
    vocabulary = len(tokenizer)
    prompts = [[5, 6, 7], [8], [9, 10, 11, 12, 13, 14], [15, 16]]
    tree = BeamTree(CausalForward(tiny_model), contexts=3, beams=2, groups=groups)
    logits = tree.admit(prompts[:2])
    beams = [[prompts[0]], [prompts[1]]]
    for step in range(16):
        if step == 6:
            logits = tree.admit(prompts[2:3])
            beams.append([prompts[2]])
            check(tiny_model, logits, beams[2:])
        if step == 11:
            tree.keep([0, 2])
            beams.pop(1)
        width = 1 + step % 4
        parents = torch.stack(
            [torch.randint(len(own), (width,), generator=generator) for own in beams]
        )
        tokens = torch.randint(3, vocabulary, parents.shape, generator=generator)
        logits = tree.extend(parents, tokens)
        beams = [
            [[*own[p], t] for p, t in zip(ps, ts, strict=True)]
            for own, ps, ts in zip(beams, parents.tolist(), tokens.tolist(), strict=True)
        ]
        check(tiny_model, logits, beams)


@pytest.mark.parametrize("kind", [TreeCache, PackedCache])
def test_a_cache_is_freed_with_its_last_name(kind: Any) -> None:
    """Not when the garbage collector finds it: its buffers are the largest of a decoding."""
    tensors = [torch.zeros(1, 2, 3, 4)]
    prefix = Prefix(tensors, tensors, [3], torch.zeros(1, 9))
    gc.disable()
    try:
        cache = kind(prefix, 2, 8) if kind is TreeCache else kind(prefix, 2, 4, 1)
        buffer = weakref.ref(cache.layers[0].keys)
        del cache
        assert buffer() is None
    finally:
        gc.enable()


def check(model: Any, logits: torch.Tensor, beams: list[list[list[int]]]) -> None:
    for row, own in zip(logits, beams, strict=True):
        for got, ids in zip(row, own, strict=False):
            assert torch.allclose(
                got, model(input_ids=torch.tensor([ids])).logits[0, -1], atol=2e-4
            )


def test_an_ender_inside_a_phrase_does_not_end_the_sentence(words: Any, toys: list[Any]) -> None:
    initials = cnf(clause((A, DOT, B)))
    found = NeurologicDecoder(toys[1], words, NARROW).decode([PROMPT], [initials])[0]
    assert found.finished and holds(found.tokens, (A, DOT, B))
    assert sum(token in ENDERS for token in found.tokens) == 2


def test_text_is_what_follows_the_prompt(tiny_models: dict[str, Any], tokenizer: Any) -> None:
    config = NeurologicConfig(beams=2, max_new_tokens=8)
    decoder = NeurologicDecoder(tiny_models["llama"], tokenizer, config)
    demand = Constraints.from_keywords(["river"], tokenizer)
    found = decoder.decode(["The old town"], [demand])[0]
    assert " river" in found.text.lower()
    assert found.text == tokenizer.decode(found.tokens, skip_special_tokens=True)


def test_nothing_but_text_ends_where_enders_are_off(words: Any, toys: list[Any]) -> None:
    config = NARROW.model_copy(update={"enders": ()})
    assert NeurologicDecoder(toys[0], words, config).rules.enders == {END}
    assert NeurologicDecoder(toys[0], words, NARROW).rules.enders == ENDERS


def test_banned_strings_are_never_produced(words: Any, toys: list[Any]) -> None:
    config = NARROW.model_copy(update={"banned": ("aa", "bb cc")})
    broken = 0
    for model, constraints in itertools.product(toys, (cnf(), cnf(clause((B,))))):
        one = NeurologicDecoder(model, words, config).decode([PROMPT], [constraints])[0]
        assert A not in one.tokens and not holds(one.tokens, (B, C))
        free = NeurologicDecoder(model, words, NARROW).decode([PROMPT], [constraints])[0]
        broken += A in free.tokens or holds(free.tokens, (B, C))
    assert broken, "the ban never mattered"
    decoder = NeurologicDecoder(toys[0], words, config)
    with pytest.raises(ConfigError, match="no sentence satisfies"):
        decoder.decode([PROMPT], [cnf(clause((A,)))])
    with pytest.raises(ConfigError, match="no sentence satisfies"):
        decoder.decode([PROMPT], [cnf(clause((C, END)))])
    assert decoder.decode([PROMPT], [cnf(clause((A,), (D,)))])[0].satisfied == 1


def test_nothing_left_to_say_returns_what_there_is(words: Any, toys: list[Any]) -> None:
    """All tokens masked, at once or after a while: an unfinished hypothesis, not an error."""
    mute = NARROW.model_copy(update={"banned": tuple(WORDS)})
    found = NeurologicDecoder(toys[0], words, mute).decode([PROMPT], [Constraints()])[0]
    assert (found.tokens, found.finished, found.text) == ((), False, "")
    short = NARROW.model_copy(update={"no_repeat_ngram": 1, "min_new_tokens": 6})
    found = NeurologicDecoder(toys[0], words, short).decode([PROMPT], [cnf(clause((C,)))])[0]
    assert sorted(found.tokens) == [0, C] and not found.finished
    assert NeurologicDecoder(toys[0], words, NARROW).decode([], []) == []


def test_on_tokens_counts_beams(words: Any, toys: list[Any]) -> None:
    counts: list[int] = []
    config = NARROW.model_copy(update={"beams": 3})
    decoder = NeurologicDecoder(toys[0], words, config)
    decoder.decode([PROMPT, "cc"], [Constraints(), cnf(clause((D,)))], on_tokens=counts.append)
    assert counts and all(0 <= one <= 6 for one in counts)
    assert sum(counts) >= 6


@pytest.mark.parametrize("empty", ["", "  \n"])
def test_an_empty_prompt_is_refused(empty: str, words: Any, toys: list[Any]) -> None:
    with pytest.raises(ConfigError, match="prompt 1 is empty"):
        NeurologicDecoder(toys[0], words, NARROW).decode(
            [PROMPT, empty], [Constraints(), Constraints()]
        )


def test_what_does_not_fit_is_refused(words: Any, toys: list[Any]) -> None:
    decoder = NeurologicDecoder(toys[0], words, NARROW)
    with pytest.raises(ConfigError, match=r"39 tokens.*48 positions leave 38"):
        decoder.decode(["aa " * 39], [Constraints()])
    decoder.decode(["aa " * 38], [Constraints()])
    with pytest.raises(ConfigError, match="at least 11 tokens, more than max_new_tokens 10"):
        decoder.decode([PROMPT], [cnf(clause((A,) * 6), clause((B,) * 5))])
    with pytest.raises(ConfigError, match="2 prompts, but constraints for 1"):
        decoder.decode([PROMPT, PROMPT], [Constraints()])


def test_models_that_do_not_fit_are_refused(words: Any) -> None:
    from transformers import MambaConfig, MambaForCausalLM, T5ForConditionalGeneration

    shape = {"vocab_size": 8, "d_model": 8, "d_kv": 4, "d_ff": 8, "num_layers": 1, "num_heads": 2}
    with pytest.raises(ConfigError, match="encoder-decoder"):
        NeurologicDecoder(T5ForConditionalGeneration(T5Config(**shape)), words, NARROW)
    mamba = MambaForCausalLM(MambaConfig(vocab_size=8, hidden_size=8, num_hidden_layers=1))
    with pytest.raises(BuilderError, match="no key/value cache"):
        NeurologicDecoder(mamba, words, NARROW)


@pytest.mark.parametrize(
    "settings",
    [{"beams": 0}, {"alpha": 0}, {"min_new_tokens": 40}, {"progress_weight": -1}, {"beam": 3}],
)
def test_a_configuration_that_makes_no_sense_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        NeurologicConfig(**settings)


def test_memory_that_runs_out_halves_the_contexts(
    words: Any, toys: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = NARROW.model_copy(update={"max_contexts": 4})
    prompts = [PROMPT, "cc", "dd aa", "bb"]
    demands = [cnf(clause((C,)))] * 4
    calm = NeurologicDecoder(toys[0], words, config).decode(prompts, demands)
    extend = BeamTree.extend

    def failing(tree: BeamTree, parents: Any, tokens: Any) -> Any:
        if len(tree) > limit:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")
        return extend(tree, parents, tokens)

    monkeypatch.setattr(BeamTree, "extend", failing)
    limit = 1
    decoder = NeurologicDecoder(toys[0], words, config)
    found = decoder.decode(prompts, demands)
    assert decoder.contexts == 1
    assert [one.tokens for one in found] == [one.tokens for one in calm]
    limit = 0
    with pytest.raises(BuilderError, match="not enough memory"):
        decoder.decode(prompts, demands)


def test_vocabulary_work_is_exact() -> None:
    generator = torch.Generator().manual_seed(0)
    for vocabulary, n in ((130, 5), (3000, 7), (5000, 3)):
        logits = torch.randn(21, vocabulary, generator=generator) * 4
        values, ids = find_largest(logits, n)
        expected = logits.topk(n, dim=1)
        assert torch.equal(values, expected.values) and torch.equal(ids, expected.indices)
        assert torch.allclose(measure_log_normaliser(logits), logits.logsumexp(1))
        assert find_nth_largest(logits, 9) == float(
            logits.flatten().sort(descending=True).values[8]
        )
    assert find_nth_largest(torch.zeros(2, 2), 5) == -np.inf


def test_enders_are_found_in_the_vocabulary(tokenizer: Any, words: Any) -> None:
    texts = {tokenizer.decode([i]).strip() for i in find_enders(tokenizer, (".", "?"))}
    assert texts == {".", "?"}
    assert find_enders(words, ()) == frozenset()
    inner = Tokenizer(
        models.WordLevel({w: i for i, w in enumerate(["it.", "Mr.", "U.", ".", "..."])})
    )
    glued = PreTrainedTokenizerFast(tokenizer_object=inner)
    assert find_enders(glued, (".",)) == {0, 3}
