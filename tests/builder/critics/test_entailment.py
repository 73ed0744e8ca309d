from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from builder.cli import run
from builder.config import CriticConfig
from builder.critics import checkpoint, training
from builder.critics.entailment import EntailmentCritic, make_token_batches
from builder.critics.evaluation import summarise, wilson
from builder.critics.folder import WEIGHTS, load_members
from builder.critics.nli_data import NliExample, draw_length_buckets, mix, read_nli
from builder.critics.nli_model import NliModel, find_label_columns
from builder.critics.recipe import CriticRecipe, load_recipe
from builder.critics.training import make_fresh, train
from builder.errors import BuilderError, ConfigError
from dimsum import devices
from dimsum.errors import ModelError, UsageError
from dimsum.lock import LOCK
from tests.forked import start
from tests.toys import make_critic


def load(folder: Path, **options: Any) -> EntailmentCritic:
    return EntailmentCritic.load(
        CriticConfig(model=str(folder), device="cpu", dtype="float32", **options)
    )


PAIRS = [("The dog sleeps.", "A dog sleeps in the old garden."), ("a", "b"), ("The cat", "c d e")]


@given(st.lists(st.integers(1, 50), max_size=60), st.integers(40, 200))
def test_token_batches_cover_once_and_respect_the_limit(lengths: list[int], most: int) -> None:
    batches = make_token_batches(lengths, most)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or max(lengths[i] for i in batch) * len(batch) <= most


def test_labels_are_found_by_name_in_any_order() -> None:
    assert find_label_columns({0: "CONTRADICTION", 1: "Neutral", 2: "entailment"}) == [2, 1, 0]
    assert find_label_columns({0: "entailment", 1: "not_entailment"}) == [0, 1, None]
    with pytest.raises(BuilderError, match="no label of the critic says entailment"):
        find_label_columns({0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"})


@pytest.mark.parametrize("labels", ["contradiction entailment neutral", "neutral ENTAILMENT x"])
def test_the_order_of_labels_changes_nothing(labels: str, tmp_path: Path) -> None:
    critic = load(make_critic(tmp_path / "critic", tuple(labels.split())))
    scores = critic.score([("The court rejected the appeal.", "The court accepted the appeal.")])
    assert scores[0, 0] < 0.5
    assert scores.sum() == pytest.approx(1.0, abs=1e-5)


def test_a_critic_with_swapped_labels_is_refused(toy_critic: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(toy_critic, tmp_path / "swapped")
    path = tmp_path / "swapped/config.json"
    config = json.loads(path.read_text())
    names = config["id2label"]
    names["0"], names["1"] = names["1"], names["0"]
    config["label2id"] = {name: int(i) for i, name in names.items()}
    path.write_text(json.dumps(config))
    with pytest.raises(BuilderError, match=r"the critic .* calls"):
        load(tmp_path / "swapped")


def test_batch_equals_single(toy_critic: Path) -> None:
    critic = load(toy_critic)
    together = critic.score(PAIRS)
    alone = np.concatenate([critic.score([pair]) for pair in PAIRS])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    assert critic.score([]).shape == (0, 3)


def test_out_of_memory_halves_the_batch(toy_critic: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    critic = load(toy_critic)
    expected = critic.score(PAIRS * 5)
    real = NliModel.logits
    sizes = []

    def cramped(self: NliModel, batch: Any) -> torch.Tensor:
        sizes.append(len(batch))
        if len(batch) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, batch)

    monkeypatch.setattr(NliModel, "logits", cramped)
    np.testing.assert_allclose(critic.score(PAIRS * 5), expected, atol=1e-6)
    assert max(sizes) == 15

    def hopeless(self: NliModel, batch: Any) -> torch.Tensor:
        raise MemoryError

    monkeypatch.setattr(NliModel, "logits", hopeless)
    assert np.isnan(critic.score(PAIRS)).all()

    def broken(self: NliModel, batch: Any) -> torch.Tensor:
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(NliModel, "logits", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        critic.score(PAIRS)


def test_missing_and_corrupt_models(tmp_path: Path, toy_critic: Path) -> None:
    import shutil

    with pytest.raises(ModelError, match="no model at"):
        load(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="not a model folder"):
        load(tmp_path / "empty")
    shutil.copytree(toy_critic, tmp_path / "cut")
    weights = tmp_path / "cut/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="could not be loaded"):
        load(tmp_path / "cut")
    weights.unlink()
    with pytest.raises(ModelError, match="no safetensors weights"):
        load(tmp_path / "cut")


def write_nli(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_nli_files(tmp_path: Path) -> None:
    good = {"premise": "a", "hypothesis": "b", "label": "neutral"}
    assert read_nli(write_nli(tmp_path / "g.jsonl", [good]))[0].label == 1
    with pytest.raises(
        UsageError, match=r"bad\.jsonl, line 2, column 'label': 'maybe' is no label"
    ):
        read_nli(write_nli(tmp_path / "bad.jsonl", [good, {**good, "label": "maybe"}]))
    with pytest.raises(UsageError, match="has no example; it is empty"):
        read_nli(write_nli(tmp_path / "none.jsonl", []))
    with pytest.raises(UsageError, match="no file at"):
        read_nli(tmp_path / "missing.jsonl")


def test_mixing_repeats_and_limits(tmp_path: Path) -> None:
    rows = [
        {"premise": f"{source}{i}", "hypothesis": "h", "label": "neutral", "source": source}
        for source, count in (("mnli_x", 4), ("snli_a", 30), ("snli_b", 30), ("other", 3))
        for i in range(count)
    ]
    examples = read_nli(write_nli(tmp_path / "n.jsonl", rows))
    mixed = mix(examples, {"mnli": 3}, {"snli": 10}, seed=0)
    count = {s: sum(e.source.startswith(s) for e in mixed) for s in ("mnli", "snli", "other")}
    assert count == {"mnli": 12, "snli": 10, "other": 3}
    assert mixed == mix(examples, {"mnli": 3}, {"snli": 10}, seed=0)
    assert mixed != mix(examples, {"mnli": 3}, {"snli": 10}, seed=1)


@given(st.lists(st.integers(1, 60), max_size=300), st.integers(1, 16))
def test_length_buckets_cover_once(lengths: list[int], size: int) -> None:
    batches = list(draw_length_buckets(lengths, size, seed=0))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert all(0 < len(batch) <= size for batch in batches)


def test_evaluation_worked_by_hand() -> None:
    scores = np.array(
        [[0.9, 0.1, 0], [0.8, 0.1, 0.1], [0.6, 0.2, 0.2], [0.1, 0.8, 0.1], [0.1, 0.2, 0.7]],
        dtype=np.float32,
    )
    found = summarise(scores, [0, 1, 0, 1, 0], "five", 1.0, pass_rate=0.4)
    assert found.base_rate == 0.6
    assert found.area == pytest.approx((2 + 1 + 0.5) / 6)  # 0.9 above both, 0.1 beside one
    assert summarise(scores, [0] * 5, "all", 1.0).area is None
    assert not found.is_far_from_a_build
    assert found.surest.threshold == pytest.approx(0.8)
    assert (found.surest.passed, found.surest.precision) == (2, 0.5)
    apart = np.repeat(scores, 20, axis=0) - np.arange(100)[:, None] * 1e-4
    labels = [label for label in (0, 1, 0, 1, 0) for _ in range(20)]
    assert summarise(apart, labels, "hundred", 1.0, pass_rate=0.1).is_far_from_a_build
    assert (found.accuracy, found.binary_accuracy, found.rate) == (0.6, 0.6, 5.0)
    point = next(p for p in found.thresholds if p.threshold == 0.75)
    assert (point.passed, point.precision) == (2, 0.5)
    assert point.recall == pytest.approx(1 / 3)
    assert wilson(8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


def test_recipes(tmp_path: Path) -> None:
    assert load_recipe().base.startswith("embedded:")
    assert load_recipe("critic", ("lora_rank=4",)).lora_rank == 4
    with pytest.raises(UsageError, match="did you mean 'epochs'"):
        load_recipe("critic", ("epoch=2",))
    with pytest.raises(UsageError, match="template needs"):
        load_recipe("critic", ("template=x",))
    (tmp_path / "r.yaml").write_text("[]")
    with pytest.raises(UsageError, match="not a mapping"):
        load_recipe(tmp_path / "r.yaml")


@pytest.mark.parametrize("method", ["lora", "full"])
def test_training_learns_and_what_is_saved_scores_the_same(
    method: str, toy_teacher: Path, toy_critic: Path, tmp_path: Path
) -> None:
    lora = method == "lora"
    against, neutral = ("nothing", "maybe") if lora else ("sings", "waits")  # words that it knows
    rows = [
        {"premise": f"The dog eats {a}", "hypothesis": f"The dog eats {b}", "label": label}
        for a in "abcdefgh"
        for b, label in ((a, "entailment"), (against, "contradiction"), (neutral, "neutral"))
    ]
    examples = read_nli(write_nli(tmp_path / "n.jsonl", rows))
    recipe = CriticRecipe(
        base=str(toy_teacher if lora else toy_critic),
        method="lora" if lora else "full",
        template="{premise}\n{hypothesis}\n" if lora else None,
        epochs=80 if lora else 200,  # the last report tells of what comes after the 50th step
        batch_size=24,
        learning_rate=2e-2 if lora else 2e-3,
    )
    steps = []
    critic = train(recipe, examples, tmp_path / "critic", steps.append)
    assert steps[-1].accuracy > 0.8
    assert steps[-1].step == steps[-1].steps == recipe.epochs
    pairs = [(e.premise, e.hypothesis) for e in examples]
    with torch.inference_mode():
        before = critic.logits(critic.encode(pairs)).softmax(-1).numpy()
    loaded = load_members(str(tmp_path / "critic"), torch.device("cpu"), torch.float32)
    after = EntailmentCritic(loaded, 4096, "", "").score(pairs)
    assert np.abs(after - before).max() < 0.05  # bfloat16 in training, float32 now
    assert (after.argmax(1) == before.argmax(1)).mean() > 0.95
    more = recipe.model_copy(update={"start": str(tmp_path / "critic"), "epochs": 1})
    train(more, examples, tmp_path / "more", steps.append)
    assert steps[-1].accuracy > 0.8  # one step from a new head would be near a third
    first, second = json.loads((tmp_path / "more/critic.json").read_text())["trainings"]
    assert (first["epochs"], first["start"]) == (recipe.epochs, None)
    assert (second["epochs"], second["start"]) == (1, "critic")


def test_going_on_from_a_critic_of_another_shape_is_refused(
    toy_teacher: Path, toy_critic: Path, tmp_path: Path
) -> None:
    rows = [{"premise": "a", "hypothesis": "b", "label": "neutral"}]
    examples = read_nli(write_nli(tmp_path / "n.jsonl", rows))
    recipe = CriticRecipe(base=str(toy_teacher), start=str(toy_critic))
    with pytest.raises(ConfigError, match="is no adapter"):
        train(recipe, examples, tmp_path / "x")
    train(recipe.model_copy(update={"start": None}), examples, tmp_path / "one")
    other = recipe.model_copy(update={"start": str(tmp_path / "one"), "layers": 1})
    with pytest.raises(ConfigError, match="other layers"):
        train(other, examples, tmp_path / "y")


def test_a_training_that_was_cut_ends_with_the_same_weights(
    toy_critic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {"premise": f"The dog eats {a}", "hypothesis": f"The dog {b}", "label": label}
        for a in "abcdef"
        for b, label in (("eats", "entailment"), ("sings", "contradiction"))
    ]
    examples = read_nli(write_nli(tmp_path / "n.jsonl", rows))
    recipe = CriticRecipe(
        base=str(toy_critic), method="full", template=None, batch_size=4, epochs=4, dropout=0.3
    )
    train(recipe, examples, tmp_path / "whole")
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", 0.0)
    taken = training.MasterWeights.step
    for cut in (5, 4):  # the second time it has gone on and is cut again
        left = iter(range(cut))

        def step(self: training.MasterWeights, left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise KeyboardInterrupt
            taken(self)

        monkeypatch.setattr(training.MasterWeights, "step", step)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, examples, tmp_path / "cut")
        assert not (tmp_path / "cut/critic.json").exists()
    monkeypatch.setattr(training.MasterWeights, "step", taken)
    with pytest.raises(ConfigError, match="another recipe or other data"):
        train(recipe.model_copy(update={"learning_rate": 1e-5}), examples, tmp_path / "cut")
    with pytest.raises(ConfigError, match="another recipe or other data"):
        train(recipe, examples[1:], tmp_path / "cut")
    steps: list[training.Step] = []
    train(recipe, examples, tmp_path / "cut", steps.append)
    assert steps[-1].step == 12
    files = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert sorted(path.name for path in (tmp_path / "cut").iterdir()) == files
    for name in files:
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.parametrize(("speedup", "dtype"), [(5.0, "bfloat16"), (0.1, "float32")])
def test_a_critic_computes_in_the_faster_dtype_and_is_saved_in_bfloat16(
    speedup: float, dtype: str, toy_critic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "measure_bf16_speedup", lambda: speedup)
    examples = [NliExample("The dog eats", f"The dog {word}", 0) for word in ("eats", "sings")]
    recipe = CriticRecipe(
        base=str(toy_critic), method="full", template=None, batch_size=1, learning_rate=1e-2
    )
    critic = train(recipe, examples, tmp_path / "critic")
    assert {str(weight.dtype) for weight in critic.model.parameters()} == {f"torch.{dtype}"}
    saved = load_file(tmp_path / "critic/model.safetensors")
    assert {weight.dtype for weight in saved.values()} == {torch.bfloat16}
    assert all((critic.model.state_dict()[name] == saved[name]).all() for name in saved)
    assert any((make_fresh(recipe).model.state_dict()[name] != saved[name]).any() for name in saved)
    about = json.loads((tmp_path / "critic/critic.json").read_text())
    assert about["trainings"][0]["dtype"] == dtype


def train_until_a_checkpoint(words: list[str]) -> None:
    """End at once where the first checkpoint would get its name."""
    training.CHECKPOINT_SECONDS = 0.0
    Path.replace = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[method-assign,assignment]
    run(words)


def test_a_training_that_died_in_its_first_checkpoint_goes_on(
    toy_critic: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"premise": "a", "hypothesis": "b", "label": "neutral"}] * 8
    data = write_nli(tmp_path / "n.jsonl", rows)
    critic = tmp_path / "critic"
    words = ["critic", "train", str(data), "-o", str(critic), "--set", f"base={toy_critic}"]
    words += ["--set", "method=full", "--set", "template=null", "--set", "batch_size=4"]
    words += ["--set", "layers=null"]
    died = start(train_until_a_checkpoint, words)
    died.join()
    assert died.exitcode == -signal.SIGKILL
    (left,) = (path for path in critic.iterdir() if path.name != LOCK)
    assert left.name.startswith(f".{checkpoint.FILE}.")
    (critic / "notes.txt").write_text("mine")
    assert run(words) == 2
    assert "is not empty" in capsys.readouterr().err
    (critic / "notes.txt").unlink()
    assert run(words) == 0
    assert not any(checkpoint.FILE in path.name for path in critic.iterdir())
    assert load(critic) is not None


def test_a_place_that_cannot_be_written_is_found_first(
    toy_critic: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`/proc` takes no folder, whoever asks."""
    for words in (
        ["critic", "train", str(tmp_path / "nosuch.jsonl"), "-o", "/proc/critic"],
        ["train", str(tmp_path / "nosuch.jsonl"), "-o", "/proc/student"],
    ):
        assert run(words) == 1
        assert f"cannot write {words[-1]}" in capsys.readouterr().err
    rows = [{"premise": "a", "hypothesis": "b", "label": "neutral"}]
    data = str(write_nli(tmp_path / "n.jsonl", rows))
    kept = tmp_path / "kept"
    shutil.copytree(toy_critic, kept)
    (kept / "evaluation.json").mkdir()
    assert run(["critic", "evaluate", str(kept), data, "--save"]) == 2
    assert "evaluation.json is a folder" in capsys.readouterr().err


def test_limits_that_leave_no_example(toy_critic: Path, tmp_path: Path) -> None:
    rows = [{"premise": "a", "hypothesis": "b", "label": "neutral", "source": "x"}]
    examples = read_nli(write_nli(tmp_path / "n.jsonl", rows))
    recipe = CriticRecipe(base=str(toy_critic), method="full", template=None, limit={"x": 0})
    with pytest.raises(ConfigError, match="leave no example"):
        train(recipe, examples, tmp_path / "x")


def test_a_checkpoint_that_cannot_be_read(toy_critic: Path, tmp_path: Path) -> None:
    rows = [{"premise": "a", "hypothesis": "b", "label": "neutral"}]
    examples = read_nli(write_nli(tmp_path / "n.jsonl", rows))
    recipe = CriticRecipe(base=str(toy_critic), method="full", template=None)
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / checkpoint.FILE).write_bytes(b"no weights")
    with pytest.raises(ConfigError, match="cannot be read"):
        train(recipe, examples, tmp_path / "x")


def test_frozen_embeddings_stay_and_dropout_is_the_recipes(
    toy_critic: Path, tmp_path: Path
) -> None:
    rows = [{"premise": "The dog eats", "hypothesis": "The dog sings", "label": "neutral"}]
    examples = read_nli(write_nli(tmp_path / "n.jsonl", rows))
    recipe = CriticRecipe(base=str(toy_critic), method="full", template=None, learning_rate=1e-1)
    given = make_fresh(recipe).model.get_input_embeddings().weight.clone()
    for frozen in (False, True):
        changed = recipe.model_copy(update={"frozen_embeddings": frozen, "dropout": 0.25})
        critic = train(changed, examples, tmp_path / str(frozen))
        assert torch.equal(critic.model.get_input_embeddings().weight, given) is frozen
        rates = {m.p for m in critic.model.modules() if isinstance(m, torch.nn.Dropout)}
        assert rates == {0.25}
    usual = {m.p for m in make_fresh(recipe).model.modules() if isinstance(m, torch.nn.Dropout)}
    assert usual != {0.25}


def made_of(tmp_path: Path, toy_teacher: Path, toy_critic: Path) -> tuple[Path, Path]:
    """An adapter and an encoder that keeps its base's embeddings, barely trained."""
    rows = [{"premise": "The dog eats", "hypothesis": "The dog sings", "label": "neutral"}]
    examples = read_nli(write_nli(tmp_path / "n.jsonl", rows))
    adapter = CriticRecipe(base=str(toy_teacher), template="{premise} {hypothesis}", epochs=3)
    encoder = CriticRecipe(
        base=str(toy_critic), method="full", template=None, frozen_embeddings=True
    )
    train(adapter, examples, tmp_path / "adapter")
    train(encoder, examples, tmp_path / "encoder")
    return tmp_path / "adapter", tmp_path / "encoder"


def scores_of(folder: Path) -> Any:
    members = load_members(str(folder), torch.device("cpu"), torch.float32)
    return EntailmentCritic(members, 1024, "", "").score(PAIRS)


def test_frozen_embeddings_are_not_saved_and_come_from_the_base(
    toy_teacher: Path, toy_critic: Path, tmp_path: Path
) -> None:
    _, encoder = made_of(tmp_path, toy_teacher, toy_critic)
    (loaded,) = load_members(str(encoder), torch.device("cpu"), torch.bfloat16)
    (base,) = load_members(str(toy_critic), torch.device("cpu"), torch.bfloat16)
    size = (encoder / WEIGHTS).stat().st_size
    assert size < (toy_critic / WEIGHTS).stat().st_size / 2
    given = base.model.get_input_embeddings().weight
    assert torch.equal(loaded.model.get_input_embeddings().weight, given)
    recipe = CriticRecipe.model_validate(
        json.loads((encoder / "critic.json").read_text())["trainings"][0]
    )
    more = make_fresh(recipe.model_copy(update={"start": str(encoder)}))
    (again,) = load_members(str(encoder), torch.device("cpu"), more.model.dtype)
    for name, weight in more.model.state_dict().items():
        assert torch.equal(weight, again.model.state_dict()[name]), name
    save_file({"score.weight": torch.zeros(3, 8)}, encoder / WEIGHTS)
    with pytest.raises(BuilderError, match="another model than its base"):
        scores_of(encoder)


def test_two_critics_in_one_folder_judge_together(
    toy_teacher: Path, toy_critic: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter, encoder = made_of(tmp_path, toy_teacher, toy_critic)
    assert run(["critic", "join", str(adapter), str(encoder), "-o", str(tmp_path / "both")]) == 0
    some, others = scores_of(adapter), scores_of(encoder)
    assert np.abs(some - others).max() > 0.01
    product = np.sqrt(some * others)
    expected = product / product.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(scores_of(tmp_path / "both"), expected, atol=1e-6)
    for first, second, complaint in (
        ("encoder", "adapter", "is no encoder with its base's embeddings"),
        ("both", "encoder", "made of two itself"),
        ("adapter", "../toy", "was not made by"),
    ):
        words = [str(tmp_path / first), str(tmp_path / second), "-o", str(tmp_path / "new")]
        words = [str(toy_critic) if word.endswith("toy") else word for word in words]
        assert run(["critic", "join", *words]) == 2
        assert complaint in capsys.readouterr().err
        assert not (tmp_path / "new").exists()
    assert run(["critic", "join", str(adapter), str(encoder), "-o", str(tmp_path / "both")]) == 2


def test_training_goes_on_from_the_member_of_an_ensemble_over_its_base(
    toy_teacher: Path, toy_critic: Path, tmp_path: Path
) -> None:
    alone = made_of(tmp_path, toy_teacher, toy_critic)
    both = str(tmp_path / "both")
    assert run(["critic", "join", *map(str, alone), "-o", both]) == 0
    rows = [{"premise": "The dog eats", "hypothesis": "The dog sings", "label": "entailment"}]
    examples = read_nli(write_nli(tmp_path / "more.jsonl", rows))
    for folder in alone:
        before = json.loads((folder / "critic.json").read_text())["trainings"]
        recipe = CriticRecipe.model_validate({**before[0], "start": str(folder)})
        expected = make_fresh(recipe).model.state_dict()
        found = make_fresh(recipe.model_copy(update={"start": both}))
        for name, weight in found.model.state_dict().items():
            if "original_module" not in name:  # the new head that peft puts its own before
                assert torch.equal(weight, expected[name]), name
        output = tmp_path / f"{folder.name}-on"
        train(recipe.model_copy(update={"start": both}), examples, output)
        after = json.loads((output / "critic.json").read_text())["trainings"]
        assert after[:-1] == before
        assert after[-1]["start"] == "both"
    wrong = recipe.model_copy(update={"base": str(toy_teacher), "start": both})
    with pytest.raises(ConfigError, match="another base than the recipe"):
        make_fresh(wrong)


def test_the_slower_critic_is_asked_where_the_other_does_not_rule_entailment_out(
    toy_teacher: Path, toy_critic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter, encoder = made_of(tmp_path, toy_teacher, toy_critic)
    slow, quick = scores_of(adapter), scores_of(encoder)
    line = float(np.sort(quick[:, 0])[:2].mean())
    words = ["critic", "join", str(adapter), str(encoder), "-o", str(tmp_path / "both")]
    assert run([*words, "--alone-below", str(line)]) == 0
    asked: list[str | None] = []
    plain = EntailmentCritic._log_scores

    def noted(self: EntailmentCritic, model: Any, pairs: Any, tick: Any) -> Any:
        asked.extend([model.spec.template] * len(pairs))
        return plain(self, model, pairs, tick)

    monkeypatch.setattr(EntailmentCritic, "_log_scores", noted)
    found = scores_of(tmp_path / "both")
    alone = quick[:, 0] < line
    assert alone.sum() == 1
    assert (len(asked), asked.count(None)) == (len(alone) + (~alone).sum(), len(alone))
    product = np.sqrt(slow * quick)
    expected = np.where(alone[:, None], quick, product / product.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(found, expected, atol=1e-6)
