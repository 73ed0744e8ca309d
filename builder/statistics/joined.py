"""One frame of the rows of several: a release is passed over once for its tasks and for itself."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace

from builder.statistics.frame import STREAMS, Frame, append_file, list_text_files
from dimsum.data.values import Reading


def join_frames(frames: Sequence[Frame]) -> Frame:
    """A frame of all their rows, one frame after another, as a pass over all of them makes it.

    The files of the first grow and those of the others go, so none of them can be used afterwards,
    and the result lives as long as the first.
    """
    first, *others = frames
    reading = Reading()
    for frame in frames:
        reading.rows += frame.reading.rows
        reading.dropped.update(frame.reading.dropped)
        reading.first = {**frame.reading.first, **reading.first}
    for other in others:
        for mine, theirs in (
            (first.columns, other.columns),
            (first.keys, other.keys),
            (first.lengths, other.lengths),
        ):
            mine.take_over(theirs)
        for name in STREAMS:
            append_file(first.folder / f"{name}.u64", other.folder / f"{name}.u64")
        start = len(list_text_files(first.folder))
        for number, path in enumerate(list_text_files(other.folder), start):
            shutil.move(path, first.folder / f"texts-{number}.arrow")
    splits = {key: name for frame in frames for key, name in frame.splits.items()}
    return replace(first, splits=splits, reading=reading)
