"""A smaller student: some of a model's layers, as the beginning of a distillation.

Layers are kept at even distances, the first and the last among them, or by what they do: the
influence of a layer is one minus the cosine between the states before and behind it, averaged over
tokens (ShortGPT, arXiv 2403.03853). A shrunk student keeps its prompts and has to be trained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dimsum.data.dataset import read_rows
from dimsum.data.values import Reading
from dimsum.errors import UsageError
from dimsum.files import open_whole_folder, try_new_folder
from dimsum.models import make_public_name, resolve
from dimsum.pairs import Columns, check_data, read_pairs
from dimsum.student import Student

if TYPE_CHECKING:
    import torch

MEASURED = 64
"""Pairs that the influence of layers is measured on."""
BATCH = 8
COUNTS = {
    "encoder": ("num_layers", "encoder_layers"),
    "decoder": ("num_decoder_layers", "decoder_layers"),
}
"""Names under which configurations of sequence-to-sequence models count the layers of a part."""


def shrink(
    reference: str,
    output: Path,
    layers: int,
    *,
    encoder_layers: int | None = None,
    data: str | None = None,
) -> dict[str, Any]:
    """Write a student that has only some of the layers of another model.

    Args:
        reference: of the model.
        output: a new or empty folder.
        layers: that are kept; of a sequence-to-sequence model those of its decoder.
        encoder_layers: of such a model's encoder; None keeps all.
        data: pairs whose prompts and targets the influence of layers is measured on; None keeps
            layers at even distances.

    Returns:
        for each part the kept layers, counted from 0, the parameters before and after, and how
        many of the pairs that were looked at could not be used, by reason.

    Raises:
        UsageError: more layers than there are, no pairs, or a folder with something in it.
        ModelError: the model cannot be loaded.
    """
    try_new_folder(output)
    if data is not None:
        check_data(data, Columns())
    student = Student.from_pretrained(reference, device="cpu", dtype="float32")
    parts = {part: find_layers(module) for part, module in _find_parts(student).items()}
    wanted = {"decoder": layers, "encoder": encoder_layers}
    for part, blocks in parts.items():
        count = wanted[part]
        if count is not None and not 1 <= count <= len(blocks):
            raise UsageError(
                f"the {part} of {make_public_name(reference)} has {len(blocks)} layers, "
                f"not {count}",
                hint=f"keep from 1 to {len(blocks)}",
            )
    if encoder_layers is not None and "encoder" not in parts:
        raise UsageError(
            f"{make_public_name(reference)} is a causal model and has no encoder",
            hint="leave --encoder-layers out",
        )
    reading = Reading()
    influences = measure_influence(student, parts, data, reading) if data is not None else {}
    before = sum(p.numel() for p in student.model.parameters())
    kept: dict[str, list[int]] = {}
    for part, blocks in parts.items():
        count = wanted[part]
        if count is None:
            continue
        # The first layer of a T5 holds the positions of all.
        kept[part] = (
            choose_by_influence(influences[part], count)
            if influences
            else choose_evenly(len(blocks), count)
        )
        _keep(student.model, part, blocks, kept[part], alone="encoder" not in parts)
    facts = {
        "from": make_public_name(reference),
        "weights": resolve(reference).identity,
        "licence": resolve(reference).licence or student.spec.training.get("licence"),
        "kept_layers": kept,
        "chosen": "by influence" if influences else "evenly",
        "influence": {k: [round(x, 4) for x in v] for k, v in influences.items()},
        "parameters_before": before,
        "parameters": sum(p.numel() for p in student.model.parameters()),
    }
    student.spec.training = facts
    with open_whole_folder(output) as folder:
        student.save(folder)
    return {**facts, "dropped": reading.as_json()}


def choose_evenly(count: int, kept: int) -> list[int]:
    """Numbers of layers at even distances, the first and the last of `count` among them."""
    if kept == 1:
        return [0]
    return [(2 * i * (count - 1) + kept - 1) // (2 * (kept - 1)) for i in range(kept)]


def choose_by_influence(influences: list[float], kept: int) -> list[int]:
    """Numbers of the layers that change the states most, in order; the first is always kept."""
    rest = sorted(range(1, len(influences)), key=lambda i: (-influences[i], i))
    return sorted([0, *rest[: kept - 1]])


def find_layers(module: Any) -> torch.nn.ModuleList:
    """The layers of a transformer: its longest list of modules of one class.

    Raises:
        UsageError: there is no such list.
    """
    import torch

    lists = [
        one
        for one in module.modules()
        if isinstance(one, torch.nn.ModuleList) and len({type(block) for block in one}) == 1
    ]
    if not lists:
        raise UsageError(
            f"the layers of a {type(module).__name__} cannot be found",
            hint="shrink a model whose layers are alike, such as a Llama, a GPT-2 or a T5",
        )
    return max(lists, key=len)


def measure_influence(
    student: Student,
    parts: dict[str, torch.nn.ModuleList],
    data: str,
    reading: Reading | None = None,
) -> dict[str, list[float]]:
    """The influence of each layer of each part, on the first pairs of a data set.

    Args:
        reading: where rows and those that are not used are counted.
    """
    import torch

    from dimsum.training.examples import Collator, Encoding, Examples, encode_pairs

    rows = read_rows(data, "train", reading=reading)
    pairs = islice(read_pairs(rows, Columns(), data, reading), MEASURED)
    causal = student.spec.architecture == "causal"
    most = student.spec.generation.max_new_tokens
    examples = Examples(encode_pairs(student, pairs, most, Encoding()), causal=causal)
    if not len(examples):
        raise UsageError(f"no pair of {data} fits the student", hint="give shorter pairs")
    sums = {part: [[0.0, 0.0] for _ in blocks] for part, blocks in parts.items()}
    collator = Collator(student.tokenizer)
    for start in range(0, len(examples), BATCH):
        batch = collator([examples[i] for i in range(start, min(start + BATCH, len(examples)))])
        masks = {"encoder": batch["attention_mask"] > 0, "decoder": batch["labels"] != -100}
        if causal:
            masks["decoder"] = batch["attention_mask"] > 0
        with _watch(parts, masks, sums), torch.inference_mode():
            student.model(**batch, use_cache=False)
    return {part: [total / count for total, count in each] for part, each in sums.items()}


@contextmanager
def _watch(
    parts: dict[str, torch.nn.ModuleList],
    masks: dict[str, torch.Tensor],
    sums: dict[str, list[list[float]]],
) -> Iterator[None]:
    """Adds to the sums what each layer does to its states where the masks say."""
    import torch

    def watcher(mask: torch.Tensor, into: list[float]) -> Callable[..., None]:
        def add(_: Any, given: Any, named: Any, found: Any) -> None:
            before = given[0] if given else named["hidden_states"]
            behind = found[0] if isinstance(found, tuple) else found
            cosines = torch.cosine_similarity(before[mask], behind[mask], dim=-1)
            into[0] += (1 - cosines).sum().item()
            into[1] += len(cosines)

        return add

    hooks = [
        block.register_forward_hook(watcher(masks[part], sums[part][i]), with_kwargs=True)
        for part, blocks in parts.items()
        for i, block in enumerate(blocks)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _find_parts(student: Student) -> dict[str, Any]:
    if student.spec.architecture == "causal":
        return {"decoder": student.model}
    return {"encoder": student.model.get_encoder(), "decoder": student.model.get_decoder()}


def _keep(
    model: Any, part: str, blocks: torch.nn.ModuleList, kept: list[int], *, alone: bool
) -> None:
    """Take all other layers out, and say so in the model's configuration."""
    chosen = [blocks[i] for i in kept]
    blocks._modules.clear()
    blocks.extend(chosen)
    for number, block in enumerate(chosen):
        for module in block.modules():
            if isinstance(getattr(module, "layer_idx", None), int):
                module.layer_idx = number  # type: ignore[assignment]
    config = model.config
    if alone:
        config.num_hidden_layers = len(kept)
        if kinds := getattr(config, "layer_types", None):
            config.layer_types = [kinds[i] for i in kept]
        return
    for name in COUNTS[part]:
        if hasattr(config, name):
            setattr(config, name, len(kept))
            return
