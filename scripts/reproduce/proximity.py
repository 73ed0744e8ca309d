"""Does a teacher say the same thing again in other words?

    python scripts/reproduce/proximity.py --teacher embedded:smollm2-135m

draws next sentences after contexts of one to five sentences, judges pairs of them, reads their
hidden states, and writes docs/experiments/proximity.json, from which `proximity_page.py` makes the
page and its pictures. The claims are those of section 2 of arXiv 2305.16635 v4.

Contexts grow: the first one, two, ... five sentences of the same texts, so a difference between
lengths is none between texts. Two sentences are equivalent when each entails the other, entailment
being the critic's likeliest label.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from builder.config import CriticConfig, DomainConfig
from builder.critics.entailment import EntailmentCritic, make_token_batches
from builder.decoding.nucleus import NucleusSampler, Sample, SamplingConfig
from builder.domains import load_openings
from builder.models import LoadedModel, load_causal, make_public_name
from builder.sentences import find_fault, split, tidy
from builder.store import make_seed
from builder.versions import list_versions
from dimsum.data.files import read_lines
from dimsum.files import write_json
from dimsum.metrics.words import choose_bleu_tokeniser
from scripts.reproduce.proximity_findings import LAYERS, LENGTHS, sum_up
from scripts.reproduce.proximity_page import PAGE, write_page

MOST_CHARACTERS = 400
CONTINUATION_TOKENS = 160
ROUNDS = 12
BATCH_TOKENS = 2048
MOST_TOKENS = 128
Document = tuple[str, ...]
"""The first sentences of a text; its opening stands before the first."""
Made = TypeVar("Made")


@dataclass(frozen=True)
class NextSentences:
    """Of one context at one temperature: whole sentences drawn, and the distinct ones of them."""

    document: int
    length: int
    temperature: float
    drawn: int
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Judged:
    """Two distinct next sentences of one context and temperature."""

    document: int
    length: int
    temperature: float
    first: str
    second: str
    equivalent: bool
    bleu: float


def read_documents(path: Path, asked: argparse.Namespace) -> list[Document]:
    """Texts of a file, one a line; those with too few sentences are left out."""
    lines = [line.strip() for line in read_lines(path) if line.strip()]
    random.Random(asked.seed).shuffle(lines)
    found = [one for line in split(lines) if (one := make_document("", line)) is not None]
    if len(found) < 2:
        sys.exit(f"{path} has {len(found)} texts of {max(LENGTHS)} sentences; 2 are needed")
    return found[: asked.documents]


def write_documents(teacher: LoadedModel, asked: argparse.Namespace) -> list[Document]:
    """Free continuations of news openings at temperature 1, until there are enough."""
    how = SamplingConfig(
        temperature=1.0,
        top_p=asked.top_p,
        max_new_tokens=CONTINUATION_TOKENS,
        banned=("\n",),
        stop="length",
    )
    rng, offer = random.Random(asked.seed), load_openings(DomainConfig(name="news", kind="news"))
    found: list[Document] = []
    for number in range(ROUNDS):
        prompts = [offer.draw(rng) for _ in range(asked.documents)]
        seed = make_seed(asked.seed, "documents", number)
        for sample, sentences in draw_samples(teacher, prompts, how, 1, seed):
            whole = sentences[:-1] if sample.finish == "length" else sentences
            document = make_document(prompts[sample.prompt], whole)
            if document is not None:
                found.append(document)
        if len(found) >= asked.documents:
            return found[: asked.documents]
    return sys.exit(f"{len(found)} texts of {max(LENGTHS)} whole sentences: ask for fewer")


def make_document(opening: str, sentences: Sequence[str]) -> Document | None:
    """The first sentences, or None where one of them is not whole."""
    first = sentences[: max(LENGTHS)]
    if len(first) < max(LENGTHS) or any(find_fault(one, MOST_CHARACTERS) for one in first):
        return None
    return (f"{opening} {first[0]}".strip(), *first[1:])


def join_context(document: Document, length: int) -> str:
    return " ".join(document[:length])


def draw_samples(
    teacher: LoadedModel, prompts: list[str], how: SamplingConfig, count: int, seed: int
) -> Iterator[tuple[Sample, list[str]]]:
    """So many samples of each prompt, each with its sentences."""
    samples = NucleusSampler(teacher.model, teacher.tokenizer, how).sample(
        prompts, count, seed=seed
    )
    yield from zip(samples, split(tidy(sample.text) for sample in samples), strict=True)


def draw_next(
    teacher: LoadedModel,
    documents: Sequence[Document],
    temperature: float,
    asked: argparse.Namespace,
) -> list[NextSentences]:
    """Draw after every context; a draw that is no whole sentence is dropped."""
    contexts = [(number, length) for number in range(len(documents)) for length in LENGTHS]
    prompts = [join_context(documents[number], length) for number, length in contexts]
    how = SamplingConfig(
        temperature=temperature,
        top_p=asked.top_p,
        max_new_tokens=asked.max_new_tokens,
        no_repeat_ngram=3,
        banned=("\n",),
    )
    seed = make_seed(asked.seed, "next", f"{temperature:g}")
    whole: list[list[str]] = [[] for _ in contexts]
    for sample, sentences in draw_samples(teacher, prompts, how, asked.samples, seed):
        cut = sample.finish == "length" and len(sentences) < 2
        if sentences and not cut and find_fault(sentences[0], MOST_CHARACTERS) is None:
            whole[sample.prompt].append(sentences[0])
    return [
        NextSentences(number, length, temperature, len(some), tuple(dict.fromkeys(some)))
        for (number, length), some in zip(contexts, whole, strict=True)
    ]


def judge_draws(
    critic: EntailmentCritic, found: Sequence[NextSentences], asked: argparse.Namespace
) -> list[Judged]:
    """Judge some pairs of every context and temperature, the second way only after the first."""

    def entails(pairs: Sequence[tuple[str, str]]) -> list[bool]:
        return [bool(row[0] > max(row[1], row[2])) for row in critic.score(pairs)]

    of = []
    for one in found:
        every = list(combinations(one.sentences, 2))
        seed = make_seed(asked.seed, one.document, one.length, f"{one.temperature:g}")
        drawn = random.Random(seed).sample(every, min(asked.pairs, len(every)))
        of += [(one, pair) for pair in drawn]
    pairs = [pair for _, pair in of]
    forward = [i for i, says in enumerate(entails(pairs)) if says]
    backward = entails([pairs[i][::-1] for i in forward])
    mutual = {i for i, says in zip(forward, backward, strict=True) if says}
    return [
        Judged(one.document, one.length, one.temperature, *pair, i in mutual, bleu)
        for i, ((one, pair), bleu) in enumerate(zip(of, measure_bleu(pairs), strict=True))
    ]


def measure_bleu(pairs: Sequence[tuple[str, str]]) -> list[float]:
    """BLEU of each pair, one sentence against the other, mean of both directions."""
    from sacrebleu.metrics.bleu import BLEU

    tokeniser = choose_bleu_tokeniser([text for pair in pairs for text in pair])
    score = BLEU(effective_order=True, tokenize=tokeniser).sentence_score
    return [(score(a, [b]).score + score(b, [a]).score) / 2 for a, b in pairs]


def read_states(
    teacher: LoadedModel, sentences: Sequence[str], most: int = BATCH_TOKENS
) -> dict[str, Any]:
    """Unit vectors of every sentence at LAYERS: means of its tokens' hidden states, centred.

    A sentence is read without its context, behind which all states would be alike. The state at
    the first position is many times the size of others whatever stands there, so a token of no
    sentence is put there and left out of the mean.
    """
    tokenizer, model = teacher.tokenizer, teacher.model
    known = (tokenizer.bos_token_id, tokenizer.eos_token_id)
    lead = [one for one in known if one is not None][:1]
    tokens = [tokenizer.encode(one, add_special_tokens=False)[:MOST_TOKENS] for one in sentences]
    rows = [lead + ids for ids in tokens]
    found: dict[str, list[Any]] = {layer: [None] * len(rows) for layer in LAYERS}
    with torch.inference_mode():
        for batch in make_token_batches([len(ids) for ids in rows], most):
            width = max(len(rows[i]) for i in batch)
            # Right padding: under a causal mask no token sees what stands after it.
            ids = torch.tensor([rows[i] + [0] * (width - len(rows[i])) for i in batch])
            mask = torch.tensor([[1] * len(rows[i]) + [0] * (width - len(rows[i])) for i in batch])
            ids, mask = ids.to(teacher.device), mask.to(teacher.device)
            layers = model(
                input_ids=ids, attention_mask=mask, output_hidden_states=True, use_cache=False
            ).hidden_states
            weights = mask.unsqueeze(-1).float()
            weights[:, : len(lead)] = 0
            for layer in LAYERS:
                hidden = layers[len(layers) // 2 if layer == "middle" else -1].float()
                means = ((hidden * weights).sum(1) / weights.sum(1)).cpu().numpy()
                for row, vector in zip(batch, means, strict=True):
                    found[layer][row] = vector
    return {layer: centre_vectors(np.stack(some)) for layer, some in found.items()}


def centre_vectors(vectors: Any) -> Any:
    """Vectors less their mean, at unit length; one that is the mean itself stays zero."""
    moved = vectors - vectors.mean(0)
    norms = np.linalg.norm(moved, axis=1, keepdims=True)
    return moved / np.where(norms > 0, norms, 1)


def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Everything that the page says."""
    seconds: dict[str, float] = {}

    def timed(name: str, make: Callable[[], Made]) -> Made:
        began = time.monotonic()
        made = make()
        seconds[name] = round(time.monotonic() - began, 1)
        print(f"{name}: {seconds[name]:.0f} s", file=sys.stderr, flush=True)
        return made

    critic = EntailmentCritic.load(CriticConfig(model=asked.critic))
    teacher = load_causal(asked.teacher, dtype="auto")
    texts = asked.contexts
    documents = timed(
        "documents",
        lambda: read_documents(texts, asked) if texts else write_documents(teacher, asked),
    )
    drawn: list[NextSentences] = []
    pairs: list[Judged] = []
    for t in asked.temperatures:
        some = timed(
            f"next sentences at {t:g}", lambda t=t: draw_next(teacher, documents, t, asked)
        )
        pairs += timed(f"pairs judged at {t:g}", lambda x=some: judge_draws(critic, x, asked))
        drawn += some
    sentences = list(dict.fromkeys(sentence for one in drawn for sentence in one.sentences))
    if not sentences:
        sys.exit("no next sentence was whole: raise --max-new-tokens")
    vectors = timed("hidden states", lambda: read_states(teacher, sentences))
    examples = {p.temperature: (p.first, p.second) for p in reversed(pairs) if p.equivalent}
    notes = [*teacher.notes, *critic.notes]
    for reference in (asked.teacher, asked.critic):
        notes = [note.replace(reference, make_public_name(reference)) for note in notes]
    named = "continuations of news openings by the teacher, at temperature 1"
    settings = {k: v for k, v in vars(asked).items() if k not in ("output", "contexts")}
    settings |= {role: make_public_name(settings[role]) for role in ("teacher", "critic")}
    return {
        "settings": settings,
        "source": f"texts of {texts.name}" if texts else named,
        "seconds": seconds,
        "notes": notes,
        "versions": {
            name: version
            for name, version in list_versions().items()
            if name in ("python", "torch", "transformers", "spacy")
        },
        "examples": [(t, *examples[t]) for t in sorted(examples)],
        **sum_up(drawn, pairs, vectors, sentences, len(documents), asked),
    }


def parse_temperatures(text: str) -> list[float]:
    found = [float(one) for one in text.split(",")]
    if len(found) < 2 or found != sorted(set(found)) or not all(0 < t <= 5 for t in found):
        raise argparse.ArgumentTypeError("two or more ascending ones up to 5, such as 0.3,0.7")
    return found


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-o", "--output", type=Path, default=PAGE)
    parser.add_argument("--contexts", type=Path, help="texts, one a line, to begin with")
    parser.add_argument("--teacher", default="embedded:smollm2-135m")
    parser.add_argument("--critic", default="embedded:critic")
    parser.add_argument("--documents", type=int, default=20)
    parser.add_argument("--samples", type=int, default=10, help="of a context and temperature")
    parser.add_argument("--pairs", type=int, default=20, help="judged of a context and temperature")
    parser.add_argument("--temperatures", type=parse_temperatures, default=[0.3, 0.7, 1.0])
    parser.add_argument("--top-p", type=float, default=0.9)
    parser.add_argument("--max-new-tokens", type=int, default=48)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--replicates", type=int, default=2000)
    return parser


def main(words: Sequence[str] | None = None) -> None:
    asked = make_parser().parse_args(words)
    found = measure(asked)
    write_json(asked.output.with_suffix(".json"), found)
    write_page(found, asked.output)


if __name__ == "__main__":
    main()
