"""This package's side of neurologic.py: NeuroLogic decoding, in a process of its own.

Reads one JSON request a line on stdin and answers each with one line on stdout, as force_words.py
does.
"""

from __future__ import annotations

import json
import sys
import time

import torch
from force_words import peak_memory

from builder.decoding.constraints import Clause, Constraints
from builder.decoding.neurologic import NeurologicConfig, NeurologicDecoder
from builder.models import load_causal


def main() -> None:
    folder, dtype, threads, settings = json.loads(sys.argv[1])
    torch.set_num_threads(threads)
    loaded = load_causal(folder, dtype=dtype)  # type: ignore[arg-type]
    decoder = NeurologicDecoder(loaded.model, loaded.tokenizer, NeurologicConfig(**settings))
    print(json.dumps({"enders": sorted(decoder.rules.enders), "loaded": peak_memory()}), flush=True)
    for line in sys.stdin:
        some = json.loads(line)["items"]
        demands = [
            Constraints(tuple(Clause((tuple(p),)) for p in item["phrases"])) for item in some
        ]
        peak_memory(reset=True)
        started = time.perf_counter()
        found = decoder.decode([item["text"] for item in some], demands)
        seconds = time.perf_counter() - started
        outputs = [list(one.tokens) for one in found]
        answer = {"seconds": seconds, "outputs": outputs, "peak": peak_memory()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
