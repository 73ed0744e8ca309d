"""An evaluation over several data sets, from one file to one table and one page.

    FOLDER/NAME.json        the document of each set
    FOLDER/NAME-outputs/    the outputs of each set
    FOLDER/suite.html       table, plots, outputs side by side; needs no network

A set that is there and was asked the same is not evaluated again, so the same command goes on
after an interruption.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from dimsum.data.files import read_file_rows
from dimsum.errors import UsageError
from dimsum.evaluation.saved_outputs import OUTPUTS
from dimsum.files import write_json
from dimsum.settings import Presets, Settings, load
from dimsum.tasks import task_of

ASKED = "asked"
"""Key of a set's document: digest of all that it was asked for."""
NO_PRESETS = Presets("dimsum", ())


class SuiteSet(Settings):
    """One data set and what systems are asked for on it."""

    data: str = Field(
        description="a benchmark's name, a file (from the suite's folder) or a Hub id"
    )
    task: str = Field(description="what is to be written; one of your own is module:name")
    options: dict[str, str] = Field({}, description="of the task, such as {length: short}")
    source: str | None = Field(None, description="column of the sources; guessed if empty")
    references: str | None = Field(None, description="column of the references; guessed if empty")
    where: dict[str, Any] = Field({}, description="only rows with these values, as text")
    split: str | None = Field(None, description="of a folder or Hub data set; test if empty")
    config: str | None = Field(None, description="of a Hub data set")
    limit: int | None = Field(None, ge=2, description="judge on the first so many")

    @model_validator(mode="after")
    def _options_known(self) -> SuiteSet:
        task_of(self.task).check_options(self.options)
        return self


class Suite(Settings):
    """Data sets by name."""

    sets: dict[str, SuiteSet] = Field(min_length=1, description="by name; names become file names")

    @model_validator(mode="after")
    def _names_are_files(self) -> Suite:
        if bad := [name for name in self.sets if Path(name).name != name or name.startswith(".")]:
            raise ValueError(f"{bad[0]!r} cannot name a file")
        return self


def load_suite(path: Path) -> Suite:
    """The suite of a YAML file; files that it names are taken from its folder.

    Raises:
        UsageError: as in `dimsum.settings.load`.
    """
    found = load(Suite, str(path), (), presets=NO_PRESETS)
    sets = {}
    for name, one in found.sets.items():
        near = path.parent / Path(one.data).expanduser()
        sets[name] = one.model_copy(update={"data": str(near)}) if near.exists() else one
    return Suite(sets=sets)


def evaluate_suite(
    suite: Suite,
    folder: Path,
    asked: Mapping[str, Any],
    evaluate: Callable[[SuiteSet, Path], dict[str, Any]],
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, dict[str, Any]]:
    """The document of every set.

    Args:
        asked: all that the documents depend on beside their sets.
        evaluate: the document of a set, whose systems' outputs it saves in the folder it gets.

    Raises:
        UsageError: the folder holds the evaluation of something else.
    """
    found: dict[str, dict[str, Any]] = {}
    digests = {
        name: sha256(
            json.dumps([asked, one.model_dump(mode="json")], sort_keys=True, default=str).encode()
        ).hexdigest()
        for name, one in suite.sets.items()
    }
    for name in suite.sets:  # before any model works
        path = folder / f"{name}.json"
        if path.is_file():
            document = _read(path)
            if document.get(ASKED) != digests[name]:
                raise UsageError(
                    f"{path} was evaluated with other models or settings",
                    hint="name another folder with --output",
                )
            found[name] = document
    for name, one in suite.sets.items():
        if name in found:
            say(f"{name}: done before")
            continue
        say(f"{name}: {one.data}")
        document = {ASKED: digests[name], **evaluate(one, folder / name_outputs_folder(name))}
        write_json(folder / f"{name}.json", document)
        found[name] = document
    return {name: found[name] for name in suite.sets}


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read", hint="name another folder") from error
    return document if isinstance(document, dict) else {}


def name_outputs_folder(name: str) -> str:
    """Name of the folder that holds the outputs of a set."""
    return f"{name}-outputs"


def collect_outputs(folder: Path, name: str) -> list[dict[str, Any]]:
    """Source, references and outputs by system of each example of a set."""
    return [dict(row) for row in read_file_rows(folder / name_outputs_folder(name) / OUTPUTS)]
