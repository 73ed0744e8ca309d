"""A run that begins as another one is: its stages linked into a new folder.

Files are linked, not copied: a run never changes a file in place, it puts a new one there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection
from pathlib import Path

from builder.store import RUN_FILE


def link_stages(run: Path, folder: Path, stages: Collection[str]) -> None:
    """Link header and finished stages of a run into a folder that is not there yet.

    The release and the readers' records stay behind: they are of the other run's rows.
    """
    scratch = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    os.link(run / RUN_FILE, scratch / RUN_FILE)
    for stage in stages:
        if (run / stage).is_dir():
            (scratch / stage).mkdir()
            for path in (run / stage).iterdir():
                if path.is_file():
                    os.link(path, scratch / stage / path.name)
    scratch.replace(folder)
