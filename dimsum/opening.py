"""Opening a model that is, or is to become, a student."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dimsum.errors import UsageError
from dimsum.models import Resolved, explain_loading, load_pretrained
from dimsum.prompts import Architecture
from dimsum.spec import SPEC_FILE, StudentSpec, read_spec

if TYPE_CHECKING:
    import torch


def open_model(resolved: Resolved, dtype: torch.dtype) -> tuple[Any, Any, Architecture]:
    """Model, tokenizer and architecture of a reference, on the CPU.

    Raises:
        UsageError: the model generates no text.
        ModelError: it is missing, corrupt or cannot be fetched.
    """
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    architecture = find_architecture(resolved)
    kind = AutoModelForSeq2SeqLM if architecture == "seq2seq" else AutoModelForCausalLM
    model, tokenizer = load_pretrained(kind, resolved, dtype)
    if tokenizer.eos_token_id is None:
        raise UsageError(
            f"{resolved.reference} has no end-of-sequence token",
            hint="it could never end an output: set eos_token in its tokenizer",
        )
    return model, tokenizer, architecture


def find_architecture(resolved: Resolved) -> Architecture:
    """seq2seq or causal, from the model's configuration alone.

    Raises:
        UsageError: neither.
        ModelError: there is no configuration.
    """
    from transformers import AutoConfig

    with explain_loading(resolved.reference):
        config = AutoConfig.from_pretrained(resolved.path, **resolved.arguments())
    return read_architecture(config, resolved.reference)


def read_architecture(config: Any, name: str, role: str = "student") -> Architecture:
    """seq2seq or causal, as transformers maps the configuration.

    Args:
        role: what the model is to be, for the message.

    Raises:
        UsageError: a model that generates no text.
    """
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING

    named = list(config.architectures or ())
    if type(config) in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING and config.is_encoder_decoder:
        return "seq2seq"
    writes = not named or any("LM" in one and "MaskedLM" not in one for one in named)
    if type(config) in MODEL_FOR_CAUSAL_LM_MAPPING and writes:
        return "causal"
    other = "a sequence-to-sequence or " if role == "student" else ""
    raise UsageError(
        f"{name} generates no text (its architecture is {' '.join(named) or config.model_type})",
        hint=f"a {role} is {other}a causal language model",
    )


def read_description(resolved: Resolved) -> StudentSpec | None:
    """What a student says of itself, from its folder or from the Hub; None for a plain model."""
    if not resolved.identity.startswith("hub:"):
        return read_spec(Path(resolved.path))
    from transformers.utils import cached_file

    found = cached_file(
        resolved.path,
        SPEC_FILE,
        revision=resolved.revision,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    return read_spec(Path(found).parent) if found else None


def adds_bos(tokenizer: Any) -> bool:
    """Whether the tokenizer itself would put a beginning-of-sequence token before a text."""
    bos = tokenizer.bos_token_id
    if bos is None:
        return False
    ids = tokenizer("a")["input_ids"]
    return bool(ids) and ids[0] == bos
