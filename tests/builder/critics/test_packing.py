from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer, LlamaConfig, LlamaForSequenceClassification

from builder.critics.entailment import EntailmentCritic
from builder.critics.nli_data import LABELS
from builder.critics.nli_model import NliModel
from builder.critics.packing import ROW_TOKENS, count_common, count_packed, group_texts, pack
from builder.critics.spec import CriticSpec
from tests.toys import sentence

TEXT = st.lists(st.integers(0, 3), min_size=1, max_size=12)


@given(st.lists(TEXT, min_size=1, max_size=8))
def test_the_common_beginning_leaves_something_of_every_text(texts: list[list[int]]) -> None:
    shared = count_common(texts)
    heads = {tuple(text[:shared]) for text in texts}
    assert len(heads) == 1
    assert all(len(text) > shared for text in texts)
    following = {text[shared] for text in texts}
    assert len(following) > 1 or min(map(len, texts)) == shared + 1
    assert count_packed(texts) == shared + sum(len(text) - shared for text in texts)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(2, 140)), max_size=30))
def test_groups_hold_every_text_once_and_fit_a_row(shapes: list[tuple[str, int]]) -> None:
    texts = [[ord(key)] + [index] * (size - 1) for index, (key, size) in enumerate(shapes)]
    groups = group_texts([key for key, _ in shapes], texts)
    assert sorted(index for group in groups for index in group) == list(range(len(texts)))
    for group in groups:
        assert len({shapes[index][0] for index in group}) == 1
        assert len(group) == 1 or count_packed([texts[i] for i in group]) <= ROW_TOKENS


def test_a_tail_sees_the_head_and_itself() -> None:
    packed = pack([[[7, 8, 1], [7, 8, 2, 3]]], padding=0, dtype=torch.float32)
    assert packed.ids[0, :5].tolist() == [7, 8, 1, 2, 3]
    assert packed.positions[0, :5].tolist() == [0, 1, 2, 2, 3]
    assert [end.tolist() for end in packed.ends] == [[0, 0], [2, 4]]
    seen = (packed.mask[0, 0, :5, :5] == 0).int().tolist()
    assert seen == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [1, 1, 0, 1, 0],
        [1, 1, 0, 1, 1],
    ]


@pytest.fixture
def critic(toy_teacher: Path) -> EntailmentCritic:
    torch.manual_seed(1)
    tokenizer = AutoTokenizer.from_pretrained(toy_teacher)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        pad_token_id=tokenizer.pad_token_id,
        num_labels=3,
        id2label=dict(enumerate(LABELS)),
    )
    model = LlamaForSequenceClassification(config).eval()
    torch.nn.init.normal_(model.score.weight, std=1.0)
    spec = CriticSpec(base="toy", template="{premise}\nSo: {hypothesis}\nTrue?")
    return EntailmentCritic([NliModel(model, tokenizer, spec)], 1024, "toy", "toy")


def test_packed_scores_are_those_of_the_texts_alone(critic: EntailmentCritic) -> None:
    rng = random.Random(0)
    premises = [sentence(rng) for _ in range(4)]
    pairs = [(rng.choice(premises), sentence(rng)) for _ in range(60)]
    together = critic.score(pairs)
    assert together.std(axis=0).max() > 0.01  # the toy has opinions to get wrong
    with torch.inference_mode():
        (model,) = critic.models
        alone = [model.logits([row]).softmax(-1) for row in model.encode(pairs)]
    np.testing.assert_allclose(together, torch.cat(alone).numpy(), atol=1e-5)


def test_fewer_tokens_are_read_than_the_texts_have(critic: EntailmentCritic) -> None:
    pairs = [("The old dog sleeps near the river with Anna.", f"Mary eats {i}.") for i in range(9)]
    read: list[int] = []
    critic.score(pairs, read.append)
    assert sum(read) < 0.7 * sum(len(row["input_ids"]) for row in critic.models[0].encode(pairs))


def test_out_of_memory_breaks_a_row_open(
    critic: EntailmentCritic, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [("The dog sleeps.", f"Mary eats {i}.") for i in range(6)]
    expected = critic.score(pairs)
    whole = critic.models[0].packed_logits
    most: list[int] = []

    def tight(groups: list[list[dict[str, list[int]]]]) -> torch.Tensor:
        most.append(max(map(len, groups)))
        if most[-1] > 2:
            raise torch.OutOfMemoryError("out of memory")
        return whole(groups)

    monkeypatch.setattr(critic.models[0], "packed_logits", tight)
    np.testing.assert_allclose(critic.score(pairs), expected, atol=1e-5)
    assert max(most) == 6
