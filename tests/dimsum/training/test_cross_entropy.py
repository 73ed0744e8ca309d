"""The loss of the targets: where the head reads, smoothing, weights of pairs."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from builder.cli import run
from dimsum import Student
from dimsum.objectives.settings import GKD, CrossEntropy
from dimsum.pairs import Columns, Data, read_pairs
from dimsum.training.examples import (
    IGNORED,
    Collator,
    Encoding,
    Examples,
    encode_pairs,
    hash_examples,
)
from dimsum.training.train import train
from dimsum.training.trainer import CausalTrainer, SequenceTrainer
from tests.dimsum.training.test_train import curve, small
from tests.student_toys import toy_pairs, write_jsonl

TRAINERS: dict[str, Any] = {"toy_t5": SequenceTrainer, "toy_llama": CausalTrainer}


@pytest.fixture(params=list(TRAINERS))
def trainer(request: Any) -> Any:
    """A trainer that has its student and can be asked for a loss."""
    folder = request.getfixturevalue(request.param)
    found = TRAINERS[request.param].__new__(TRAINERS[request.param])
    found.student = Student.from_pretrained(folder, device="cpu", dtype="float32")
    found.args = SimpleNamespace(average_tokens_across_devices=False)
    return found


def batch_of(trainer: Any, weights: list[float] | None = None) -> dict[str, torch.Tensor]:
    student = trainer.student
    causal = student.spec.architecture == "causal"
    pairs = read_pairs(toy_pairs(9), Columns(), "toys")
    made = Examples(encode_pairs(student, pairs, 60, Encoding()), causal=causal)
    if weights is not None:
        made.weights = np.asarray(weights, dtype=np.float32)
    return Collator(student.tokenizer)([made[i] for i in range(9)])


def logs_by_row(trainer: Any, batch: dict[str, torch.Tensor]) -> list[tuple[Any, Any]]:
    """Log-probabilities of every token at the targets of each row, and the targets."""
    causal = trainer.student.spec.architecture == "causal"
    whole = trainer.student.model(**{k: v for k, v in batch.items() if k != "weights"}).logits
    found = []
    for logits, labels in zip(whole.log_softmax(-1), batch["labels"], strict=True):
        if causal:
            logits, labels = logits[:-1], labels[1:]
        there = labels != IGNORED
        found.append((logits[there], labels[there]))
    return found


def loss_of(trainer: Any, batch: dict[str, torch.Tensor], *, training: bool) -> float:
    model = trainer.student.model.eval()
    model.training = training  # of the model alone: dropout stays off
    with torch.no_grad():
        return float(trainer.compute_loss(model, dict(batch)))


def test_the_head_reads_targets_only_and_the_loss_is_the_models_own(trainer: Any) -> None:
    model, batch = trainer.student.model, batch_of(trainer)
    read: list[int] = []
    head = model.get_output_embeddings()
    handle = head.register_forward_hook(lambda _, given, out: read.append(out.shape[-2]))
    loss = loss_of(trainer, batch, training=False)
    handle.remove()
    with torch.no_grad():
        assert loss == pytest.approx(model(**batch).loss.item(), rel=1e-6)
    assert read == [int((batch["labels"] != IGNORED).sum())]


def test_smoothing_spreads_a_share_over_the_vocabulary(trainer: Any) -> None:
    batch = batch_of(trainer)
    trainer.smoothing = 0.2
    expected, count = 0.0, 0
    with torch.no_grad():
        trainer.student.model.eval()
        for logs, labels in logs_by_row(trainer, batch):
            for row, label in zip(logs, labels, strict=True):
                expected -= 0.8 * row[label].item() + 0.2 * row.mean().item()
                count += 1
    assert loss_of(trainer, batch, training=True) == pytest.approx(expected / count, rel=1e-5)


def test_a_pairs_weight_multiplies_its_tokens(trainer: Any) -> None:
    weights = [0.0, 3.0, 1.0, 0.5, 0.5, 1.0, 1.0, 2.0, 0.0]
    batch = batch_of(trainer, weights)
    expected, count = 0.0, 0
    with torch.no_grad():
        trainer.student.model.eval()
        for weight, (logs, labels) in zip(weights, logs_by_row(trainer, batch), strict=True):
            expected -= weight * logs.gather(1, labels[:, None]).sum().item()
            count += len(labels)
    assert loss_of(trainer, batch, training=True) == pytest.approx(expected / count, rel=1e-5)


def test_a_validation_is_plain(trainer: Any) -> None:
    plain = loss_of(trainer, batch_of(trainer), training=False)
    trainer.smoothing = 0.3
    assert loss_of(trainer, batch_of(trainer, [2.0] * 9), training=False) == plain


def weighted(folder: Path, weights: list[Any]) -> Data:
    folder.mkdir()
    rows = [{**row, "p": weight} for row, weight in zip(toy_pairs(48), weights, strict=True)]
    write_jsonl(folder / "train.jsonl", rows)
    write_jsonl(folder / "validation.jsonl", [{**row, "p": 1} for row in toy_pairs(12, seed=1)])
    return Data(str(folder))


def test_weights_count_by_their_ratio(toy_llama: Path, tmp_path: Path) -> None:
    """Equal ones change nothing; with half the pairs at 0, the others count twice."""
    train(
        weighted(tmp_path / "data", [0.25] * 48),
        small(toy_llama, objective={"kind": "cross_entropy", "weight_column": "p"}),
        tmp_path / "equal",
        device="cpu",
    )
    train(Data(str(tmp_path / "data")), small(toy_llama), tmp_path / "plain", device="cpu")
    assert curve(tmp_path / "equal") == curve(tmp_path / "plain")
    train(
        weighted(tmp_path / "half", [0, 1] * 24),
        small(toy_llama, objective={"kind": "cross_entropy", "weight_column": "p"}),
        tmp_path / "of half",
        device="cpu",
    )
    assert curve(tmp_path / "of half") != curve(tmp_path / "plain")


def test_weights_are_part_of_what_the_examples_are() -> None:
    rows = [([1], [2]), ([3], [4])]
    one, other = Examples(rows, causal=True), Examples(rows, causal=True)
    assert hash_examples(one) == hash_examples(other)
    other.weights = np.asarray([0.5, 1.5], dtype=np.float32)
    assert hash_examples(one) != hash_examples(other)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("much", "row 5, has the weight 'much' in 'p'"),
        (-0.5, "row 5, has the weight -0.5 in 'p'"),
        (None, "row 5, has the weight None in 'p'"),
        (True, "row 5, has the weight True in 'p'"),
    ],
)
def test_a_weight_that_is_none_is_refused(
    value: Any, said: str, toy_llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = [1.0] * 48
    weights[4] = value
    assert refuse(weighted(tmp_path / "data", weights), "p", toy_llama, tmp_path) == 2
    error = capsys.readouterr().err
    assert said.replace("row", "line") in error
    assert error.count("\n") == 2


def test_a_column_of_zeros_or_none_is_refused(
    toy_llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = weighted(tmp_path / "data", [0.0] * 48)
    assert refuse(data, "p", toy_llama, tmp_path) == 2
    assert "'p' is 0 in all" in capsys.readouterr().err
    assert refuse(data, "validity", toy_llama, tmp_path) == 2
    assert "no column 'validity'" in capsys.readouterr().err


def refuse(data: Data, column: str, student: Path, folder: Path) -> int:
    settings = json.dumps({"kind": "cross_entropy", "weight_column": column})
    words = ["train", data.reference, "--student", str(student), "-o", str(folder / "out")]
    return run([*words, "--set", f"objective={settings}", "--device", "cpu", "--quiet"])


def test_the_card_says_smoothing_and_weights(toy_llama: Path, tmp_path: Path) -> None:
    objective = {"kind": "cross_entropy", "smoothing": 0.1, "weight_column": "p"}
    data = weighted(tmp_path / "data", [1.0] * 48)
    train(data, small(toy_llama, objective=objective, epochs=1), tmp_path / "out", device="cpu")
    card = " ".join((tmp_path / "out" / "README.md").read_text().split())
    assert (
        "cross-entropy, smoothed by 0.1, on the targets, each weighted by its column p, of" in card
    )


def test_a_column_of_weights_is_no_mapping_of_weights() -> None:
    """Two settings of one name would be told apart by their kind alone."""
    shared = set(CrossEntropy.model_fields) & set(GKD.model_fields)
    assert shared == {"kind"}
    with pytest.raises(ValidationError):
        CrossEntropy.model_validate({"weights": "p"})
