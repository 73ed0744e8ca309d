"""The part of the lint that compares a card with the files beside it."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cards import hub_values as hub
from cards.facts import FACTS_PATH
from cards.findings import CARD, Finding, Shape, ShapeReader, as_list

#: What the Hub and `datasets` take for data when they are left to guess.
DATA_SUFFIXES = frozenset(
    {".parquet", ".csv", ".tsv", ".json", ".jsonl", ".arrow", ".txt", ".xml", ".zip", ".gz"}
)
PROVENANCE = "provenance"
_OVERRIDES = (".huggingface.yaml", "dataset_infos.json")
_VOCABULARIES = frozenset(
    {"tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt"}
)
_PICKLES = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".h5", ".msgpack"})

#: config → split → files, as the card's globs find them.
Found = dict[str, dict[str, list[Path]]]


def check_dataset_files(
    folder: Path, metadata: Mapping[str, Any], shape_of: ShapeReader | None
) -> list[Finding]:
    """Checks `configs` and `dataset_info` against the files."""
    findings: list[Finding] = []
    found = _find(folder, metadata, findings)
    findings += _check_names(metadata)
    findings += _find_strays(folder, found)
    infos = {
        i.get("config_name", "default"): i
        for i in as_list(metadata.get("dataset_info"))
        if isinstance(i, dict)
    }
    for config, splits in found.items():
        where = f"{CARD}:dataset_info[{config}]"
        if config not in infos:
            message = "no features and counts are given for this config"
            findings.append(Finding("error", "no-info", where, message))
            continue
        findings += _check_counts(where, infos[config], splits, shape_of)
    for config in infos.keys() - found.keys():
        where = f"{CARD}:dataset_info[{config}]"
        findings.append(Finding("error", "no-config", where, "there is no such config"))
    findings += _check_size(metadata, infos)
    return findings


def _check_names(metadata: Mapping[str, Any]) -> Iterator[Finding]:
    configs = [c for c in as_list(metadata.get("configs")) if isinstance(c, dict)]
    where = f"{CARD}:configs"
    if not configs:
        message = "no configs are given, so the Hub would guess what the data files are"
        yield Finding("error", "no-config", where, message)
        return
    names = [c.get("config_name") for c in configs]
    for name in names:
        if not (isinstance(name, str) and hub.CONFIG_NAME.fullmatch(name)):
            yield Finding("error", "config-name", where, f"{name!r} is no name for a config")
    if len(set(map(str, names))) != len(names):
        yield Finding("error", "config-name", where, "two configs have the same name")
    defaults = [c for c in configs if c.get("default") is True]
    if len(defaults) > 1:
        yield Finding("error", "default-config", where, "two configs are the default")
    if len(configs) > 1 and not defaults and "default" not in names:
        message = "no config is the default, so load_dataset asks for one"
        yield Finding("error", "default-config", where, message)


def _find(folder: Path, metadata: Mapping[str, Any], findings: list[Finding]) -> Found:
    """Resolves every glob; what is wrong with one goes to `findings`."""
    found: Found = {}
    for config in as_list(metadata.get("configs")):
        if not isinstance(config, dict):
            continue
        name = str(config.get("config_name"))
        where = f"{CARD}:configs[{name}]"
        splits = found.setdefault(name, {})
        for entry in as_list(config.get("data_files")):
            if not isinstance(entry, dict) or "split" not in entry or "path" not in entry:
                message = "data_files does not name a split and a path for each"
                findings.append(Finding("error", "data-files", where, message))
                continue
            split = str(entry["split"])
            if not hub.SPLIT_NAME.fullmatch(split):
                message = f"{split!r} is no name for a split"
                findings.append(Finding("error", "split-name", where, message))
            for glob in as_list(entry["path"]):
                splits.setdefault(split, []).extend(_match(folder, str(glob), where, findings))
        if not splits:
            findings.append(Finding("error", "data-files", where, "it has no data files"))
    return found


def _match(folder: Path, glob: str, where: str, findings: list[Finding]) -> list[Path]:
    if glob.startswith("/") or ".." in Path(glob).parts or "://" in glob:
        findings.append(Finding("error", "glob-leaves", where, f"{glob} leaves the release"))
        return []
    paths = sorted(path for path in folder.glob(glob) if path.is_file())
    if not paths:
        message = f"{glob} matches no file"
        findings.append(Finding("error", "glob-matches-nothing", where, message))
    for path in paths:
        if path.relative_to(folder).parts[0] == PROVENANCE:
            name = path.relative_to(folder).as_posix()
            message = f"{glob} takes {name} for data"
            findings.append(Finding("error", "provenance-as-data", where, message))
    return paths


def _find_strays(folder: Path, found: Found) -> Iterator[Finding]:
    known = {path for splits in found.values() for paths in splits.values() for path in paths}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if not path.is_file() or path in known or name.parts[0] == PROVENANCE:
            continue
        if name.as_posix() in _OVERRIDES or (name.suffix == ".py" and len(name.parts) == 1):
            message = "it overrides or breaks what the card says of the data"
            yield Finding("error", "override", name.as_posix(), message)
        elif path.suffix in DATA_SUFFIXES and not any(part.startswith(".") for part in name.parts):
            message = "a data file that belongs to no split"
            yield Finding("error", "stray-data", name.as_posix(), message)


def _check_counts(
    where: str, info: Mapping[str, Any], splits: dict[str, list[Path]], shape_of: ShapeReader | None
) -> Iterator[Finding]:
    stated = {s.get("name"): s for s in as_list(info.get("splits")) if isinstance(s, dict)}
    for name in sorted(set(map(str, stated)) ^ set(splits)):
        message = f"split {name} is in one of configs and dataset_info only"
        yield Finding("error", "splits-differ", where, message)
    disk = sum(path.stat().st_size for paths in splits.values() for path in paths)
    if info.get("download_size") != disk:
        message = f"download_size is {info.get('download_size')}, the files have {disk} bytes"
        yield Finding("error", "counts-differ", where, message)
    memory = sum(int(s.get("num_bytes") or 0) for s in stated.values())
    if info.get("dataset_size") != memory:
        message = (
            f"dataset_size is {info.get('dataset_size')}, the splits' num_bytes add to {memory}"
        )
        yield Finding("error", "counts-differ", where, message)
    if shape_of is None:
        return
    features = {
        f.get("name"): f.get("dtype") for f in as_list(info.get("features")) if isinstance(f, dict)
    }
    for split, paths in splits.items():
        shapes = [shape for shape in (_read_shape(path, shape_of) for path in paths) if shape]
        if len(shapes) < len(paths):
            yield Finding("error", "unreadable", where, f"a data file of {split} cannot be read")
            continue
        rows = sum(shape.rows for shape in shapes)
        if split in stated and stated[split].get("num_examples") != rows:
            message = f"{split} has {rows} rows, the card says {stated[split].get('num_examples')}"
            yield Finding("error", "counts-differ", where, message)
        if any(dict(shape.columns) != features for shape in shapes):
            message = f"the columns of {split} are not the features of the card"
            yield Finding("error", "features-differ", where, message)


def _read_shape(path: Path, shape_of: ShapeReader) -> Shape | None:
    try:
        return shape_of(path)
    except (OSError, ValueError):
        return None


def _check_size(
    metadata: Mapping[str, Any], infos: Mapping[str, Mapping[str, Any]]
) -> Iterator[Finding]:
    rows = [
        sum(int(s.get("num_examples") or 0) for s in as_list(info.get("splits")))
        for info in infos.values()
    ]
    stated = as_list(metadata.get("size_categories"))
    if rows and stated and stated != [hub.choose_size_category(max(rows))]:
        message = f"{stated} is not the category of {max(rows)} rows"
        yield Finding("error", "size-categories", f"{CARD}:size_categories", message)


def check_model_files(folder: Path) -> Iterator[Finding]:
    """Checks that a model's folder holds what its users load, and nothing they should not."""
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    if not any(name.endswith(".safetensors") for name in files):
        yield Finding("error", "weights", ".", "there are no weights in safetensors")
    for name in sorted(files):
        if files[name].suffix in _PICKLES:
            yield Finding("error", "weights", name, "weights other than safetensors can run code")
        elif name.endswith(".safetensors") and not _is_safetensors(files[name]):
            yield Finding("error", "weights", name, "it is no safetensors file, or not all of it")
    if not _VOCABULARIES & set(files):
        message = "the tokenizer's vocabulary is missing: tokenizer.json or its like"
        yield Finding("error", "incomplete", ".", message)
    for name in ("config.json", "generation_config.json", "tokenizer_config.json"):
        if name not in files:
            yield Finding("error", "incomplete", name, "it is missing")
        else:
            try:
                json.loads(files[name].read_text(encoding="utf-8"))
            except ValueError:
                yield Finding("error", "incomplete", name, "it is no JSON")
    index = "model.safetensors.index.json"
    if index in files:
        listing = json.loads(files[index].read_text(encoding="utf-8")).get("weight_map", {})
        for name in sorted(set(listing.values()) - set(files)):
            yield Finding("error", "incomplete", name, "the index of the weights names it")
    if FACTS_PATH not in files:
        message = "without the facts its card cannot be rendered again"
        yield Finding("warning", "no-facts", FACTS_PATH, message)


def _is_safetensors(path: Path) -> bool:
    """Whether a file has the header of its tensors, and all the bytes that the header declares."""
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(length)) if length <= size - 8 else {}
        tensors = [tensor for name, tensor in header.items() if name != "__metadata__"]
        return bool(tensors) and 8 + length + max(t["data_offsets"][1] for t in tensors) == size
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error):
        return False
