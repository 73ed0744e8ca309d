"""`dimsum report`: a run or a released folder as one page."""

from __future__ import annotations

from pathlib import Path

import click

from builder.commands.places import Fetched


@click.command()
@click.argument("corpus", type=Fetched())
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The page; NAME-report.html by default, NAME being the corpus folder's.",
)
@click.option(
    "--pictures",
    type=click.Path(path_type=Path, file_okay=False),
    help="Also write every picture there, as PNG and SVG.",
)
@click.option(
    "--statistics",
    "measured",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="JSON with the numbers to show; those that CORPUS carries by default.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the files written as JSON.")
def report(
    corpus: str,
    output: Path | None,
    pictures: Path | None,
    measured: Path | None,
    as_json: bool,
) -> None:
    """Write one self-contained HTML page about CORPUS, a run or a released folder.

    An unfinished run, or one that retained nothing, gets the page of what there is.
    """
    from builder.report.write import write_report
    from dimsum.commands.output import print_json
    from dimsum.files import try_file, try_folder

    folder = Path(corpus)
    page = output or Path(f"{folder.resolve().name}-report.html")
    try_file(page, filter(None, [folder, measured]))
    if pictures:
        try_folder(pictures)
    files = write_report(folder, page, picture_folder=pictures, measured=measured)
    if as_json:
        print_json({"files": [str(path) for path in files]})
        return
    for path in files:
        click.echo(str(path))
