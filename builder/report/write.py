"""A corpus becomes a report on disk."""

from __future__ import annotations

from pathlib import Path

from builder.errors import BuilderError
from builder.report.drawing import write_pictures
from builder.report.gather import gather
from builder.report.pictures import draw_pictures
from builder.report.render import render
from dimsum.files import write_text

MOST_BYTES = 5_000_000


def write_report(
    folder: Path, page: Path, *, picture_folder: Path | None = None, measured: Path | None = None
) -> list[Path]:
    """Write the page, and with `picture_folder` every picture as PNG and SVG; return the files.

    Args:
        folder: a run, finished or not, or a released folder.
        measured: JSON with statistics, instead of those that the corpus carries.

    Raises:
        ConfigError: the folder is neither.
        BuilderError: a file is damaged, the page would be too large, or the disk failed.
    """
    report = gather(folder, measured)
    drawn = draw_pictures(report)
    text = render(report, drawn)
    size = len(text.encode())
    if size > MOST_BYTES:
        raise BuilderError(
            f"the report would have {size:,} bytes; {MOST_BYTES:,} are the bound",
            hint="`dimsum stats` gives its numbers without a page",
        )
    write_text(page, text)
    return [page, *(write_pictures(drawn, picture_folder) if picture_folder else [])]
