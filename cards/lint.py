"""Checks a release folder offline, before the Hub or a reader finds out.

`lint` looks at the card's YAML against the Hub's own values, at the files the YAML speaks of, and
at the text. What needs a library to read a data file is asked of the caller (`ShapeReader`), so
that this package stays without one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml

from cards import hub_values as hub
from cards.errors import CardError
from cards.findings import CARD, Finding, ShapeReader, as_list
from cards.lint_files import check_dataset_files, check_model_files
from cards.lint_private import find_private
from cards.lint_provenance import check_provenance
from cards.metadata import read_yaml, split_card
from cards.render import find_hand_written
from cards.text import read_text

_PLACEHOLDERS = re.compile(
    r"(?i)\[more information needed\]|\[optional\]|\{\{|\}\}|\{%|%\}|<your[ _-]|lorem ipsum"
    r"|\b(?:TODO|FIXME|XXX|TBD)\b"
)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def lint(
    folder: Path, shape_of: ShapeReader | None = None, card: str | None = None
) -> list[Finding]:
    """Checks a dataset's or a model's folder.

    Args:
        folder: the release.
        shape_of: reads a data file's rows and columns; without it they are not compared.
        card: the README.md's text, if it is not the one in the folder.

    Returns:
        What was found, errors first; empty when all is well.
    """
    if card is None:
        if not (folder / CARD).is_file():
            return [Finding("error", "no-card", CARD, "there is no card")]
        try:
            card = read_text(folder / CARD)
        except CardError as error:
            return [Finding("error", "not-utf8", CARD, error.message)]
    try:
        metadata = read_metadata(card)
    except CardError as error:
        return [Finding("error", "broken-yaml", CARD, error.message)]
    findings = [*_check_common(metadata), *_check_body(card, folder), *find_private(folder, card)]
    if is_model(folder, metadata):
        findings += [*_check_model(metadata), *check_model_files(folder)]
    else:
        findings += [*_check_dataset(metadata), *check_dataset_files(folder, metadata, shape_of)]
        findings += check_provenance(folder)
    return sorted(dict.fromkeys(findings), key=lambda f: (f.level, f.rule, f.where))


def read_metadata(card: str) -> dict[str, Any]:
    """The YAML of a card.

    Raises:
        CardError: there is none, it does not parse, or it is not a mapping.
    """
    head, _ = split_card(card)
    try:
        metadata = read_yaml(head)
    except yaml.YAMLError as error:
        raise CardError(
            "the YAML does not parse: " + str(error).splitlines()[0],
            hint="correct the lines between the two lines ---",
        ) from error
    if not isinstance(metadata, dict):
        raise CardError(
            "the YAML is not a mapping of keys to values",
            hint="between the two lines --- stand lines of the form key: value",
        )
    return metadata


def is_model(folder: Path, metadata: Mapping[str, Any]) -> bool:
    """Whether a folder holds a model rather than a dataset."""
    if "configs" in metadata or "dataset_info" in metadata:
        return False
    return (folder / "config.json").is_file() or "pipeline_tag" in metadata


# ------------------------------------------------------------------------------------- the YAML


def _check_common(metadata: Mapping[str, Any]) -> Iterator[Finding]:
    licence = metadata.get("license")
    if licence is None:
        yield Finding("error", "licence", f"{CARD}:license", "no licence is given")
    for value in as_list(licence):
        if value not in hub.LICENCES:
            message = f"{value!r} is no licence of the Hub"
            yield Finding("error", "licence", f"{CARD}:license", message)
        elif value in ("other", "unknown"):
            message = f"the licence is {value}: readers cannot know what they may do"
            yield Finding("warning", "licence", f"{CARD}:license", message)
    languages = as_list(metadata.get("language"))
    if not languages:
        yield Finding("error", "language", f"{CARD}:language", "no language is given")
    for value in languages:
        if not (isinstance(value, str) and hub.LANGUAGE.fullmatch(value)):
            message = f"{value!r} is no ISO 639 code"
            yield Finding("error", "language", f"{CARD}:language", message)
    for value in as_list(metadata.get("tags")):
        if not isinstance(value, str) or not value.strip():
            yield Finding("error", "tags", f"{CARD}:tags", f"{value!r} is no tag")


def _check_task(value: Any, key: str) -> Iterator[Finding]:
    if isinstance(value, str) and value in hub.RETIRED_TASKS:
        message = f"{value} is no longer a task of the Hub; {hub.RETIRED_TASKS[value]} is"
        yield Finding("warning", "task", f"{CARD}:{key}", message)
    elif value not in hub.TASKS:
        yield Finding("error", "task", f"{CARD}:{key}", f"{value!r} is no task of the Hub")


def _check_dataset(metadata: Mapping[str, Any]) -> Iterator[Finding]:
    for value in as_list(metadata.get("task_categories")):
        yield from _check_task(value, "task_categories")
    allowed = {
        "task_ids": hub.TASK_IDS,
        "size_categories": frozenset(name for _, name in hub.SIZES),
        "annotations_creators": hub.CREATORS,
        "language_creators": hub.CREATORS,
    }
    for key, values in allowed.items():
        for value in as_list(metadata.get(key)):
            if value not in values:
                message = f"{value!r} is not one of the Hub's values"
                yield Finding("error", key.replace("_", "-"), f"{CARD}:{key}", message)


def _check_model(metadata: Mapping[str, Any]) -> Iterator[Finding]:
    if "pipeline_tag" in metadata:
        yield from _check_task(metadata["pipeline_tag"], "pipeline_tag")
    else:
        yield Finding("error", "task", f"{CARD}:pipeline_tag", "no task is given")
    if not metadata.get("library_name"):
        yield Finding("error", "library", f"{CARD}:library_name", "no library is given")
    for key in ("base_model", "datasets"):
        for value in as_list(metadata.get(key)):
            if not (isinstance(value, str) and hub.REPO_ID.fullmatch(value)):
                message = f"{value!r} is no name of a repository"
                yield Finding("error", "repository", f"{CARD}:{key}", message)
    if not metadata.get("datasets"):
        message = "the data it was trained on is not named"
        yield Finding("warning", "training-data", f"{CARD}:datasets", message)
    yield from _check_model_index(metadata.get("model-index"))


def _check_model_index(index: Any) -> Iterator[Finding]:
    where = f"{CARD}:model-index"
    if index is None:
        yield Finding("warning", "results", where, "no results are given")
        return
    for entry in as_list(index):
        if not isinstance(entry, dict) or not entry.get("name"):
            yield Finding("error", "results", where, "an entry has no name")
            continue
        for result in as_list(entry.get("results")):
            try:
                task, data = result["task"]["type"], result["dataset"]["type"]
                values = [metric["value"] for metric in result["metrics"] if metric["type"]]
                complete = bool(task and data and result["dataset"]["name"] and values)
            except (KeyError, TypeError):
                complete = False
            if not complete:
                message = "a result lacks its task, dataset or metric"
                yield Finding("error", "results", where, message)
            elif not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
                yield Finding("error", "results", where, "a metric's value is no number")


# -------------------------------------------------------------------------------------- the text


def _check_body(card: str, folder: Path) -> Iterator[Finding]:
    _, body = split_card(card)
    # A row of the data may well say TODO; it stands in a table, and braces are escaped there.
    prose = "\n".join(x for x in body.splitlines() if not x.startswith("|"))
    for found in sorted({match[0] for match in _PLACEHOLDERS.finditer(prose)}):
        yield Finding("error", "placeholder", CARD, f"{found!r} is left in the text")
    try:
        find_hand_written(card)
    except CardError:
        message = "the section for text written by hand is not there once, between its two marks"
        yield Finding("warning", "hand-written", CARD, message)
    for target in dict.fromkeys(_LINK.findall(body)):
        path = unquote(target.split("#")[0])
        if not path or re.match(r"[a-z][a-z0-9+.-]*:", path, re.IGNORECASE):
            continue
        if not (folder / path).is_file() or ".." in Path(path).parts:
            message = f"the link to {path} leads to no file of the release"
            yield Finding("error", "broken-link", CARD, message)
