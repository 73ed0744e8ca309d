"""`dimsum verify`: does the Hub have the bytes that were released?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import click


@click.command()
@click.argument("repository", metavar="NS/NAME[@REVISION]")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Compare with this folder, and download nothing.",
)
@click.option("--type", "kind", type=click.Choice(["dataset", "model"]), help="Of the repository.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def verify(
    repository: str, folder: Path | None, kind: Literal["dataset", "model"] | None, as_json: bool
) -> None:
    """Compare the Hub's bytes with the release, or with the list of hashes in it."""
    from builder.errors import BuilderError
    from builder.hub.retry import Retry
    from builder.hub.session import check_reachable, hush_client
    from builder.hub.verify import verify as run

    repo_id, _, revision = repository.partition("@")
    with hush_client():
        check_reachable(repo_id)
        retry = Retry(report=lambda line: click.echo(line, err=True))
        result = run(repo_id, revision or None, folder=folder, kind=kind, retry=retry)
    if as_json:
        click.echo(json.dumps(result.as_json(), indent=2))
    else:
        for paths, what in (
            (result.missing, "missing"),
            (result.different, "different"),
            (result.unlisted, "not listed"),
        ):
            for path in paths:
                click.echo(f"{what}: {path}")
    if not result.ok:
        wrong = len(result.missing) + len(result.different) + len(result.unlisted)
        raise BuilderError(
            f"{wrong} files of {repository} are not those of {result.against}",
            hint="publish the release again, or do not rely on what is there",
        )
    if not as_json:
        click.echo(
            f"{repo_id}@{result.commit[:12]}: all {result.files} files are those of "
            f"{result.against}; sha256 of the release: {result.digest}"
        )
