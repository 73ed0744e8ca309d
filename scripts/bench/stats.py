"""Times `dimsum stats` beside straightforward use of the usual libraries, and compares values.

    python scripts/bench/stats.py [--pairs 50000] [--processes 1] [--json FILE]
    python scripts/bench/stats.py --pairs 1000000 --ours-only

The libraries work in one process, pair by pair: rouge-score, nltk (frequencies, Jaccard,
Self-BLEU), datasketch (one MinHash a row, candidates verified), zlib, re, Counter. Both sides
measure the same made-up pairs, samples and orders. Ours makes intervals as well. Beside wall time
stands the main process's processor time, which other work on the machine does not lengthen.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import resource
import sys
import tempfile
import time
import zlib
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from builder.near_duplicates.join import THRESHOLD
from builder.statistics.corpus import open_corpus
from builder.statistics.diversity import SELF_BLEU_TEXTS, ZLIB_LEVEL, ZLIB_PIECE, ZLIB_PIECES
from builder.statistics.frame import Frame, open_frame
from builder.statistics.offensive import SHIPPED, OffensiveWords
from builder.statistics.pairs import Options
from builder.statistics.study import Settings, study

Texts = list[str]
Values = dict[str, float]


def write_pairs(pairs: int, seed: int, path: Path) -> Path:
    """Pairs of Zipfian words; targets keep, drop and replace; one in fifty is a near-copy."""
    rng = random.Random(seed)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(30_000)]
    listed = sorted(OffensiveWords.read().singles)
    weights = [1 / (rank + 3) for rank in range(len(words))]
    stream: list[str] = []
    recent: deque[dict[str, str]] = deque(maxlen=1000)

    def word() -> str:
        if not stream:
            stream.extend(rng.choices(words, weights, k=100_000))
        return stream.pop() if rng.random() > 0.0005 else rng.choice(listed)

    with path.open("w", encoding="utf-8") as file:
        for _ in range(pairs):
            if recent and rng.random() < 0.02:
                row = dict(rng.choice(recent))
                if rng.random() < 0.7:
                    row["target"] += " " + word()
            else:
                source = [word() for _ in range(max(3, int(rng.gauss(17, 6))))]
                kept = [w if rng.random() < 0.6 else word() for w in source if rng.random() < 0.9]
                row = {
                    "source": " ".join(source).capitalize() + ".",
                    "target": " ".join(kept or [word()]).capitalize() + ".",
                }
            recent.append(row)
            file.write(json.dumps(row) + "\n")
    return path


def by_rouge_score(sources: Texts, targets: Texts) -> Values:
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"])
    scores = [scorer.score(s, t)["rougeL"].fmeasure for s, t in zip(sources, targets, strict=True)]
    return {"rouge_l": average(scores)}


def by_newsroom(sources: Texts, targets: Texts) -> Values:
    """Fragments and novel n-grams as the papers print them, on lists and sets."""
    found: dict[str, list[float]] = {}
    split = re.compile(r"[a-z0-9]+").findall
    for source, target in zip(sources, targets, strict=True):
        a, b = split(source.lower()), split(target.lower())
        shared = find_fragments(a, b)
        values = {
            "compression": len(target) / len(source),
            "coverage": sum(shared) / len(b) if b else 0.0,
            "density": sum(n * n for n in shared) / len(b) if b else 0.0,
        }
        for n in (1, 2, 3, 4):
            there = set(zip(*(a[i:] for i in range(n)), strict=False))
            grams = list(zip(*(b[i:] for i in range(n)), strict=False))
            if grams:
                values[f"novel_{n}"] = sum(g not in there for g in grams) / len(grams)
        for name, value in values.items():
            found.setdefault(name, []).append(value)
    return {name: average(values) for name, values in found.items()}


def find_fragments(a: Texts, b: Texts) -> list[int]:
    """Greedy longest fragments; every start in the source is tried."""
    found, i = [], 0
    while i < len(b):
        best = 0
        for j in range(len(a)):
            k = 0
            while i + k < len(b) and j + k < len(a) and a[j + k] == b[i + k]:
                k += 1
            best = max(best, k)
        if best:
            found.append(best)
        i += max(best, 1)
    return found


def by_nltk_jaccard(sources: Texts, targets: Texts) -> Values:
    from nltk.metrics.distance import jaccard_distance

    return {
        "jaccard": 100
        * average(
            [
                1 - jaccard_distance(set(s.lower().split()), set(t.lower().split()))
                for s, t in zip(sources, targets, strict=True)
            ]
        )
    }


def by_nltk_counts(side: str, texts: Texts) -> Values:
    from nltk import FreqDist
    from nltk.util import ngrams

    found: Values = {}
    for n in (1, 2, 3):
        counts = FreqDist(gram for text in texts for gram in ngrams(text.split(), n))
        total = counts.N()
        found[f"distinct_{n}/{side}"] = counts.B() / total
        if n == 1:
            found[f"vocabulary/{side}"] = counts.B()
            continue
        found[f"unique_{n}/{side}"] = counts.B()
        found[f"h{n}/{side}"] = -math.fsum(
            c / total * math.log2(c / total) for c in counts.values()
        )
    return found


def by_segments(side: str, texts: Texts) -> Values:
    tokens = [token for text in texts for token in text.split()]
    return {
        f"msttr_{n}/{side}": 100
        * average([len(set(tokens[i : i + n])) / n for i in range(0, len(tokens) // n * n, n)])
        for n in (100, 1000)
    }


def by_nltk_self_bleu(side: str, texts: Texts) -> Values:
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    smoothing = SmoothingFunction().method1
    split = [text.split() for text in texts]
    scores = [
        sentence_bleu(split[:i] + split[i + 1 :], text, smoothing_function=smoothing)
        for i, text in enumerate(split)
    ]
    return {f"self_bleu/{side}": 100 * average(scores)}


def by_zlib(side: str, texts: Texts) -> Values:
    ratios = []
    for start in range(0, len(texts) // ZLIB_PIECE * ZLIB_PIECE, ZLIB_PIECE):
        raw = "\n".join(texts[start : start + ZLIB_PIECE]).encode()
        ratios.append(len(raw) / len(zlib.compress(raw, ZLIB_LEVEL)))
    return {f"zlib_ratio/{side}": average(ratios)}


def by_datasketch(sources: Texts, targets: Texts) -> Values:
    """One MinHash a row, update by update; candidates verified by the true similarity."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=THRESHOLD - 0.2, num_perm=128)
    sets, alike = [], [False] * len(sources)
    split = re.compile(r"[a-z0-9]+").findall
    for row, pair in enumerate(zip(sources, targets, strict=True)):
        items = set()
        for side, text in zip("st", pair, strict=True):
            words = split(text.lower()) or [text]
            for i in range(max(1, len(words) - 2)):
                items.add(f"{side}|{' '.join(words[i : i + 3])}")
        sketch = MinHash(num_perm=128)
        for item in items:
            sketch.update(item.encode())
        for other in index.query(sketch):
            if len(items & sets[other]) >= THRESHOLD * len(items | sets[other]):
                alike[row] = alike[other] = True
        index.insert(row, sketch)
        sets.append(items)
    return {"near_duplicates": average(alike)}


def by_counter(sources: Texts, targets: Texts) -> Values:
    found = {}
    pairs = list(zip(sources, targets, strict=True))
    for name, keys in (
        ("duplicate_pairs/pair", pairs),
        ("duplicate_sources/source", sources),
        ("duplicate_targets/target", targets),
        ("top_opening/target", [" ".join(text.lower().split()[:3]) for text in targets]),
    ):
        counts = Counter(keys)
        if name.startswith("top"):
            found[name] = counts.most_common(1)[0][1] / len(targets)
        else:
            found[name] = average([counts[key] > 1 for key in keys])
    return found


def by_re(side: str, texts: Texts) -> Values:
    entries = [line for line in SHIPPED.read_text().splitlines() if line and line[0] != "#"]
    plain = [" ".join(re.findall("[a-z0-9]+", entry.lower())) for entry in entries]
    listed = re.compile(r"\b(?:" + "|".join(sorted(filter(None, plain), reverse=True)) + r")\b")
    clean = [" ".join(re.findall("[a-z0-9]+", text.lower())) for text in texts]
    return {f"offensive_{side}/{side}": average([bool(listed.search(text)) for text in clean])}


def average(values: list[Any]) -> float:
    return math.fsum(values) / len(values)


def measure_libraries(frame: Frame) -> tuple[Values, dict[str, float], float]:
    """Values, seconds and processor seconds of the libraries on a frame's rows and samples."""
    sides = ("source", "target")
    everything = frame.texts(frame.blocks.order)
    sampled = {
        "self-bleu": frame.texts(frame.sample(SELF_BLEU_TEXTS, "self-bleu")),
        "zlib": frame.texts(frame.sample(ZLIB_PIECE * ZLIB_PIECES, "zlib")),
    }
    jobs: list[tuple[str, Callable[[], Values]]] = [
        ("rouge-score", lambda: by_rouge_score(*everything)),
        ("fragments, novelty", lambda: by_newsroom(*everything)),
        ("nltk jaccard", lambda: by_nltk_jaccard(*everything)),
        ("datasketch", lambda: by_datasketch(*everything)),
        ("Counter", lambda: by_counter(*everything)),
    ]
    for index, side in enumerate(sides):
        jobs += [
            ("nltk FreqDist", lambda s=side, p=index: by_nltk_counts(s, everything[p])),
            ("segments", lambda s=side, p=index: by_segments(s, everything[p])),
            (
                "nltk Self-BLEU",
                lambda s=side, p=index: by_nltk_self_bleu(s, sampled["self-bleu"][p]),
            ),
            ("zlib", lambda s=side, p=index: by_zlib(s, sampled["zlib"][p])),
            ("re", lambda s=side, p=index: by_re(s, everything[p])),
        ]
    values: Values = {}
    seconds: dict[str, float] = {}
    processor = time.process_time()
    for name, job in jobs:
        began = time.perf_counter()
        values |= job()
        seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - began
        print(f"{name}: {seconds[name]:.1f} s", file=sys.stderr)
    return values, seconds, time.process_time() - processor


def measure_differences(values: Values, document: dict[str, Any]) -> dict[str, float]:
    """How far each of the libraries' values is from ours, relative above 1."""
    ours = {f"{m['measure']}/{m['side']}": m["value"] for m in document["corpora"][0]["measures"]}
    return {
        name: abs(value - ours[name if "/" in name else f"{name}/pair"]) / max(1.0, abs(value))
        for name, value in values.items()
    }


def main() -> None:
    """Makes the pairs, measures both ways and prints the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=50_000)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, help="keep the made-up pairs there, or take them")
    parser.add_argument("--ours-only", action="store_true")
    parser.add_argument("--json", type=Path, help="write the numbers there")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        path = asked.data or Path(scratch) / "pairs.jsonl"
        if not path.is_file():
            write_pairs(asked.pairs, asked.seed, path)
        began, processor = time.perf_counter(), time.process_time()
        document = study([str(path)], Settings(processes=asked.processes))
        ours = time.perf_counter() - began
        processor = time.process_time() - processor
        peaks = {
            "peak_megabytes": resource.RUSAGE_SELF,
            "peak_megabytes_of_a_worker": resource.RUSAGE_CHILDREN,
        }
        result: dict[str, Any] = {
            "pairs": asked.pairs,
            "processes": asked.processes,
            "seconds": round(ours, 2),
            "processor_seconds": round(processor, 2),
            "pairs_per_second": round(asked.pairs / ours),
            **{n: resource.getrusage(who).ru_maxrss // 1024 for n, who in peaks.items()},
            "at": time.strftime("%Y-%m-%d"),
        }
        print(json.dumps(result), file=sys.stderr)
        if not asked.ours_only:
            with open_frame(open_corpus(str(path)), Options(OffensiveWords.read())) as frame:
                values, seconds, theirs = measure_libraries(frame)
            apart = measure_differences(values, document)
            result["libraries"] = {name: round(s, 2) for name, s in seconds.items()}
            result["libraries_seconds"] = round(sum(seconds.values()), 2)
            result["libraries_processor_seconds"] = round(theirs, 2)
            result["ratio_of_processor_seconds"] = round(theirs / processor, 2)
            result["ratio"] = round(sum(seconds.values()) / ours, 2)
            rest = sum(s for name, s in seconds.items() if name != "nltk Self-BLEU")
            result["ratio_with_libraries_sparing_self_bleu"] = round(rest / ours, 2)
            result["values_compared"] = len(apart)
            result["largest_difference"] = max(apart.values())
            result["differences_above_1e-6"] = {n: d for n, d in apart.items() if d > 1e-6}
    print(json.dumps(result, indent=2))
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
