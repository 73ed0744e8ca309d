"""Whether a model is what it seems: its weights, its tokenizer, its kind and its room.

`check_model` finds it out from the configuration, the headers of the weights and the tokenizer, in
a second and before any model runs; what is loaded is checked again by the same rules, so that
random weights never write.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dimsum.devices import pick_device
from dimsum.errors import ModelError, UsageError
from dimsum.threads import use_fastest_threads

if TYPE_CHECKING:
    import torch

    from dimsum.models import Resolved

Kind = Literal["causal", "generator", "classifier", "encoder"]
"""A causal language model; any that generates text; one with a head of classes; one whose states
are read."""

SENTENCE = "A man is reading a book in the garden."
NAMED = 3
ABSOLUTE_FROM = {"roberta", "camembert", "xlm-roberta", "xlm-roberta-xl", "longformer", "xmod"}
"""Model types whose positions are counted from behind the padding token's id."""


def check_model(
    reference: str, kind: Kind, *, device: str | None = None, tokens: int = 0, role: str = "student"
) -> None:
    """Refuse a model that could only fail later.

    Args:
        device: that it is to run on; None is the best there is.
        tokens: that its positions have to hold at the least.
        role: what it is to be, for the message.

    Raises:
        UsageError: no such device, or a model of another kind.
        ModelError: weights are missing, left over or of another shape, there is no tokenizer that
            fits, or there are too few positions.
    """
    from dimsum.hub import find_models
    from dimsum.models import explain_loading, resolve

    find_models(reference)
    from transformers import AutoTokenizer

    pick_device(device)
    resolved = resolve(reference)
    auto, config = find_class(kind, resolved, role)
    with explain_loading(reference):
        tokenizer = AutoTokenizer.from_pretrained(resolved.path, **resolved.arguments())
    rows = getattr(config.get_text_config(), "vocab_size", None)
    if not resolved.identity.startswith("hub:"):  # headers on the Hub would be whole downloads
        model = _open_without_weights(auto, resolved, kind)
        rows = model.get_input_embeddings().weight.shape[0]
        refuse_nan(_read_weights(resolved), reference)
    check_tokenizer(tokenizer, rows, reference)
    if kind == "encoder":
        check_padding(tokenizer, reference, role)
    room = count_positions(config, tokenizer)
    if tokens > room:
        raise ModelError(
            f"the {role} {reference} has {room} positions, and {tokens} tokens must have room",
            hint="take a model with more positions, or lower max_new_tokens",
        )


def find_class(kind: Kind, resolved: Resolved, role: str) -> tuple[Any, Any]:
    """The class of transformers that opens a model as a kind, and its configuration.

    Raises:
        UsageError: its architecture is of another kind.
        ModelError: it has no configuration that can be read.
    """
    from transformers import AutoConfig

    from dimsum.models import explain_loading

    with explain_loading(resolved.reference):
        config = AutoConfig.from_pretrained(resolved.path, **resolved.arguments())
    return _find_class(kind, config, resolved.reference, role), config


def _find_class(kind: Kind, config: Any, reference: str, role: str) -> Any:
    import transformers as library

    from dimsum.opening import read_architecture

    if kind in ("causal", "generator"):
        architecture = read_architecture(config, reference, role)
        if architecture == "seq2seq" and kind == "causal":
            raise UsageError(
                f"{reference} is a sequence-to-sequence model ({config.model_type})",
                hint=f"the {role} is a causal language model, one that only continues text",
            )
        return (
            library.AutoModelForSeq2SeqLM
            if architecture == "seq2seq"
            else library.AutoModelForCausalLM
        )
    if kind == "encoder":
        if getattr(config, "is_encoder_decoder", False):
            raise UsageError(
                f"{reference} is a sequence-to-sequence model ({config.model_type})",
                hint=f"the {role} is an encoder of sentences",
            )
        return library.AutoModel
    return library.AutoModelForSequenceClassification


def open_whole(
    auto: Any, resolved: Resolved, dtype: torch.dtype, *, lenient: bool = False
) -> tuple[Any, Any]:
    """Model, on the CPU, and tokenizer, both refused where they are not what they seem.

    Args:
        auto: the class of transformers that opens it.
        lenient: as in `check_weights`.

    Raises:
        ModelError: as `check_weights` and `check_tokenizer`.
        Exception: of transformers; `dimsum.models.explain_loading` makes a ModelError of it.
    """
    from transformers import AutoTokenizer

    use_fastest_threads()
    model, info = auto.from_pretrained(
        resolved.path,
        dtype=dtype,
        use_safetensors=True,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # refused below, with their names
        **resolved.arguments(),
    )
    check_weights(info, resolved.reference, lenient=lenient, model=model)
    refuse_nan(model.named_parameters(), resolved.reference)
    tokenizer = AutoTokenizer.from_pretrained(resolved.path, **resolved.arguments())
    check_tokenizer(tokenizer, model.get_input_embeddings().weight.shape[0], resolved.reference)
    return model, tokenizer


def _open_without_weights(auto: Any, resolved: Resolved, kind: Kind) -> Any:
    from dimsum.models import explain_loading

    with explain_loading(resolved.reference):
        model, info = auto.from_pretrained(
            resolved.path,
            device_map="meta",
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # refused below, with their names
        )
    check_weights(info, resolved.reference, lenient=kind == "encoder", model=model)
    return model


def check_weights(
    info: Any,
    reference: str,
    *,
    lenient: bool = False,
    new: Collection[str] = (),
    model: Any = None,
) -> None:
    """Refuse weights that are not those of the model, as transformers' loading information says.

    Args:
        lenient: its head may be left over, and a pooler be missing: only its states are read.
        new: beginnings of names that are meant to be missing or of another shape, because they
            are to be trained.
        model: where a head may be left over, the model, of which no layer may.

    Raises:
        ModelError: some are missing, left over or of another shape.
    """
    found = info if isinstance(info, dict) else vars(info)

    def is_new(name: str) -> bool:
        return any(name.startswith(one) or f".{one}" in name for one in new)

    missing = [
        name
        for name in sorted(found["missing_keys"])
        if not (lenient and "pooler" in name) and not is_new(name)
    ]
    surplus = sorted(found["unexpected_keys"])
    if lenient or new:
        surplus = _list_layers(model, surplus) if model is not None else []
    names = [str(key[0] if isinstance(key, tuple) else key) for key in found["mismatched_keys"]]
    shaped = sorted(name for name in names if not is_new(name))
    for names, words, hint in (
        (missing, "lacks {} of its weights ({}), which would be random", "the file may be of "
         "another model, or incomplete"),
        (shaped, "has {} weights of another shape than its config.json says ({})", "weights and "
         "config.json are of two models"),
        (surplus, "holds {} weights that its config.json has no place for ({})", "weights and "
         "config.json are of two models"),
    ):  # fmt: skip
        if names:
            named = ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
            raise ModelError(f"the model {reference} " + words.format(len(names), named), hint=hint)


def _list_layers(model: Any, names: Iterable[str]) -> list[str]:
    """Of names of weights those of numbered layers in a part that the model has."""
    parts = {name.partition(".")[0] for name, _ in model.base_model.named_parameters()}
    prefix = f"{model.base_model_prefix}."
    own = {name: name.removeprefix(prefix) for name in names}
    return [
        name
        for name, inner in own.items()
        if inner.partition(".")[0] in parts and re.search(r"\.\d+\.", inner)
    ]


def _read_weights(resolved: Resolved) -> Iterator[tuple[str, torch.Tensor]]:
    """Names and tensors of a local model's files, one at a time."""
    from safetensors import safe_open

    from dimsum.models import explain_loading

    with explain_loading(resolved.reference):
        for path in sorted(Path(resolved.path).glob("*.safetensors")):
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118  it is no mapping
                    yield name, file.get_tensor(name)


def refuse_nan(weights: Iterable[tuple[str, torch.Tensor]], reference: str) -> None:
    """Refuse weights among which one is no number: a few of them only show on some texts.

    Raises:
        ModelError: with the name of the first such tensor.
    """
    import torch

    checked = {torch.float16, torch.bfloat16, torch.float32, torch.float64}
    for name, tensor in weights:
        if tensor.dtype in checked and bool(torch.isnan(tensor).any()):
            raise ModelError(
                f"the model {reference} has weights that are no numbers (NaN), in {name}",
                hint="it is damaged: fetch or train it again",
            )


def check_numbers(model: Any, reference: str) -> None:
    """Refuse a model that gives no numbers, by its logits for two tokens.

    Raises:
        ModelError: a logit is NaN.
    """
    import torch

    ids = torch.zeros((1, 2), dtype=torch.int64, device=model.device)
    more = {"decoder_input_ids": ids} if model.config.is_encoder_decoder else {}
    with torch.inference_mode():
        logits = model(input_ids=ids, use_cache=False, **more).logits
    if torch.isnan(logits).any():
        raise ModelError(
            f"the model {reference} gives no numbers: its logits are NaN",
            hint="its weights are damaged: fetch or train it again",
        )


def check_tokenizer(tokenizer: Any, rows: int | None, reference: str) -> None:
    """Refuse a tokenizer that reads nothing, or that is larger than the model's embedding.

    Args:
        rows: of the embedding; None where that is not known.

    Raises:
        ModelError: it is so.
    """
    ids = tokenizer(SENTENCE, add_special_tokens=False)["input_ids"]
    known = [one for one in ids if one != tokenizer.unk_token_id]
    # What a library makes without files knows no more than where words begin.
    if not tokenizer.decode(known, skip_special_tokens=True).strip():
        raise ModelError(
            f"the model {reference} has no tokenizer that can read a sentence",
            hint="save its tokenizer in the same folder: tokenizer.json, or what its kind has",
        )
    highest = max(tokenizer.get_vocab().values(), default=-1)
    if rows is not None and highest >= rows:
        raise ModelError(
            f"the tokenizer of {reference} has {highest + 1:,} tokens, its embedding {rows:,}",
            hint="it is another model's tokenizer, or the embedding was not resized to it",
        )


def check_padding(tokenizer: Any, reference: str, role: str) -> None:
    """Refuse an encoder that cannot read texts of several lengths at once.

    Raises:
        UsageError: its tokenizer has no padding token.
    """
    if tokenizer.pad_token_id is None:
        raise UsageError(
            f"{reference} has no padding token, and reads no texts of several lengths at once",
            hint=f"the {role} is an encoder of sentences, such as embedded:minilm-l6",
        )


def count_positions(config: Any, tokenizer: Any) -> int:
    """How many tokens a model's encoder, or its whole context, takes.

    Args:
        config: of the model.
    """
    text = config.get_text_config()
    known = [
        getattr(text, name, None) for name in ("max_position_embeddings", "n_positions", "n_ctx")
    ]
    if text.model_type in ABSOLUTE_FROM:
        known = [value and value - 1 - (text.pad_token_id or 0) for value in known]
    bounds = [value for value in [*known, tokenizer.model_max_length] if value and value < 10**6]
    return min(bounds) if bounds else 10**6
