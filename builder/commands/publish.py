"""`dimsum publish`: a released dataset or student onto the Hub."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from builder.hub.publish import Preview


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("repo_id", metavar="NS/NAME")
@click.option("--private/--public", default=None, help="Of a new repository.")
@click.option("--revision", default="main", show_default=True, help="Branch to publish to.")
@click.option("--tag", help="Tag to put on the release, such as v1.0.0.")
@click.option("--dry-run", is_flag=True, help="Print what would be done, and do nothing.")
@click.option("--create-pr", is_flag=True, help="Stop at a verified pull request.")
@click.option(
    "--companion",
    metavar="NS/NAME[@REVISION]",
    help="What the card is to name: a dataset's student, or a student's dataset.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def publish(
    folder: Path,
    repo_id: str,
    private: bool | None,
    revision: str,
    tag: str | None,
    dry_run: bool,
    create_pr: bool,
    companion: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Put the release in FOLDER onto the Hub as NS/NAME.

    Readers see the old release or the new one, never half of either. After any failure the same
    command goes on where it stopped.
    """
    from builder.errors import ConfigError
    from builder.hub.publish import Publisher
    from builder.hub.session import check_reachable, hush_client

    if not (yes or dry_run or sys.stdin.isatty()):
        raise ConfigError("nobody is there to say yes", hint="say it with --yes")
    with hush_client():
        check_reachable(repo_id)
        publisher = Publisher(
            folder,
            repo_id,
            revision=revision,
            private=private,
            tag=tag,
            create_pr=create_pr,
            companion=companion,
            report=lambda line: click.echo(line, err=True),
            anonymous=dry_run,
        )
        if dry_run or not yes:
            preview = publisher.preview()
            if dry_run and as_json:
                click.echo(json.dumps(preview.as_json(), indent=2))
            else:
                _print(preview, repo_id, private, to_stderr=not dry_run)
            if preview.refused:
                raise preview.refused
        if dry_run:
            return
        if not yes:
            click.confirm(f"Publish to {repo_id}?", abort=True, err=True)
        result = publisher.run()
    if as_json:
        click.echo(json.dumps(result.as_json(), indent=2))
    else:
        click.echo(f"{result.url} {result.commit or ''}".strip())


def _print(preview: Preview, repo_id: str, private: bool | None, *, to_stderr: bool) -> None:
    """The plan, on standard output if it is the result, else on standard error."""
    made = preview.plan
    lines = [
        *(f"add     {file.size:>13,} {file.path}" for file in made.added),
        *(f"change  {file.size:>13,} {file.path}" for file in made.changed),
        *(f"delete  {'':>13} {path}" for path in made.deleted),
        *([preview.card] if preview.card else []),
        *preview.findings,
    ]
    if preview.new:
        asked = {None: "as its namespace makes them", True: "private", False: "public"}[private]
        lines.append(f"{repo_id} is new and will be {asked}")
    how = "through a pull request" if made.pull_request else "at once"
    lines.append(
        f"{len(made.added)} to add, {len(made.changed)} to change, {len(made.deleted)} to delete, "
        f"{len(made.unchanged)} as they are; {made.upload_bytes:,} bytes in {made.commits} "
        f"commit{'' if made.commits == 1 else 's'}, {how}"
    )
    click.echo("\n".join(lines), err=to_stderr)
