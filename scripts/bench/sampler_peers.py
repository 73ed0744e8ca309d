"""This project's sampler beside other engines on the same contexts.

    python scripts/bench/sampler_peers.py --folder FOLDER --page docs/experiments/sampler.md

Every engine continues the same contexts in its own way, as often and as far as asked, at the same
temperature and nucleus; what counts are first whole sentences by one rule. An engine runs in a
process of its own, whose largest resident size is given; loading and a first small call are not
timed. Engines take turns, `--rounds` times, so a busy machine slows all alike. One that is not
installed is left out by name:

torch          this project's sampler as a build uses it: weights prepacked, log-probabilities, a
               seed for each sample
transformers   `generate`, a context at a time
llama.cpp      its server (xllamacpp), asked by this project's `teacher.engine: {kind: server}`
ctranslate2    `generate_batch`, a context at a time, each number type
openvino       OpenVINO GenAI with continuous batching, from a GGUF file

Weights are those of the embedded teacher, whose GGUF file holds 4 bits each (Q4_1). `float32`
computes with these numbers in float32, for OpenVINO rounded to 16 bits in the file; `float16` keeps
16 bits of them, `int8` 8 (a GGUF file in Q8_0 for OpenVINO), `Q4_1` takes the file as it is.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from cards.tables import format_table
from scripts.bench.nucleus import draw_contexts, keep_sentence, load
from scripts.bench.sampler_engines import ENGINES, HOW, MODEL, STOPS, Missing, convert


def make_contexts(asked: argparse.Namespace) -> list[str]:
    """So many contexts in the model's own words, made once."""
    path = asked.folder / f"contexts-{asked.contexts}.json"
    if not path.exists():
        path.write_text(json.dumps(draw_contexts(load(MODEL), asked.contexts)))
    found: list[str] = json.loads(path.read_text(encoding="utf-8"))
    return found


def measure(name: str, asked: argparse.Namespace) -> dict[str, Any]:
    """One engine in this process."""
    contexts = make_contexts(asked)
    try:
        ask, named = ENGINES[name](asked)
    except (Missing, PackageNotFoundError) as error:
        return {"missing": str(error)}
    ask(contexts[:1], 2, 4)
    began, used = time.perf_counter(), time.process_time()
    texts = ask(contexts, asked.samples, asked.tokens)
    seconds, spent = time.perf_counter() - began, time.process_time() - used
    kept = [sentence for sentence in map(keep_sentence, texts) if sentence]
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return {
        "version": named,
        "seconds": seconds,
        "processor_seconds": spent,
        "texts": len(texts),
        "kept": len(kept),
        "distinct": len(set(kept)),
        "peak_bytes": 1024 * int(status.partition("VmHWM:")[2].split()[0]),
    }


def format_page(found: dict[str, list[dict[str, Any]]], asked: argparse.Namespace) -> str:
    """What was measured, as a page; ratios are to the first engine that is here."""
    here = {name: of for name, of in found.items() if "missing" not in of[0]}
    clock = {"wall": "seconds", "processor": "processor_seconds"}[asked.clock]

    def rate(of: list[dict[str, Any]]) -> list[float]:
        return [one["kept"] / one[clock] for one in of]

    def span(values: list[float], digits: int) -> str:
        ends = [f"{end:.{digits}f}" for end in (min(values), max(values))]
        return ends[0] if ends[0] == ends[1] else " to ".join(ends)

    first = statistics.median(rate(next(iter(here.values()))))
    rows = [
        (
            name,
            of[0]["version"],
            len(of),
            span([one["seconds"] for one in of], 0),
            span([one["processor_seconds"] for one in of], 0),
            span([100 * one["kept"] / one["texts"] for one in of], 0),
            span(rate(of), 1),
            f"{statistics.median(rate(of)) / first:.2f}" if first else "",
            f"{max(one['peak_bytes'] for one in of) / 1e9:.1f}",
        )
        for name, of in here.items()
    ]
    per = {"wall": "second", "processor": "processor second"}[asked.clock]
    heads = ("engine", "version", "rounds", "seconds", "processor seconds", "kept, %")
    heads = (*heads, f"kept / {per}", "ratio", "GB")
    missing = [f"{name} ({of[0]['missing']})" for name, of in found.items() if name not in here]
    absent = f"\nNot installed: {', '.join(missing)}.\n" if missing else ""
    threads = "one thread" if asked.threads == 1 else f"{asked.threads} threads"
    busy = {
        "wall": "Nothing else ran on the machine.",
        "processor": "Other work on the machine makes seconds more than processor seconds.",
    }[asked.clock]
    return f"""# The sampler beside other engines

Written by `scripts/bench/sampler_peers.py`: {asked.contexts} contexts, {asked.samples} samples of \
each, temperature {HOW["temperature"]}, nucleus {HOW["top_p"]}, at most {asked.tokens} tokens, \
{threads}, engines in turn. Model: {MODEL}. Processor: {describe_processor()}.

A sentence is kept if the text has a first whole one. Ratios are of sentences kept a {per}, the \
median of the rounds, to this project's sampler. {busy} Memory is the largest resident size of the \
process, with loading.

{format_table(heads, rows, "llrrrrrrr")}
{absent}
Only this project's sampler and llama.cpp's server, asked by this project, end with the sentence; \
"ended early" ends at the first {", ".join(map(repr, sorted(STOPS)))}, be it an abbreviation's; \
the others write on to the end of a text or to the last token. What each engine holds of the \
sampler's contract is in [engines.md](../engines.md).
"""


def describe_processor() -> str:
    """The processor's name, how many there are, and how wide its instructions."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    parts = [line.partition(":") for line in text.splitlines()]
    facts = {name.strip(): value.strip() for name, _, value in parts}
    known = {"amx_tile": "AMX", "avx512f": "AVX-512", "avx2": "AVX2"}
    wide = [f", {known[name]}" for name in known if name in facts.get("flags", "").split()]
    name = facts.get("model name", "unknown")
    return f"{name}, {os.cpu_count()} cores{wide[0] if wide else ''}"


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--contexts", type=int, default=6)
    parser.add_argument("--samples", type=int, default=24)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=2, help="0 only writes the page")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), choices=list(ENGINES))
    parser.add_argument(
        "--folder",
        type=Path,
        required=True,
        help="for converted models and measurements, which add up from call to call",
    )
    parser.add_argument(
        "--clock",
        choices=("wall", "processor"),
        default="processor",
        help="whose seconds count: wall where nothing else runs",
    )
    parser.add_argument("--page", type=Path)
    parser.add_argument("--one", choices=list(ENGINES), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(asked.threads)
    asked.folder.mkdir(parents=True, exist_ok=True)
    if asked.one:
        print(json.dumps(measure(asked.one, asked)))
        return
    if asked.rounds:
        make_contexts(asked)
        convert(asked)
    sizes = [asked.contexts, asked.samples, asked.tokens, asked.threads]
    measured = asked.folder / "measured.jsonl"
    for _ in range(asked.rounds):
        for name in asked.engines:
            words = [sys.executable, __file__, *sys.argv[1:], "--one", name]
            done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
            found = json.loads(done.stdout.splitlines()[-1])
            print(name, found, file=sys.stderr, flush=True)
            with measured.open("a", encoding="utf-8") as file:
                print(json.dumps({"engine": name, "sizes": sizes, **found}), file=file)
    lines = [json.loads(line) for line in measured.read_text(encoding="utf-8").splitlines()]
    lines = [line for line in lines if line["sizes"] == sizes]
    by_engine = {name: [line for line in lines if line["engine"] == name] for name in ENGINES}
    text = format_page({name: of for name, of in by_engine.items() if of}, asked)
    if asked.page:
        asked.page.write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
