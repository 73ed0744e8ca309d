"""The other side of neurologic.py: `force_words_ids` of an older transformers.

Started by neurologic.py in an environment of its own; needs torch and transformers only. Reads
one JSON request a line on stdin and answers each with one line on stdout.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoModelForCausalLM


def peak_memory(*, reset: bool = False) -> int:
    """Most resident memory of this process since the last reset, in bytes (Linux)."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024
    raise OSError("no VmHWM in /proc/self/status")


def load(folder: str, dtype: str) -> Any:
    model = AutoModelForCausalLM.from_pretrained(folder, torch_dtype=getattr(torch, dtype))
    return model.eval()


@torch.inference_mode()
def decode(model: Any, item: dict[str, Any], settings: dict[str, Any]) -> list[int]:
    ids = torch.tensor([item["prompt"]])
    # Its end is one more token after min_new_tokens, and ours is counted in.
    found = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        force_words_ids=item["phrases"],
        num_beams=settings["beams"],
        max_new_tokens=settings["max_new_tokens"],
        min_new_tokens=settings["min_new_tokens"] - 1,
        no_repeat_ngram_size=settings["no_repeat_ngram"],
        length_penalty=settings["length_penalty"],
        eos_token_id=settings["enders"],
        pad_token_id=settings["enders"][0],
        early_stopping=settings["early_stopping"],
        do_sample=False,
    )
    new = found[0, ids.shape[1] :].tolist()
    ends = [i for i, token in enumerate(new) if token in settings["enders"]]
    # What follows the first end is padding, unless an ender was forced inside a phrase.
    return new[: ends[0] + 1] if ends else new


def main() -> None:
    torch.set_num_threads(int(sys.argv[3]))
    model = load(sys.argv[1], sys.argv[2])
    print(json.dumps({"version": transformers.__version__, "loaded": peak_memory()}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        peak_memory(reset=True)
        started = time.perf_counter()
        outputs = [decode(model, item, request["settings"]) for item in request["items"]]
        seconds = time.perf_counter() - started
        answer = {"seconds": seconds, "outputs": outputs, "peak": peak_memory()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
