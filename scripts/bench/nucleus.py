"""The nucleus sampler against transformers' `generate`, both on the same model in one run.

Two scenes; sides take turns within a run, so a busy machine slows both alike.

one        one context x 100 samples x 40 tokens, p 0.9, T 0.7, no repeated 3-gram: tokens/s.
sentences  64 contexts x 64 samples: kept first sentences/s, against the authors' way, which
           takes one context at a time, generates 100 tokens and keeps the first sentence.

`generate` copies the cache at every token, sorts the vocabulary of every row and rebuilds the
n-grams of every row from the beginning. In scene "sentences" a kept sentence takes about a quarter
of the authors' 100 tokens besides.

    python scripts/bench/nucleus.py --model embedded:smollm2-135m
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

OPENINGS = [
    "PARIS (Reuters) --",
    "The council of the small town said on Monday that",
    "Doctors who followed four thousand patients for ten years found that",
    "After the storm had passed over the islands,",
    "The company's shares fell by a tenth on Thursday after",
    "When the old library opened its doors again,",
    "Three students from a village in the north",
    "The minister told parliament that",
]
TOKENS_ONE, SAMPLES_ONE = 40, 100
CONTEXTS, SAMPLES, TOKENS = 64, 64, 100
HOW = {"temperature": 0.7, "top_p": 0.9}


now = time.perf_counter


def load(reference: str) -> Any:
    from builder.models import load_causal

    return load_causal(reference, device="cpu", dtype="auto")


def make_sampler(loaded: Any, **settings: Any) -> Any:
    from builder.decoding.nucleus import NucleusSampler, SamplingConfig

    return NucleusSampler(loaded.model, loaded.tokenizer, SamplingConfig(**HOW, **settings))


def draw_contexts(loaded: Any, many: int) -> list[str]:
    """Contexts of one to five sentences in the model's own words, the same in every run."""
    from builder.decoding.sentence_end import find_sentence_end

    sampler = make_sampler(loaded, max_new_tokens=150, banned=("\n",), stop="length")
    drafts = sampler.sample(OPENINGS, math.ceil(many / len(OPENINGS)), seed=1)
    contexts = []
    for ordinal, draft in enumerate(drafts[:many]):
        text, end = OPENINGS[draft.prompt] + draft.text, 0
        for _ in range(1 + ordinal % 5):
            further = find_sentence_end(text[end:])
            if further is None:
                break
            end += further
        contexts.append(text[: end or 300].strip())
    return contexts


def generate(loaded: Any, context: str, samples: int, tokens: int, **how: Any) -> list[list[int]]:
    """Token ids of `samples` continuations by transformers."""
    import torch

    ids = loaded.tokenizer(context, return_tensors="pt").input_ids
    with torch.inference_mode():
        out = loaded.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=True,
            top_k=0,
            num_return_sequences=samples,
            max_new_tokens=tokens,
            no_repeat_ngram_size=3,
            pad_token_id=loaded.tokenizer.eos_token_id,
            **HOW,
            **how,
        )
    rows: list[list[int]] = out[:, ids.shape[1] :].tolist()
    return rows


def keep_sentence(text: str) -> str | None:
    """The first sentence where the authors' rule keeps it."""
    from builder.decoding.sentence_end import find_sentence_end

    end = find_sentence_end(text)
    sentence = (text if end is None else text[:end]).strip()
    good = len(sentence) >= 3 and "\n" not in sentence and sentence.rstrip("\"'”’)")[-1:] in ".!?"
    return sentence if good else None


def average_logprobs(loaded: Any, context: str, continuations: list[list[int]]) -> list[float]:
    """Mean log-probability of each continuation's tokens, by one plain forward."""
    import torch

    ids = loaded.tokenizer(context).input_ids
    with torch.inference_mode():
        logits = loaded.model(torch.tensor([ids + c for c in continuations])).logits
    part = logits[:, len(ids) - 1 : -1].float().log_softmax(-1)
    picked = part.gather(2, torch.tensor(continuations)[:, :, None])[..., 0]
    means: list[float] = picked.mean(1).tolist()
    return means


def play_one(loaded: Any, rounds: int) -> dict[str, Any]:
    context = draw_contexts(loaded, 2)[1]
    sampler = make_sampler(
        loaded,
        max_new_tokens=TOKENS_ONE,
        min_new_tokens=TOKENS_ONE,
        no_repeat_ngram=3,
        stop="length",
    )
    wanted = TOKENS_ONE * SAMPLES_ONE

    def ours(seed: int) -> Any:
        return sampler.sample([context], SAMPLES_ONE, seed=seed)

    def theirs() -> list[list[int]]:
        return generate(loaded, context, SAMPLES_ONE, TOKENS_ONE, min_new_tokens=TOKENS_ONE)

    sampler.sample([context], 4, seed=0)
    generate(loaded, context, 4, 4)
    seconds: dict[str, list[float]] = {"sampler": [], "generate": []}
    means: dict[str, list[float]] = {"sampler": [], "generate": []}
    for number in range(rounds):
        began = now()
        samples = ours(number)
        seconds["sampler"].append(now() - began)
        assert sum(len(s.tokens) for s in samples) == wanted, "a sample is short"
        began = now()
        rows = theirs()
        seconds["generate"].append(now() - began)
        assert sum(map(len, rows)) == wanted, "a generated row is short"
        means["sampler"] += [s.logprob / len(s.tokens) for s in samples]
        means["generate"] += average_logprobs(loaded, context, rows)
    ratios = [t / o for o, t in zip(seconds["sampler"], seconds["generate"], strict=True)]
    result: dict[str, Any] = {"ratio": statistics.median(ratios), "ratios": ratios}
    for side in ("sampler", "generate"):
        middle = statistics.median(seconds[side])
        result[side] = {
            "tokens_per_second": wanted / middle,
            "mean_logprob": statistics.mean(means[side]),
        }
    check_alike("mean log-probability", means["sampler"], means["generate"])
    return result


def play_sentences(loaded: Any, rounds: int, max_rows: int) -> dict[str, Any]:
    contexts = draw_contexts(loaded, CONTEXTS)
    sampler = make_sampler(loaded, max_new_tokens=TOKENS, no_repeat_ngram=3, max_rows=max_rows)
    rates: dict[str, list[float]] = {"sampler": [], "generate": []}
    kept: dict[str, list[float]] = {"sampler": [], "generate": []}
    sizes: dict[str, list[float]] = {"sampler": [], "generate": []}
    decoded = 0

    def count(tokens: int) -> None:
        nonlocal decoded
        decoded += tokens

    for number in range(rounds):
        began = now()
        samples = sampler.sample(contexts, SAMPLES, seed=number, on_tokens=count)
        took = now() - began
        texts = {"sampler": [s.text for s in samples]}
        # The authors' side takes its contexts in turn; two of the 64 a round stand for all.
        chosen = [contexts[(2 * number + i) * 13 % len(contexts)] for i in range(2)]
        began = now()
        rows = [row for c in chosen for row in generate(loaded, c, SAMPLES, TOKENS)]
        texts["generate"] = loaded.tokenizer.batch_decode(rows, skip_special_tokens=True)
        times = {"sampler": took, "generate": now() - began}
        for side, said in texts.items():
            good = [keep_sentence(text) for text in said]
            rates[side].append(sum(g is not None for g in good) / times[side])
            kept[side] += [float(g is not None) for g in good]
            if side == "generate":
                sizes[side] += [math.log(len(g)) for g in good if g]
            else:
                same = {contexts.index(c) for c in chosen}
                pairs = zip(samples, good, strict=True)
                sizes[side] += [math.log(len(g)) for s, g in pairs if g and s.prompt in same]
    check_alike("log length of kept sentences", sizes["sampler"], sizes["generate"])
    ratios = [o / t for o, t in zip(rates["sampler"], rates["generate"], strict=True)]
    return {
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "max_rows": max_rows,
        "tokens_per_sample": decoded / rounds / CONTEXTS / SAMPLES,
        "sampler": {
            "kept_per_second": statistics.median(rates["sampler"]),
            "kept_share": statistics.mean(kept["sampler"]),
        },
        "generate": {
            "kept_per_second": statistics.median(rates["generate"]),
            "kept_share": statistics.mean(kept["generate"]),
        },
    }


def check_alike(what: str, some: list[float], others: list[float]) -> None:
    """Stop when two samples' means differ by more than chance allows (five standard errors)."""
    spread = statistics.variance(some) / len(some) + statistics.variance(others) / len(others)
    gap = abs(statistics.mean(some) - statistics.mean(others))
    if gap > 5 * math.sqrt(spread):
        raise SystemExit(
            f"the sides differ in {what}: by {gap:.3f}, {gap / math.sqrt(spread):.1f} SE"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="The nucleus sampler against generate.")
    parser.add_argument("--model", default="embedded:smollm2-135m")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--max-rows", type=int, default=128, help="in the scene of sentences")
    parser.add_argument("--scene", choices=["one", "sentences"], action="append")
    parser.add_argument(
        "--clock",
        choices=["wall", "cpu"],
        default="wall",
        help="cpu, with one thread, where other work keeps the machine busy",
    )
    arguments = parser.parse_args()

    import torch

    torch.set_num_threads(arguments.threads)
    if arguments.clock == "cpu":
        global now
        now = time.process_time
    results: dict[str, Any] = {}
    for scene in arguments.scene or ["one", "sentences"]:
        print(f"scene {scene} ...", file=sys.stderr)
        loaded = load(arguments.model)
        if scene == "one":
            results[scene] = play_one(loaded, arguments.rounds)
        else:
            results[scene] = play_sentences(loaded, arguments.rounds, arguments.max_rows)
        print(json.dumps({scene: results[scene]}, indent=2), flush=True)


if __name__ == "__main__":
    main()
