"""A release as it lies on disk: its files, their hashes, and its card, rendered for its address."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from huggingface_hub import CommitOperationAdd
from pydantic import ValidationError

from builder.errors import ConfigError, GateError
from builder.hub.manifest import (
    MANIFEST,
    digest_files,
    format_manifest,
    list_release_files,
    parse_manifest,
)
from builder.release_lint import lint_release
from cards.facts import FACTS_PATH, DatasetFacts, Link, ModelFacts
from cards.findings import CARD, Finding
from cards.lint import is_model, read_metadata
from cards.render import render_card
from cards.text import read_text
from dimsum.files import write_text

Kind = Literal["dataset", "model"]


@dataclass(frozen=True)
class LocalFile:
    """A file to be published, held by the client's own operation.

    Attributes:
        path: in the repository.
        add: the operation, which has hashed the content.
    """

    path: str
    add: CommitOperationAdd

    @property
    def size(self) -> int:
        """In bytes."""
        return int(self.add.upload_info.size)

    @property
    def sha256(self) -> str:
        """Of the content, in hex."""
        return self.add.upload_info.sha256.hex()

    @cached_property
    def blob_id(self) -> str:
        """The name Git gives the content (SHA-1), by which the Hub reports small files."""
        with self.add.as_file() as file:
            digest = hashlib.sha1(b"blob %d\0" % self.size, usedforsecurity=False)
            while block := file.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()


@dataclass(frozen=True)
class Release:
    """A folder made ready for one repository.

    Attributes:
        folder: it lies in.
        kind: dataset or model.
        version: of it; None without facts.
        files: by path.
        rendered: files whose content differs from the folder's, by path: the card for this
            repository, the facts it says and the list of hashes.
    """

    folder: Path
    kind: Kind
    version: str | None
    files: dict[str, LocalFile]
    rendered: dict[str, bytes]

    @property
    def digest(self) -> str:
        """One SHA-256 for the whole release."""
        return digest_files({path: file.sha256 for path, file in self.files.items()})

    @property
    def card(self) -> str:
        """The text of the card."""
        with self.files[CARD].add.as_file() as file:
            return file.read().decode("utf-8")

    def lint(self) -> list[Finding]:
        """What the lint says of it, as it would be published."""
        return lint_release(self.folder, self.card)

    def write(self) -> None:
        """Puts the rendered files into the folder."""
        for path, content in self.rendered.items():
            write_text(self.folder / path, content.decode())


_VERSION = re.compile(r"v?\d+(\.\d+)*([-.+]\w+)*")


def prepare(
    folder: Path,
    repo_id: str,
    report: Callable[[str], None] = lambda _: None,
    companion: str | None = None,
    tag: str | None = None,
) -> Release:
    """Reads a folder, renders its card for `repo_id` and hashes every file. Writes nothing.

    Args:
        folder: of the release.
        repo_id: that it is to be.
        report: called with a line before what takes long.
        companion: NS/NAME[@REVISION] for its card to name: a dataset's student, or a student's
            dataset. None leaves what the facts say.
        tag: that it is to bear; where it is a version, such as v1.0.0, the card says the same.

    Raises:
        ConfigError: no folder, no card, facts that are none, or none to name `companion` in.
        GateError: a file is not the one its manifest lists.
        CardError: the card there has lost its section for text written by hand.
    """
    paths = list_release_files(folder)
    if CARD not in paths and FACTS_PATH not in paths:
        raise ConfigError(
            f"{folder} has no {CARD}", hint="`dimsum release` makes a folder that can be published"
        )
    facts = read_facts(paths[FACTS_PATH]) if FACTS_PATH in paths else None
    if companion and facts is None:
        raise ConfigError(
            f"{folder} has no {FACTS_PATH}, so its card cannot be made to name {companion}",
            hint="write it into the card by hand",
        )
    rendered: dict[str, bytes] = {}
    if facts is not None:
        facts = facts.model_copy(update={"repo_id": repo_id})
        if tag and _VERSION.fullmatch(tag):
            facts = facts.model_copy(update={"version": tag.removeprefix("v")})
        if companion:
            facts = name_companion(facts, companion)
        previous = read_text(paths[CARD]) if CARD in paths else None
        rendered[CARD] = render_card(facts, previous).encode()
        rendered[FACTS_PATH] = dump_facts(facts).encode()
    report(f"hashing {len(paths)} files")
    files = {
        name: LocalFile(name, CommitOperationAdd(name, rendered.get(name, str(path))))
        for name, path in paths.items()
        if name != MANIFEST
    }
    if CARD not in files:
        files[CARD] = LocalFile(CARD, CommitOperationAdd(CARD, rendered[CARD]))
    _check_manifest(paths.get(MANIFEST), files)
    rendered[MANIFEST] = format_manifest({n: f.sha256 for n, f in files.items()}).encode()
    files[MANIFEST] = LocalFile(MANIFEST, CommitOperationAdd(MANIFEST, rendered[MANIFEST]))
    changed = {
        name: content
        for name, content in rendered.items()
        if name not in paths or paths[name].read_bytes() != content
    }
    version = facts.version if facts is not None else None
    return Release(folder, _find_kind(folder, facts, files), version, files, changed)


def read_facts(path: Path) -> DatasetFacts | ModelFacts:
    """Facts from their file.

    Raises:
        ConfigError: it does not hold facts of a dataset or a model.
    """
    text = read_text(path)
    model = ModelFacts if '"kind":"model"' in text.replace(" ", "") else DatasetFacts
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"{path} does not hold the facts of a card: {where}: {first['msg']}",
            hint="render the release again",
        ) from error


def name_companion(facts: DatasetFacts | ModelFacts, address: str) -> DatasetFacts | ModelFacts:
    """The facts with the companion's address on the Hub.

    Args:
        facts: of a dataset, which will name its student, or of a student, which will name its data.
        address: NS/NAME, with @REVISION if it is at one.

    Raises:
        ConfigError: that is no address.
    """
    repo_id, _, revision = address.partition("@")
    known = facts.student if isinstance(facts, DatasetFacts) else facts.dataset
    here = {"repo_id": repo_id, "revision": revision or None}
    if known is None:
        known = Link(title=repo_id.rpartition("/")[2])
    try:
        link = Link.model_validate({**known.model_dump(), **here})
    except ValidationError as error:
        raise ConfigError(
            f"{address} is no address on the Hub", hint="give it as NS/NAME or NS/NAME@REVISION"
        ) from error
    if isinstance(facts, DatasetFacts):
        return facts.model_copy(update={"student": link})
    ours = {"data_id": link.repo_id, "revision": link.revision}
    results = tuple(
        row.model_copy(update=ours) if row.data == link.title else row for row in facts.results
    )
    return facts.model_copy(update={"dataset": link, "results": results})


def dump_facts(facts: DatasetFacts | ModelFacts) -> str:
    """Facts as they are kept in a release."""
    return facts.model_dump_json(indent=2) + "\n"


def _check_manifest(manifest: Path | None, files: dict[str, LocalFile]) -> None:
    """A file that changed since the release was made is not published under its name.

    The card and its facts may change: text is written into the one by hand, and both name the
    repository.
    """
    if manifest is None:
        return
    try:
        listed = parse_manifest(manifest.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(
            f"{manifest} is no list of hashes", hint="make the release again"
        ) from error
    for path in sorted({*listed, *files} - {CARD, FACTS_PATH}):
        if path not in files:
            problem = "is missing"
        elif path not in listed:
            problem = "was added"
        elif listed[path] != files[path].sha256:
            problem = "was changed"
        else:
            continue
        raise GateError(
            f"{path} {problem} since the release was made",
            hint=f"make the release again, or take {manifest.name} away to publish it as it is",
        )


def _find_kind(
    folder: Path, facts: DatasetFacts | ModelFacts | None, files: dict[str, LocalFile]
) -> Kind:
    if facts is not None:
        return facts.kind
    with files[CARD].add.as_file() as file:
        metadata = read_metadata(file.read().decode("utf-8"))
    return "model" if is_model(folder, metadata) else "dataset"
