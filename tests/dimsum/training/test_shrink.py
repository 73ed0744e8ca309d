"""A smaller student: which layers stay, and that nothing else changes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

from builder.cli import run
from dimsum import Student
from dimsum.training.shrink import choose_by_influence, choose_evenly
from tests.student_toys import toy_pairs, toy_tokenizer, write_jsonl

DEPTH = 6


def model_of(kind: str) -> Any:
    torch.manual_seed(0)
    if kind == "llama":
        sizes = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4}
        return LlamaForCausalLM(LlamaConfig(vocab_size=420, num_hidden_layers=DEPTH, **sizes))
    if kind == "gpt2":
        config = GPT2Config(vocab_size=420, n_embd=32, n_layer=DEPTH, n_head=4, n_positions=256)
        return GPT2LMHeadModel(config)
    counts = {"num_layers": DEPTH, "num_decoder_layers": DEPTH}
    sizes = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_heads": 4}
    config = T5Config(vocab_size=420, decoder_start_token_id=0, **counts, **sizes)
    return T5ForConditionalGeneration(config)


@pytest.fixture
def deep(request: Any, tmp_path: Path) -> Path:
    """A model of six layers, of which the third and the fifth do nothing."""
    model = model_of(request.param)
    for blocks in layers_of(model).values():
        for number in (2, 4):
            for name, weights in blocks[number].named_parameters():
                if weights.dim() > 1 and "relative" not in name:
                    weights.data.zero_()
    model.save_pretrained(tmp_path / "deep")
    ends = {"pad_token": "<pad>", "eos_token": "</s>"}
    toy_tokenizer(("<pad>", "</s>"), **ends).save_pretrained(tmp_path / "deep")
    return tmp_path / "deep"


def layers_of(model: Any) -> dict[str, Any]:
    if hasattr(model, "encoder"):
        return {"encoder": model.encoder.block, "decoder": model.decoder.block}
    inner = model.model.layers if hasattr(model, "model") else model.transformer.h
    return {"decoder": inner}


def logits(student: Student) -> torch.Tensor:
    ids = torch.arange(8, 20)[None]
    more = {"decoder_input_ids": ids} if student.spec.architecture == "seq2seq" else {}
    with torch.inference_mode():
        found: torch.Tensor = student.model(input_ids=ids, **more).logits
    return found


@pytest.mark.parametrize("deep", ["llama", "gpt2", "t5"], indirect=True)
def test_layers_without_influence_go_and_nothing_changes(
    deep: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = write_jsonl(tmp_path / "pairs.jsonl", toy_pairs(12))
    words = ["shrink", str(deep), "--layers", "4", "--data", str(data), "--json"]
    before = Student.from_pretrained(deep, device="cpu", dtype="float32")
    if before.spec.architecture == "seq2seq":
        words += ["--encoder-layers", "4"]
    assert run([*words, "-o", str(tmp_path / "small")]) == 0
    found = json.loads(capfd.readouterr().out)
    assert all(kept == [0, 1, 3, 5] for kept in found["kept_layers"].values())
    assert all(values[2] < 1e-4 < values[1] for values in found["influence"].values())
    after = Student.from_pretrained(tmp_path / "small", device="cpu", dtype="float32")
    torch.testing.assert_close(logits(after), logits(before), rtol=1e-4, atol=1e-5)
    count = sum(p.numel() for p in after.model.parameters())
    assert count == found["parameters"] < found["parameters_before"]
    # The cache of keys and values counts the layers that are left.
    assert after.write(["The dog sleeps."], after.spec.codes[0])
    assert str(tmp_path) not in (tmp_path / "small/student.json").read_text()


@pytest.mark.parametrize("deep", ["llama"], indirect=True)
def test_layers_are_kept_at_even_distances(
    deep: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["shrink", str(deep), "--layers", "3", "-o", str(tmp_path / "s"), "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["kept_layers"] == {"decoder": [0, 3, 5]}
    small, whole = (Student.from_pretrained(one, device="cpu") for one in (tmp_path / "s", deep))
    assert small.model.config.num_hidden_layers == 3
    for number, kept in enumerate((0, 3, 5)):
        one, other = (x.model.model.layers for x in (small, whole))
        assert torch.equal(one[number].mlp.up_proj.weight, other[kept].mlp.up_proj.weight)


def test_which_layers() -> None:
    assert choose_evenly(30, 12) == [0, 3, 5, 8, 11, 13, 16, 18, 21, 24, 26, 29]
    assert choose_evenly(6, 6) == [0, 1, 2, 3, 4, 5]
    assert choose_evenly(6, 1) == [0] and choose_evenly(6, 2) == [0, 5]
    assert choose_by_influence([0.1, 0.9, 0.2, 0.9], 3) == [0, 1, 3]
    assert choose_by_influence([0.1, 0.9, 0.2, 0.9], 1) == [0]


@pytest.mark.parametrize("deep", ["llama"], indirect=True)
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--layers", "7"], "has 6 layers, not 7"),
        (["--layers", "2", "--encoder-layers", "2"], "is a causal model and has no encoder"),
        (["--layers", "2", "--data", "empty.jsonl"], "has no training pair"),
        (["--layers", "0"], "Invalid value for '--layers'"),
    ],
)
def test_what_cannot_be_shrunk(
    deep: Path, words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.jsonl").write_text("")
    assert run(["shrink", str(deep), *words, "-o", "small"]) == 2
    assert message in capfd.readouterr().err
    assert not (tmp_path / "small").exists()
    assert run(["shrink", "a model that is not there", "--layers", "2", "-o", str(deep)]) == 2
    assert "is not empty" in capfd.readouterr().err
