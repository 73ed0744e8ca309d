"""The YAML at the head of a card, in the Hub's own form."""

from __future__ import annotations

import hashlib
from typing import Any

import yaml

from cards.errors import CardError
from cards.escape import join_lines
from cards.facts import ConfigFacts, DatasetFacts, ModelFacts, ResultRow
from cards.hub_values import REPO_ID, choose_size_category
from cards.licenses import find_licence, list_inputs

try:
    from yaml import CSafeDumper as _Dumper
    from yaml import CSafeLoader as _Loader
except ImportError:  # PyYAML without libyaml: the same bytes, more slowly
    from yaml import SafeDumper as _Dumper  # type: ignore[assignment]
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]

Metadata = dict[str, Any]


def make_dataset_metadata(facts: DatasetFacts) -> Metadata:
    """The metadata of a dataset card; `configs` and `dataset_info` make `load_dataset` work."""
    return {
        "pretty_name": join_lines(facts.title),
        "language": list(facts.language),
        "license": find_licence(list_inputs(facts)).id,
        "annotations_creators": ["machine-generated"],
        "language_creators": ["machine-generated"],
        "multilinguality": ["monolingual" if len(facts.language) == 1 else "multilingual"],
        "source_datasets": ["original"],
        "size_categories": [choose_size_category(facts.rows)],
        "task_categories": list(facts.task_categories),
        **({"task_ids": list(facts.task_ids)} if facts.task_ids else {}),
        "tags": [join_lines(tag) for tag in facts.tags],
        "configs": [_make_config(config) for config in facts.configs],
        "dataset_info": [_make_info(config, facts) for config in facts.configs],
    }


def hash_content(config: ConfigFacts) -> str:
    """A hash of a config's files: paths and contents, 16 hex digits."""
    digest = hashlib.sha256()
    for split in config.splits:
        for file in split.files:
            digest.update(f"{split.name}\0{file.path}\0{file.sha256}\n".encode())
    return digest.hexdigest()[:16]


def _make_config(config: ConfigFacts) -> Metadata:
    return {
        "config_name": config.name,
        # `datasets` keys its cache of a local folder by this YAML alone: without the hash, other
        # rows in the same number would load from the cache as the old ones.
        "description": f"content {hash_content(config)}",
        **({"default": True} if config.default else {}),
        "data_files": [
            {"split": s.name, "path": s.globs[0] if len(s.globs) == 1 else list(s.globs)}
            for s in config.splits
        ],
    }


def _make_info(config: ConfigFacts, facts: DatasetFacts) -> Metadata:
    return {
        "config_name": config.name,
        "features": [{"name": c.name, "dtype": c.dtype} for c in facts.columns],
        "splits": [
            {"name": s.name, "num_bytes": s.bytes, "num_examples": s.rows} for s in config.splits
        ],
        "download_size": config.download,
        "dataset_size": sum(s.bytes for s in config.splits),
    }


def make_model_metadata(facts: ModelFacts) -> Metadata:
    """The metadata of a model card, with its results as `model-index`."""
    base = facts.base.reference
    return {
        "language": list(facts.language),
        "license": find_licence(list_inputs(facts)).id,
        "library_name": "transformers",
        "pipeline_tag": facts.pipeline_tag,
        **({"base_model": base} if REPO_ID.fullmatch(base) else {}),
        **({"datasets": [facts.dataset.repo_id]} if facts.dataset.repo_id else {}),
        "tags": [join_lines(tag) for tag in facts.tags],
        **({"model-index": [_make_index(facts)]} if facts.results else {}),
    }


def _make_index(facts: ModelFacts) -> Metadata:
    """Results on the same data for the same task stand together, each metric once."""
    grouped: dict[str, Metadata] = {}
    for row in facts.results:
        result = _make_result(row)
        key = repr((result["task"], result["dataset"]))
        grouped.setdefault(key, result | {"metrics": []})["metrics"] += result["metrics"]
    return {"name": facts.name, "results": list(grouped.values())}


def _make_result(row: ResultRow) -> Metadata:
    dataset: Metadata = {
        "name": join_lines(row.data),
        "type": row.data_id or join_lines(row.data),
        "config": row.config,
        "split": row.split,
        "revision": row.revision,
    }
    return {
        "task": {"type": row.hub_task, "name": join_lines(row.task)},
        "dataset": {key: value for key, value in dataset.items() if value is not None},
        "metrics": [{"type": row.metric_id, "value": row.value, "name": join_lines(row.metric)}],
    }


def format_front_matter(metadata: Metadata) -> str:
    """The metadata between its two rulers, on a line a value, in the order given.

    Raises:
        CardError: a value does not come back from the YAML as it went in.
    """
    text = dump_yaml(metadata, _Dumper)
    if read_yaml(text) != metadata or any(x.startswith("---") for x in text.splitlines()):
        raise CardError(
            "the card's metadata does not survive YAML",
            hint="a value of provenance/facts.json holds signs that YAML cannot keep",
        )
    return f"---\n{text}---\n"


def dump_yaml(metadata: Metadata, dumper: type[Any] = _Dumper) -> str:
    """The metadata as YAML, a value on a line, in the order given."""
    text: str = yaml.dump(metadata, Dumper=dumper, sort_keys=False, allow_unicode=True, width=10**9)
    return text


def read_yaml(text: str) -> Any:
    """A YAML document of plain values.

    Raises:
        yaml.YAMLError: it is none.
    """
    return yaml.load(text, Loader=_Loader)


def split_card(text: str) -> tuple[str, str]:
    """A card's YAML text and its body.

    Raises:
        CardError: there is no YAML at the head.
    """
    lines = text.lstrip("\ufeff").splitlines(keepends=True)
    if lines and lines[0].rstrip() == "---":
        for at in range(1, len(lines)):
            if lines[at].rstrip() == "---":
                return "".join(lines[1:at]), "".join(lines[at + 1 :])
    raise CardError(
        "the card has no YAML between two lines of three dashes at its head",
        hint="render it again: the renderer writes the YAML",
    )
