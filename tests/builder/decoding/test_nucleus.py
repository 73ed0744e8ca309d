from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from transformers import T5Config, T5ForConditionalGeneration

from builder.decoding import batch
from builder.decoding.batch import Batch
from builder.decoding.nucleus import NucleusSampler, Sample, SamplingConfig
from builder.errors import BuilderError, ConfigError

PROMPTS = ["w1 w2 w3", "w9", "w4 w5 w6 w7 w8 w1 w2 w3 w4 w5 w6 w10", "w9 w9"]
LONG = SamplingConfig(max_new_tokens=20, stop="length", max_rows=64)


def alike(some: list[Sample], others: list[Sample]) -> None:
    """The same samples; log-probabilities up to float32 rounding."""
    fixed = [(s.prompt, s.index, s.text, s.tokens, s.finish) for s in some]
    assert fixed == [(s.prompt, s.index, s.text, s.tokens, s.finish) for s in others]
    np.testing.assert_allclose(
        [s.logprob for s in some], [s.logprob for s in others], rtol=1e-4, atol=1e-4
    )


def words(model: Any, tokenizer: Any, config: SamplingConfig = LONG) -> NucleusSampler:
    return NucleusSampler(model, tokenizer, config)


def test_batch_equals_single(tiny_model: Any, word_tokenizer: Any) -> None:
    together = words(tiny_model, word_tokenizer).sample(PROMPTS, 5, seed=3)
    single = words(tiny_model, word_tokenizer, LONG.model_copy(update={"max_rows": 1}))
    alike(together, single.sample(PROMPTS, 5, seed=3))
    assert [(s.prompt, s.index) for s in together] == [(p, i) for p in range(4) for i in range(5)]
    assert len({s.text for s in together}) == len(together)


@pytest.mark.parametrize("rows", [2, 7])
def test_rows_that_come_and_go_change_nothing(
    tiny_model: Any, word_tokenizer: Any, rows: int
) -> None:
    """With few slots rows are refilled, windows moved, columns added and gaps closed."""
    config = LONG.model_copy(update={"max_new_tokens": 60, "max_rows": rows})
    wide = config.model_copy(update={"max_rows": 64})
    alike(
        words(tiny_model, word_tokenizer, config).sample(PROMPTS, 4, seed=1),
        words(tiny_model, word_tokenizer, wide).sample(PROMPTS, 4, seed=1),
    )


COLD = LONG.model_copy(update={"temperature": 0.2, "min_new_tokens": 0, "no_repeat_ngram": 0})
"""Samples of a prompt often begin alike."""


def draw_alone(model: Any, ids: list[int], index: tuple[int, int], seed: int) -> list[int]:
    """One sample by the definition: a whole forward pass for each token, its own random stream."""
    prompt, ordinal = index
    stream = np.random.Philox(key=seed, counter=[0, 0, ordinal, prompt])
    found: list[int] = []
    for uniform in np.random.Generator(stream).random(COLD.max_new_tokens):
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([[*ids, *found]]), use_cache=False).logits[0, -1]
        mass, order = (logits.double() / COLD.temperature).softmax(-1).sort(descending=True)
        mass[mass.cumsum(-1) - mass >= COLD.top_p] = 0.0
        by_id = torch.zeros_like(mass).scatter(0, order, mass)
        reached = by_id.cumsum(-1)
        found.append(int(torch.searchsorted(reached, uniform * reached[-1], right=True)))
    return found


@pytest.mark.parametrize("rows", [3, 7, 64])
def test_samples_that_begin_alike_are_run_once(
    tiny_models: dict[str, Any], word_tokenizer: Any, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    """Each beginning enters the model once, and the samples are those that are drawn alone."""
    model = tiny_models["llama"]
    run = 0
    step = Batch._step

    def count(batch: Batch) -> None:
        nonlocal run
        run += sum(len(pack.running) for pack in batch.packs)
        step(batch)

    monkeypatch.setattr(Batch, "_step", count)
    config = COLD.model_copy(update={"max_rows": rows})
    samples = words(model, word_tokenizer, config).sample(PROMPTS, 12, seed=8)
    end = word_tokenizer.eos_token_id
    beginnings = set()
    for sample in samples:
        ids = word_tokenizer.encode(PROMPTS[sample.prompt], add_special_tokens=False)
        alone = draw_alone(model, ids, (sample.prompt, sample.index), 8)
        drawn = [*sample.tokens, end] if sample.finish == "eos" else [*sample.tokens]
        assert alone[: len(drawn)] == drawn
        beginnings |= {(sample.prompt, tuple(drawn[:i])) for i in range(1, len(drawn))}
    assert run == len(beginnings)
    assert run < 0.9 * sum(len(sample.tokens) for sample in samples)


def sizes_around_closing(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Filled while sampling: the buffers' sizes before and after samples are brought together."""
    sizes: list[tuple[int, int]] = []
    plain = Batch._spread

    def size(batch: Batch) -> int:
        assert batch.cache is not None
        keys: int = batch.cache.layers[0].keys.numel()
        return keys

    def close(batch: Batch) -> None:
        before = size(batch)
        plain(batch)
        sizes.append((before, size(batch)))

    monkeypatch.setattr(Batch, "_spread", close)
    return sizes


@pytest.mark.parametrize("length", [20, 60])
def test_buffers_shrink_and_never_grow_as_samples_end(
    tiny_models: dict[str, Any],
    word_tokenizer: Any,
    monkeypatch: pytest.MonkeyPatch,
    length: int,
) -> None:
    """In one pack, samples of long contexts need the columns of each context."""
    sizes = sizes_around_closing(monkeypatch)
    prompts = [" ".join(f"w{1 + (7 * p + i) % 10}" for i in range(length)) for p in range(5)]
    config = SamplingConfig(max_new_tokens=60, max_rows=20)
    words(tiny_models["llama"], word_tokenizer, config).sample(prompts, 4, seed=6)
    assert any(after < before for before, after in sizes)
    assert all(after <= before for before, after in sizes)


def test_neighbours_and_padding_change_nothing(tiny_model: Any, word_tokenizer: Any) -> None:
    """The first prompt's samples are the same together with longer prompts and alone."""
    sampler = words(tiny_model, word_tokenizer)
    together = sampler.sample(PROMPTS, 4, seed=5)
    alike([s for s in together if s.prompt == 0], sampler.sample(PROMPTS[:1], 4, seed=5))


@pytest.mark.parametrize("rows", [2, 64])
def test_what_all_prompts_begin_with_is_run_once(
    tiny_model: Any, word_tokenizer: Any, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Samples are as each prompt alone gives them; the shared tokens enter the model once."""
    shared = " ".join(f"w{1 + i * i % 11}" for i in range(20))
    prompts = [f"{shared} {rest}" for rest in ("w1", "w2 w3 w4 w5", "w6 w7", "w6 w7 w8", "w9")]
    config = LONG.model_copy(update={"max_rows": rows, "max_new_tokens": 9})
    run: list[int] = []
    forward = tiny_model.forward

    @functools.wraps(forward)
    def count(*args: Any, **kwargs: Any) -> Any:
        run.append(kwargs["input_ids"].shape[1])
        return forward(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(tiny_model, "forward", count)
        together = words(tiny_model, word_tokenizer, config).sample(prompts, 3, seed=4)
    alone = words(tiny_model, word_tokenizer, config.model_copy(update={"max_rows": 1}))
    monkeypatch.setattr(batch, "_LEAST_TRUNK", 10**6)
    alike(together, alone.sample(prompts, 3, seed=4))
    assert run[0] == 20
    assert max(run[1:]) <= 5, "the rest of a prompt, or the slots of a pack"


def test_prompts_that_share_little_run_whole() -> None:
    assert batch._count_common([[1] * 16 + [i] for i in range(4)]) == 16
    assert batch._count_common([[1] * 16 + [i] for i in range(3)]) == 0
    assert batch._count_common([[1] * 15 + [i] for i in range(4)]) == 0
    assert batch._count_common([[1] * 18] * 3 + [[1] * 17]) == 16  # a token is left of each


def test_seeds(tiny_models: dict[str, Any], word_tokenizer: Any) -> None:
    sampler = words(tiny_models["llama"], word_tokenizer)
    once = sampler.sample(PROMPTS, 3, seed=11)
    assert sampler.sample(PROMPTS, 3, seed=11) == once
    assert [s.text for s in sampler.sample(PROMPTS, 3, seed=12)] != [s.text for s in once]
    more = sampler.sample(PROMPTS, 6, seed=11)
    alike([s for s in more if s.index < 3], once)
    twice = sampler.sample(["w1 w2", "w1 w2"], 1, seed=11)
    assert twice[0].text != twice[1].text


def test_logprob_is_a_full_forwards(tiny_model: Any, word_tokenizer: Any) -> None:
    config = LONG.model_copy(
        update={"no_repeat_ngram": 2, "banned": ("w3", "<s>", "<pad>", "<unk>")}
    )
    samples = words(tiny_model, word_tokenizer, config).sample(PROMPTS, 3, seed=2)
    for sample in samples:
        prompt = word_tokenizer.encode(PROMPTS[sample.prompt], add_special_tokens=False)
        whole = [*prompt, *sample.tokens]
        assert whole == word_tokenizer.encode(PROMPTS[sample.prompt] + sample.text)
        with torch.no_grad():
            logits = tiny_model(input_ids=torch.tensor([whole]), use_cache=False).logits[0]
        each = logits.double().log_softmax(-1)[range(len(whole) - 1), whole[1:]]
        assert sample.logprob == pytest.approx(float(each[len(prompt) - 1 :].sum()), rel=1e-4)


def test_a_second_token_follows_its_own_nucleus(
    tiny_models: dict[str, Any], word_tokenizer: Any
) -> None:
    """Frequencies of two-token continuations against both steps' exact nuclei."""
    model = tiny_models["gpt2"]
    config = SamplingConfig(
        temperature=0.3, top_p=0.8, max_new_tokens=2, min_new_tokens=0, max_rows=500, stop="length"
    )
    samples = words(model, word_tokenizer, config).sample(["w1 w2"], 1500, seed=4)
    prompt = word_tokenizer.encode("w1 w2")

    def shares(ids: list[int]) -> dict[int, float]:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([ids])).logits[0, -1].double() / 0.3
        mass, order = logits.softmax(-1).sort(descending=True)
        inside = mass.cumsum(-1) - mass < 0.8
        return dict(
            zip(order[inside].tolist(), (mass[inside] / mass[inside].sum()).tolist(), strict=True)
        )

    seen: dict[tuple[int, ...], int] = {}
    for sample in samples:
        ends = sample.finish == "eos"
        key = (*sample.tokens, word_tokenizer.eos_token_id) if ends else sample.tokens
        seen[key] = seen.get(key, 0) + 1
    statistic, freedom, rest = 0.0, 0, 1.0
    for first, share in shares(prompt).items():
        if first == word_tokenizer.eos_token_id:
            continue
        for second, further in shares([*prompt, first]).items():
            due = share * further * len(samples)
            if due >= 5:
                statistic += (seen.pop((first, second), 0) - due) ** 2 / due
                freedom += 1
                rest -= share * further
    statistic += (sum(seen.values()) - rest * len(samples)) ** 2 / max(rest * len(samples), 1.0)
    assert freedom > 10
    assert statistic < freedom + 4 * (2 * freedom) ** 0.5


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(size=st.integers(1, 4), seed=st.integers(0, 2**63), prompt=st.sampled_from(PROMPTS))
def test_no_ngram_comes_twice(
    tiny_models: dict[str, Any], word_tokenizer: Any, size: int, seed: int, prompt: str
) -> None:
    config = LONG.model_copy(update={"no_repeat_ngram": size, "max_new_tokens": 20})
    for sample in words(tiny_models["gpt2"], word_tokenizer, config).sample([prompt], 3, seed=seed):
        given_ids = word_tokenizer.encode(prompt)
        ids = [*given_ids, *sample.tokens]
        ngrams = [tuple(ids[i : i + size]) for i in range(len(ids) - size + 1)]
        made = ngrams[max(0, len(given_ids) - size + 1) :]
        assert len(set(made)) == len(made)
        assert not set(made) & set(ngrams[: len(ngrams) - len(made)])


def test_the_prompts_ngrams_need_not_count(
    tiny_models: dict[str, Any], word_tokenizer: Any
) -> None:
    config = LONG.model_copy(update={"no_repeat_ngram": 1, "prompt_counts": False})
    prompt = " ".join(f"w{i}" for i in range(1, 13))
    samples = words(tiny_models["gpt2"], word_tokenizer, config).sample([prompt], 20, seed=0)
    assert all(len(set(s.text.split())) == len(s.text.split()) for s in samples)
    assert any(set(s.text.split()) & set(prompt.split()) for s in samples)


def test_repeats_happen_without_the_rule(tiny_models: dict[str, Any], word_tokenizer: Any) -> None:
    samples = words(tiny_models["gpt2"], word_tokenizer).sample(PROMPTS, 3, seed=0)
    assert any(len(set(s.text.split())) < len(s.tokens) for s in samples)


def test_banned_never_appears(tiny_models: dict[str, Any], tokenizer: Any) -> None:
    config = LONG.model_copy(update={"max_new_tokens": 60})
    for banned in ((), ("\n", ".", " t")):
        config = config.model_copy(update={"banned": banned, "temperature": 3.0})
        samples = words(tiny_models["llama"], tokenizer, config).sample(["The"] * 4, 10, seed=0)
        text = "".join(s.text for s in samples)
        assert ("\n" in text, "." in text) == ((False, False) if banned else (True, True))


def test_no_end_before_the_minimum(tiny_models: dict[str, Any], word_tokenizer: Any) -> None:
    ends = {}
    for least in (0, 12):
        config = LONG.model_copy(update={"min_new_tokens": least, "temperature": 3.0})
        samples = words(tiny_models["gpt2"], word_tokenizer, config).sample(PROMPTS, 40, seed=0)
        ends[least] = [len(s.tokens) for s in samples if s.finish == "eos"]
    assert min(ends[0]) < 12 <= min(ends[12])


def scripted(model: Any, tokenizer: Any, monkeypatch: pytest.MonkeyPatch, says: str) -> None:
    """Makes `model` say one text, whatever it is asked, from the third position on."""
    script = [*tokenizer.encode(says, add_special_tokens=False), tokenizer.eos_token_id]
    forward = model.forward

    @functools.wraps(forward)
    def speak(*args: Any, **kwargs: Any) -> Any:
        out = forward(*args, **kwargs)
        at = kwargs["position_ids"][:, -out.logits.shape[1] :] - 2
        said = torch.tensor(script)[at.clamp(0, len(script) - 1)]
        out.logits = torch.full_like(out.logits, -50.0).scatter_(2, said[..., None], 0.0)
        return out

    monkeypatch.setattr(model, "forward", speak)


@pytest.mark.parametrize(
    ("stop", "says", "text", "finish"),
    [
        (
            "sentence",
            " Mr. Smith paid 3.5 dollars. The storm came.",
            " Mr. Smith paid 3.5 dollars.",
            "sentence",
        ),
        (
            "sentence",
            ' "Why?" asked the U.S. team!" He ran.',
            ' "Why?" asked the U.S. team!"',
            "sentence",
        ),
        ("sentence", " It was late\nThe end", " It was late", "sentence"),
        ("sentence", " The storm came.", " The storm came.", "eos"),
        ("sentence", " no end in sight" * 20, (" no end in sight" * 20), "length"),
        ("line", "\n\n Why? He ran. \nThe end", "\n\n Why? He ran.", "line"),
        ("line", " The storm came. It was late.", " The storm came. It was late.", "eos"),
    ],
)
def test_stops_where_the_sentence_or_line_ends(
    tiny_models: dict[str, Any],
    tokenizer: Any,
    monkeypatch: pytest.MonkeyPatch,
    stop: str,
    says: str,
    text: str,
    finish: str,
) -> None:
    model = tiny_models["gpt2"]
    scripted(model, tokenizer, monkeypatch, says)
    config = SamplingConfig.model_validate({"max_new_tokens": 60, "stop": stop})
    prompt = tokenizer.decode(tokenizer.encode("A dog (the")[-3:])
    assert len(tokenizer.encode(prompt)) == 3
    decoded: list[int] = []
    samples = words(model, tokenizer, config).sample([prompt], 2, seed=0, on_tokens=decoded.append)
    for sample in samples:
        assert sample.finish == finish
        assert sample.text == text if finish != "length" else text.startswith(sample.text)
        least = len(tokenizer.encode(sample.text))
        assert len(sample.tokens) == (60 if finish == "length" else least)
        if finish != "length":
            assert sum(decoded) <= 2 * (least + 5)


@pytest.mark.parametrize(
    ("limit", "error"),
    [
        (1, torch.OutOfMemoryError("CUDA out of memory")),
        (3, RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried")),
        (5, RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")),
    ],
)
def test_out_of_memory_halves_the_rows(
    tiny_models: dict[str, Any],
    word_tokenizer: Any,
    monkeypatch: pytest.MonkeyPatch,
    limit: int,
    error: Exception,
) -> None:
    model = tiny_models["llama"]
    config = LONG.model_copy(update={"max_rows": 16})
    before = words(model, word_tokenizer, config).sample(PROMPTS, 5, seed=9)
    monkeypatch.setattr(model, "forward", failing(model.forward, lambda rows: rows > limit, error))
    sampler = words(model, word_tokenizer, config)
    alike(sampler.sample(PROMPTS, 5, seed=9), before)
    assert sampler.rows == {1: 1, 3: 2, 5: 4}[limit]


def test_no_memory_at_all(
    tiny_models: dict[str, Any], word_tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_models["llama"]
    error = RuntimeError("DefaultCPUAllocator: not enough memory")
    monkeypatch.setattr(model, "forward", failing(model.forward, lambda rows: True, error))
    with pytest.raises(BuilderError, match="single continuation"):
        words(model, word_tokenizer).sample(PROMPTS, 5, seed=9)


def test_other_errors_are_not_swallowed(
    tiny_models: dict[str, Any], word_tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_models["llama"]
    error = RuntimeError("shapes do not match")
    monkeypatch.setattr(model, "forward", failing(model.forward, lambda rows: True, error))
    with pytest.raises(RuntimeError, match="shapes"):
        words(model, word_tokenizer).sample(PROMPTS, 5, seed=9)


def failing(forward: Any, when: Callable[[int], bool], error: Exception) -> Any:
    @functools.wraps(forward)
    def call(*args: Any, **kwargs: Any) -> Any:
        rows = kwargs["input_ids"].numel() if "past_key_values" in kwargs else 1
        if when(rows):
            raise error
        return forward(*args, **kwargs)

    return call


def test_progress_counts_every_token(tiny_models: dict[str, Any], word_tokenizer: Any) -> None:
    counted: list[int] = []
    sampler = words(tiny_models["gpt2"], word_tokenizer)
    samples = sampler.sample(PROMPTS, 5, seed=1, on_tokens=counted.append)
    ended = sum(s.finish == "eos" for s in samples)
    assert sum(counted) == sum(len(s.tokens) for s in samples) + ended
    assert len(counted) == 20


def test_beginning_of_text(tiny_models: dict[str, Any], word_tokenizer: Any) -> None:
    begin = word_tokenizer.bos_token_id
    model = tiny_models["gpt2"]
    assert NucleusSampler(model, word_tokenizer, LONG)._encode(0, "w1") == [5]
    assert NucleusSampler(model, word_tokenizer, LONG, bos=True)._encode(0, "w1") == [begin, 5]
    assert NucleusSampler(model, word_tokenizer, LONG)._encode(0, "") == [begin]
    assert words(model, word_tokenizer).sample([""], 1, seed=0)[0].tokens


def test_nothing_to_do(tiny_models: dict[str, Any], word_tokenizer: Any) -> None:
    sampler = words(tiny_models["gpt2"], word_tokenizer)
    assert sampler.sample([], 5, seed=0) == []
    assert sampler.sample(["w1"], 0, seed=0) == []


def test_an_empty_prompt_without_a_beginning(
    tiny_models: dict[str, Any], word_tokenizer: Any
) -> None:
    silent = copy.deepcopy(word_tokenizer)
    silent.bos_token = None
    with pytest.raises(ConfigError, match="prompt 1 is empty"):
        words(tiny_models["ctrl"], silent).sample(["w1", ""], 1, seed=0)


def test_a_prompt_that_does_not_fit(tiny_models: dict[str, Any], word_tokenizer: Any) -> None:
    sampler = words(tiny_models["gpt2"], word_tokenizer)
    assert len(sampler.sample(["w1 " * 140], 1, seed=0)[0].tokens) == 20
    with pytest.raises(ConfigError, match=r"141 tokens.* leave 140") as caught:
        sampler.sample(["w1", "w1 " * 141], 1, seed=0)
    assert "max_new_tokens" in caught.value.hint


def test_models_that_cannot_be_decoded(word_tokenizer: Any) -> None:
    small = {"d_model": 8, "d_ff": 8, "d_kv": 4, "num_layers": 1, "num_heads": 2, "vocab_size": 64}
    with pytest.raises(ConfigError, match="encoder-decoder"):
        NucleusSampler(T5ForConditionalGeneration(T5Config(**small)), word_tokenizer, LONG)

    class Cacheless(torch.nn.Module):
        config = SimpleNamespace(eos_token_id=None)

        def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
            return input_ids

    with pytest.raises(BuilderError, match="no key/value cache"):
        NucleusSampler(Cacheless(), word_tokenizer, LONG)


def test_a_model_that_drops_its_cache(
    tiny_models: dict[str, Any], word_tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_models["gpt2"]
    forward = model.forward

    @functools.wraps(forward)
    def forgetful(*args: Any, **kwargs: Any) -> Any:
        out = forward(*args, **kwargs)
        out.past_key_values = None
        return out

    monkeypatch.setattr(model, "forward", forgetful)
    with pytest.raises(BuilderError, match="no key/value cache"):
        words(model, word_tokenizer).sample(["w1"], 1, seed=0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": 0},
        {"top_p": 0},
        {"top_p": 1.1},
        {"max_rows": 0},
        {"beams": 2},
        {"banned": [""]},
    ],
)
def test_bad_settings(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SamplingConfig(**wrong)


def test_endings_are_where_the_model_would_have_ended(
    tiny_models: dict[str, Any], tokenizer: Any
) -> None:
    """Against a forward pass over the whole text, at every place."""
    model = tiny_models["gpt2"]
    least = 0.004
    config = SamplingConfig(max_new_tokens=40, stop="sentence", endings=least)
    prompts = ["The old town", "She asked"]
    samples = NucleusSampler(model, tokenizer, config).sample(prompts, 12, seed=4)
    plain = NucleusSampler(model, tokenizer, config.model_copy(update={"endings": None}))
    alike(samples, plain.sample(prompts, 12, seed=4))
    assert sum(len(sample.endings) for sample in samples) > 10
    marks = torch.tensor(tokenizer.convert_tokens_to_ids([".", "!", "?"]))
    for sample in samples:
        ids = tokenizer.encode(prompts[sample.prompt])
        with torch.inference_mode():
            logits = model(torch.tensor([[*ids, *sample.tokens]])).logits[0]
        scores = logits.float().log_softmax(-1)[len(ids) - 1 :]
        expected = {}
        for length in range(1, len(sample.tokens) - 1):
            best = scores[length][marks].argmax()
            text = tokenizer.decode(sample.tokens[:length])
            rest = tokenizer.decode(sample.tokens[length:])
            mark = float(scores[length][marks[best]])
            last = text.split()[-1] if text.split() else ""
            word = last.isalpha() and len(last) > 1 and last not in {"Mr", "May"}
            closed = text.count('"') % 2 == 0 and text.count("(") == text.count(")")
            if np.exp(mark) >= least and word and closed and rest[0] in " ,;":
                ended = text + tokenizer.decode([int(marks[best])])
                own = range(length)
                before = sum(float(scores[i][sample.tokens[i]]) for i in own)
                expected[ended] = before + mark
        found = {one.text: one.logprob for one in sample.endings}
        clear = {text: value for text, value in found.items() if text in expected}
        assert expected.keys() <= found.keys()
        assert all(text[:-1].rstrip()[-1:].isalpha() for text in found)
        assert clear == pytest.approx(expected, abs=1e-4)


def test_a_full_stop_after_an_abbreviation_a_digit_or_half_a_word_ends_nothing(
    word_tokenizer: Any,
) -> None:
    from builder.decoding.sentence_end import can_end_after

    for text in (" He met Mr", " The U.S", " They lost 34", " It was (", ' He said "yes', " "):
        assert not can_end_after(text)
    for text in (" The team has been eliminated", " He left"):
        assert can_end_after(text)
