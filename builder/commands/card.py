"""`dimsum card`: render a release's card from its facts, and check it beside its files."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click


@click.group()
def card() -> None:
    """Render or check the card of a dataset or a model."""


@card.command("render")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def render(folder: Path, as_json: bool) -> None:
    """Write README.md in FOLDER from its facts; what was written by hand in it stays."""
    from builder.errors import ConfigError
    from builder.hub.local import read_facts
    from cards.facts import FACTS_PATH
    from cards.findings import CARD
    from cards.render import render_card
    from cards.text import read_text
    from dimsum.files import write_text

    if not (folder / FACTS_PATH).is_file():
        raise ConfigError(
            f"{folder} has no {FACTS_PATH}",
            hint="`dimsum release` writes it with a dataset, training with a student",
        )
    path = folder / CARD
    previous = read_text(path) if path.is_file() else None
    write_text(path, render_card(read_facts(folder / FACTS_PATH), previous))
    click.echo(json.dumps({"card": str(path)}, indent=2) if as_json else str(path))


@card.command("lint")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def lint_card(folder: Path, as_json: bool) -> None:
    """Check FOLDER offline against the Hub's values, its own files and the run that it lies in.

    Errors end with exit code 3, warnings do not.
    """
    from builder.errors import GateError
    from builder.release_lint import lint_release

    findings = lint_release(folder)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for found in findings:
            click.echo(f"{found.level}: {found.where}: {found.message} ({found.rule})")
    errors = sum(finding.level == "error" for finding in findings)
    if errors:
        raise GateError(
            f"{errors} error{'s' if errors > 1 else ''} in {folder}",
            hint="render the release again; text of your own goes into the card's marked section",
        )
    click.echo(f"{folder}: no errors, {len(findings)} warnings", err=True)
