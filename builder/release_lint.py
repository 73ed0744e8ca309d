"""The lint of a release that still lies in its run: does the run's header prove what it says?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

from builder.errors import BuilderError
from builder.hub.shapes import read_parquet_shape
from builder.outdated import check_proven
from builder.public import make_public
from builder.store import RUN_FILE, Run
from cards.findings import Finding
from cards.lint import lint

RULE = "moved-on"


def lint_release(folder: Path, card: str | None = None) -> list[Finding]:
    """What `cards.lint.lint` finds, and what the run around the folder says otherwise.

    Args:
        folder: of a dataset or a model.
        card: the README.md's text, if it is not the one in the folder.
    """
    found = [*lint(folder, read_parquet_shape, card), *_find_moved(folder)]
    return sorted(found, key=lambda finding: finding.level)


def _find_moved(folder: Path) -> Iterator[Finding]:
    """That settings or models which the release or its run names did not make its rows."""
    release = folder.resolve()
    if not (release.parent / RUN_FILE).is_file():
        return
    try:
        run = Run.open(release.parent)
        header = run.header()
        if header["config"]["name"] != release.name:
            return
        check_proven(run)
    except BuilderError as error:
        yield Finding("error", RULE, f"../{RUN_FILE}", error.message)
        return
    settings = release / "provenance" / "config.yaml"
    if settings.is_file():
        try:
            said = yaml.safe_load(settings.read_text(encoding="utf-8"))
        except (ValueError, yaml.YAMLError):
            said = None
        if said != make_public(header["config"]):
            message = "it names other settings than the run has now; `dimsum release` writes it"
            yield Finding("error", RULE, "provenance/config.yaml", message)
