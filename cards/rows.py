"""What a card may say of the data itself: its files, splits, configs, columns and some rows."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^\w[\w.-]*$")]
SplitName = Annotated[str, Field(pattern=r"^\w+(\.\w+)*$")]
RepoId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _check_inside(path: str) -> str:
    parts = path.split("/")
    if "\\" in path or "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise ValueError("a path in a release is relative, with forward slashes, and stays inside")
    return path


RelativePath = Annotated[str, AfterValidator(_check_inside)]
Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Fact(BaseModel):
    """The base of all facts: frozen, strict, and no field that is not known."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


# ------------------------------------------------------------------------------------ the data


class DataFile(Fact):
    """One file of rows.

    Attributes:
        path: inside the release folder.
        bytes: on disk.
        sha256: of its content; a changed file therefore always changes the card.
    """

    path: RelativePath
    bytes: Count
    sha256: Sha256


class SplitFacts(Fact):
    """One split of one config.

    Attributes:
        name: train, validation or test.
        rows: in all its files.
        bytes: of the rows in memory (Arrow).
        globs: of its files, as the Hub's `data_files` wants them.
        files: that the globs match.
    """

    name: SplitName
    rows: Annotated[int, Field(gt=0)]
    bytes: Count
    globs: Annotated[tuple[RelativePath, ...], Field(min_length=1)]
    files: Annotated[tuple[DataFile, ...], Field(min_length=1)]


class ConfigFacts(Fact):
    """One config of the dataset. A split without rows is left out, never listed as empty."""

    name: Name
    meaning: str
    splits: Annotated[tuple[SplitFacts, ...], Field(min_length=1)]
    default: bool = False

    @property
    def rows(self) -> int:
        """Rows in all splits."""
        return sum(split.rows for split in self.splits)

    @property
    def download(self) -> int:
        """Bytes of its files on disk."""
        return sum(file.bytes for split in self.splits for file in split.files)


class ColumnFacts(Fact):
    """One column: its `datasets` dtype (string, int32, float32, ...) and what it means."""

    name: Name
    dtype: Name
    meaning: str


class SampleRow(Fact):
    """One row as a reader of the card sees it."""

    id: str
    task: str
    control: str
    domain: str
    source: str
    target: str


class Sample(Fact):
    """Rows nobody chose.

    Attributes:
        rule: how they were drawn, in words.
        rows: usually ten.
    """

    rule: str
    rows: tuple[SampleRow, ...]
