"""NeuroLogic decoding here against `force_words_ids` of transformers 4.46, side by side.

    python scripts/bench/neurologic.py [--contexts 42] [--out result.json]

The last transformers with constrained beam search gets an environment of its own, made on first
use; accelerate and scipy, which either transformers loads where it finds them, are in both. Both
sides decode the same contexts under the same keywords, in turns, each alone on the
machine while it runs. The keywords are those of a sentence that the model itself wrote after the
context. Every output is scored by the same model in float32 at temperature 1.

Progress goes to stderr, the result as JSON to stdout.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import venv
from importlib.metadata import version
from pathlib import Path
from statistics import mean
from typing import Any

HERE = Path(__file__).resolve().parent
OLD = "transformers==4.46.*"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def old_environment(folder: Path) -> Path:
    """A Python that has the old transformers and the torch of this one."""
    import torch

    python = folder / "bin" / "python"
    if (folder / "ready").is_file():
        return python
    say(f"making {folder} with {OLD} (once) ...")
    venv.create(folder, with_pip=True, clear=True)
    same_torch = f"torch=={torch.__version__.partition('+')[0]}"
    alike = [f"{name}=={version(name)}" for name in ("accelerate", "scipy")]
    for wanted in ([same_torch, "numpy"], [OLD, *alike]):
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", *wanted], check=True, stdout=sys.stderr
        )
    (folder / "ready").touch()
    return python


def old_model(folder: str, to: Path) -> None:
    """The same weights with a configuration that the old transformers understands."""
    config = json.loads((Path(folder) / "config.json").read_text())
    rope = config.pop("rope_parameters", None) or {}
    if "rope_theta" in rope:
        config["rope_theta"] = rope["rope_theta"]
    config["torch_dtype"] = config.pop("dtype", "float32")
    config.pop("transformers_version", None)
    (to / "config.json").write_text(json.dumps(config))
    for weights in Path(folder).glob("*.safetensors*"):
        (to / weights.name).symlink_to(weights.resolve())


def items(model: Any, tokenizer: Any, contexts: int, keywords: int, seed: int) -> list[Any]:
    """Contexts as the builder makes them, each with the keywords of one next sentence."""
    from builder.config import DomainConfig
    from builder.decoding.constraints import make_clause
    from builder.decoding.keywords import YakeKeywords
    from builder.decoding.nucleus import NucleusSampler
    from builder.decoding.settings import SamplingConfig
    from builder.domains import openings
    from builder.sentences import find_fault, split, tidy

    free = SamplingConfig(temperature=1.0, max_new_tokens=80, stop="length", banned=("\n",))
    draw = openings(DomainConfig(name="news", kind="news")).draw
    generator = random.Random(seed)
    starts = [draw(generator) for _ in range(contexts * 2)]
    texts = NucleusSampler(model, tokenizer, free).sample(starts, 1, seed=seed)
    extractor = YakeKeywords(keywords)
    made: list[Any] = []
    for sample, found in zip(texts, split(tidy(t.text) for t in texts), strict=True):
        whole = [sentence for sentence in found if find_fault(sentence, 300) is None]
        wanted = extractor.find(whole[-1]) if len(whole) > 1 else []
        if len(wanted) == keywords and len(made) < contexts:
            context = " ".join([starts[sample.prompt], *whole[:-1]])
            phrases = [make_clause(w, tokenizer).phrases[0] for w in wanted]
            made.append(
                {
                    "text": context,
                    "prompt": tokenizer.encode(context),
                    "keywords": wanted,
                    "phrases": [list(one) for one in phrases],
                }
            )
    return made


class OldSide:
    """The old transformers, one context at a time: its constraints hold for a whole batch."""

    def __init__(self, python: Path, folder: str, dtype: str, threads: int) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        environment.pop("PYTHONPATH", None)
        command = [python, HERE / "force_words.py", folder, dtype, str(threads)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.hello = self._read()

    def _read(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the other side ended; its message is above")
        return json.loads(line)

    def decode(self, some: list[Any], settings: dict[str, Any]) -> Any:
        assert self.process.stdin is not None
        print(
            json.dumps({"items": some, "settings": settings}), file=self.process.stdin, flush=True
        )
        return self._read()


class NewSide(OldSide):
    """This package, its contexts together."""

    def __init__(self, folder: str, dtype: str, threads: int, settings: dict[str, Any]) -> None:
        asked = json.dumps([folder, dtype, threads, settings])
        self.process = subprocess.Popen(
            [sys.executable, HERE / "under_keywords.py", asked],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        )
        self.hello = self._read()


def score(model: Any, prompt: list[int], tokens: list[int]) -> float:
    """The log-probability of `tokens` behind `prompt` at temperature 1, in nats."""
    import torch

    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([prompt + tokens])).logits.float()
    logprobs = torch.log_softmax(logits[0, len(prompt) - 1 : -1], -1)
    return float(logprobs.gather(1, torch.tensor(tokens)[:, None]).sum())


def summary(model: Any, some: list[Any], outputs: list[list[int]], settings: Any) -> dict[str, Any]:
    from builder.decoding.constraints import holds

    logprobs = [
        score(model, item["prompt"], tokens) for item, tokens in zip(some, outputs, strict=True)
    ]
    satisfied = [
        all(holds(tokens, phrase) for phrase in item["phrases"])
        for item, tokens in zip(some, outputs, strict=True)
    ]
    penalty = settings["length_penalty"]
    sizes = [len(tokens) for tokens in outputs]
    return {
        "satisfied": mean(satisfied),
        "logprob": mean(logprobs),
        "logprob_per_token": sum(logprobs) / sum(sizes),
        "score": mean(p / n**penalty for p, n in zip(logprobs, sizes, strict=True)),
        "tokens": mean(sizes),
        "ended": mean(tokens[-1] in settings["enders"] for tokens in outputs),
    }


def compare(arguments: argparse.Namespace) -> dict[str, Any]:
    from builder.models import cache_folder, load_causal, resolve

    folder = resolve(arguments.model).path
    scorer = load_causal(arguments.model, dtype="float32")
    some = items(scorer.model, scorer.tokenizer, arguments.contexts, 3, arguments.seed)
    say(f"{len(some)} contexts of {mean(len(i['prompt']) for i in some):.0f} tokens on average")
    settings = {
        "beams": 10,
        "max_new_tokens": 32,
        "min_new_tokens": 5,
        "no_repeat_ngram": 3,
        "length_penalty": 0.2,
    }
    ours = {**settings, "max_contexts": arguments.together}
    new = NewSide(folder, arguments.dtype, arguments.threads, ours)
    settings |= {"enders": new.hello["enders"], "early_stopping": arguments.early_stopping}
    python = old_environment(cache_folder() / "bench" / "transformers-4.46")
    with tempfile.TemporaryDirectory() as unpacked:
        old_model(folder, Path(unpacked))
        old = OldSide(python, unpacked, arguments.dtype, arguments.threads)
    say(f"transformers {old.hello['version']} against this package, in turns")
    seconds: dict[str, list[float]] = {"new": [], "old": []}
    peaks: dict[str, int] = {"new": 0, "old": 0}
    outputs: dict[str, list[list[int]]] = {"new": [], "old": []}
    for side, name in ((new, "new"), (old, "old")):
        side.decode(some[: arguments.together], settings)
        say(f"{name}: warm")
    step = -(-len(some) // arguments.rounds)
    for begin in range(0, len(some), step):
        part = some[begin : begin + step]
        for side, name in ((new, "new"), (old, "old")):
            answer = side.decode(part, settings)
            seconds[name].append(answer["seconds"])
            peaks[name] = max(peaks[name], answer["peak"])
            outputs[name] += answer["outputs"]
            say(f"{name}: {len(part) / answer['seconds']:.2f} sentences/s")
    result: dict[str, Any] = {
        "model": arguments.model,
        "dtype": arguments.dtype,
        "threads": arguments.threads,
        "contexts": len(some),
        "contexts_together": arguments.together,
        "transformers_old": old.hello["version"],
        "settings": {k: v for k, v in settings.items() if k != "enders"},
    }
    for side, name in ((new, "new"), (old, "old")):
        result[name] = {
            "sentences_per_second": len(some) / sum(seconds[name]),
            "loaded_bytes": side.hello["loaded"],
            "peak_bytes": peaks[name],
            **summary(scorer.model, some, outputs[name], settings),
        }
    result["ratio"] = result["new"]["sentences_per_second"] / result["old"]["sentences_per_second"]
    result["ratio_of_rounds"] = [
        before / after for before, after in zip(seconds["old"], seconds["new"], strict=True)
    ]
    result["examples"] = [
        {
            "keywords": item["keywords"],
            "new": scorer.tokenizer.decode(outputs["new"][i]),
            "old": scorer.tokenizer.decode(outputs["old"][i]),
        }
        for i, item in enumerate(some[:8])
    ]
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="embedded:smollm2-135m")
    parser.add_argument("--contexts", type=int, default=42)
    parser.add_argument("--rounds", type=int, default=3, help="turns that each side takes")
    parser.add_argument("--together", type=int, default=7, help="contexts decoded together here")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float32"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--early-stopping", action="store_true", help="of the other side")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    result = compare(arguments)
    text = json.dumps(result, indent=2, ensure_ascii=False)
    if arguments.out:
        arguments.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
