"""The critic by transformers, ONNX Runtime and OpenVINO: pairs a second, and what they decide.

    python scripts/bench/critic_engines.py RUN [--pairs 600] [--chunk 100] [--threads 1]

RUN is a run whose stage `pairs` is there; its first pairs are judged, both ways, by one critic
whose packed rows, batches and windows are the same for all. Only the forward pass is another: the
model as transformers computes it (with prepacked weights where a build would), the same exported by
`torch.onnx`, and the same converted by OpenVINO. Engines take turns chunk by chunk, in another
order each time. Install onnxruntime, onnx, onnxscript and openvino beside this project; what is not
there is left out.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch

from builder.config import CriticConfig
from builder.critics.entailment import EntailmentCritic
from builder.critics.nli_model import Encoded, NliModel
from builder.critics.packing import pack
from builder.store import Run, read_table

Forward = Callable[..., Any]
"""From the arrays of a batch to class logits: of every token of packed rows, or of every row."""
THRESHOLDS = (0.5, 0.75, 0.9, 0.95)


class Causal(torch.nn.Module):
    """A causal critic over packed rows, its head at every token."""

    def __init__(self, model: NliModel) -> None:
        super().__init__()
        self.body, self.score = model.body, model.classifier.score

    def forward(self, ids: Any, positions: Any, mask: Any) -> Any:
        hidden = self.body(
            input_ids=ids, position_ids=positions, attention_mask=mask, use_cache=False
        ).last_hidden_state
        return self.score(hidden)


class Encoder(torch.nn.Module):
    """An encoder over padded pairs."""

    def __init__(self, model: NliModel, names: Sequence[str]) -> None:
        super().__init__()
        self.classifier, self.names = model.classifier, list(names)

    def forward(self, *inputs: Any) -> Any:
        return self.classifier(**dict(zip(self.names, inputs, strict=True))).logits


def make_example(model: NliModel) -> tuple[torch.nn.Module, tuple[torch.Tensor, ...], list[str]]:
    """A model to export, inputs to trace it with, and their names."""
    pairs = [("A dog ran home.", "A dog ran."), ("A dog ran home.", "It was a dog that ran there.")]
    encoded = model.encode(pairs)
    if model.spec.template is None:
        batch = model.tokenizer.pad(
            {key: [row[key] for row in encoded] for key in encoded[0]}, return_tensors="pt"
        )
        names = list(batch)
        return Encoder(model, names), tuple(batch[name] for name in names), names
    rows = [[list(row["input_ids"]) for row in encoded], [list(encoded[1]["input_ids"])]]
    packed = pack(rows, model.tokenizer.pad_token_id, torch.float32)
    names = ["ids", "positions", "mask"]
    return Causal(model), (packed.ids, packed.positions, packed.mask), names


def by_onnxruntime(model: NliModel, threads: int, folder: Path) -> Forward:
    """The model exported and run by ONNX Runtime."""
    import onnxruntime

    module, inputs, names = make_example(model)
    path = folder / f"{id(model)}.onnx"
    axes = {
        name: dict(enumerate(f"{name}{i}" for i in range(x.ndim)))
        for name, x in zip(names, inputs, strict=True)
    }
    if "mask" in axes:
        axes["mask"].pop(1)
    torch.onnx.export(
        module.eval(),
        inputs,
        path,
        input_names=names,
        output_names=["logits"],
        dynamic_axes=axes,
        dynamo=False,
        opset_version=18,
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def forward(*arrays: torch.Tensor) -> Any:
        given = dict(zip(names, (a.numpy() for a in arrays), strict=True))
        return torch.from_numpy(session.run(None, given)[0])

    return forward


def by_openvino(model: NliModel, threads: int, folder: Path) -> Forward:
    """The model converted and run by OpenVINO, in float32."""
    import openvino

    module, inputs, _ = make_example(model)
    converted = openvino.convert_model(module.eval(), example_input=inputs)
    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(converted, "CPU", settings)

    def forward(*arrays: torch.Tensor) -> Any:
        return torch.from_numpy(compiled([a.numpy() for a in arrays])[0])

    return forward


class Elsewhere(NliModel):
    """A member of a critic whose forward pass another engine computes."""

    def __init__(self, model: NliModel, forward: Forward) -> None:
        super().__init__(model.model, model.tokenizer, model.spec)
        self.forward = forward

    def packed_logits(self, groups: Sequence[Sequence[Encoded]]) -> torch.Tensor:
        if self.spec.template is None:
            rows = [row for group in groups for row in group]
            batch = self.tokenizer.pad(
                {key: [row[key] for row in rows] for key in rows[0]},
                return_tensors="pt",
                pad_to_multiple_of=8,
            )
            return self._reorder(self.forward(*(batch[key] for key in batch)))
        texts = [[list(row["input_ids"]) for row in group] for group in groups]
        packed = pack(texts, self.tokenizer.pad_token_id, torch.float32)
        found = self.forward(packed.ids, packed.positions, packed.mask)
        return self._reorder(found[packed.ends])


def read_pairs(folder: Path, most: int) -> list[tuple[str, str]]:
    """The first pairs of a run, each both ways."""
    run, found = Run.open(folder), list[tuple[str, str]]()
    for shard in range(1000):
        path = run.path("pairs", shard)
        if len(found) >= 2 * most or not path.exists():
            break
        table = read_table(path, ["source", "target"])
        both = list(zip(*(table[name].to_pylist() for name in table.column_names), strict=True))
        found += both + [(b, a) for a, b in both]
    return found[: 2 * most]


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--critic", default="embedded:critic")
    parser.add_argument("--pairs", type=int, default=600)
    parser.add_argument("--chunk", type=int, default=200, help="directions of a turn")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    config = CriticConfig(model=asked.critic, dtype="float32", batch_tokens=1024)
    # Exported from weights that are not prepacked, which no exporter knows.
    plain = EntailmentCritic.load(config.model_copy(update={"prepacked": "off"}))
    critics = {"transformers": EntailmentCritic.load(config)}
    with tempfile.TemporaryDirectory() as folder:
        for name, export in {"onnxruntime": by_onnxruntime, "openvino": by_openvino}.items():
            try:
                with torch.inference_mode():
                    models = [
                        Elsewhere(m, export(m, asked.threads, Path(folder))) for m in plain.models
                    ]
            except ImportError as error:
                print(f"{name} is not installed: {error}", file=sys.stderr)
                continue
            critics[f"{name} {version(name)}"] = EntailmentCritic(
                models, config.batch_tokens, plain.identity, name
            )
    pairs = read_pairs(asked.run, asked.pairs)
    scores: dict[str, list[Any]] = {name: [] for name in critics}
    spent = dict.fromkeys(critics, 0.0)
    names = list(critics)
    for number, start in enumerate(range(0, len(pairs), asked.chunk)):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            began = time.process_time()
            scores[name].append(critics[name].score(pairs[start : start + asked.chunk])[:, 0])
            spent[name] += time.process_time() - began
    found = {name: np.concatenate(parts) for name, parts in scores.items()}
    ours = found["transformers"]
    for name, values in found.items():
        print(
            json.dumps(
                {
                    "engine": name,
                    "directions": len(pairs),
                    "processor_seconds": round(spent[name], 1),
                    "times_as_fast": round(spent["transformers"] / spent[name], 3),
                    "largest_difference": float(np.abs(values - ours).max()),
                    "other_decisions": {
                        f">= {least}": int(((values >= least) != (ours >= least)).sum())
                        for least in THRESHOLDS
                    },
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
