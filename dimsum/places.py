"""Folders and files in stores that fsspec opens, such as `s3://bucket/run`.

What lies on this machine, or on a network drive that is mounted, is a `pathlib.Path` as ever.
Everything else is a `Place`, which has those methods of a path that a run needs, so whoever gets
one asks nothing of it that a path would not do.

A file becomes visible whole. A store with files (`RENAMING`) takes it under another name and
renames it; an object store has no names to change, but shows an object only when all of it has
arrived.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import total_ordering
from io import BytesIO
from pathlib import Path
from typing import IO, Any, cast
from uuid import uuid4

from dimsum.errors import DimsumError, UsageError

RENAMING = frozenset({"sftp", "ssh", "smb", "hdfs", "arrow_hdfs", "webhdfs"})
"""Protocols of stores with files and folders, where a name is given to what is there already."""

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)", re.IGNORECASE)
_HERE = ("file", "local")
_CHUNK = 1 << 23
"""Bytes that are asked for at a time where a part of a file is read."""


def parse_place(address: str | Path) -> Path:
    """What an address means: a path of this machine, or a `Place`.

    The type is that of a path, because a `Place` is one to all that gets it.

    Raises:
        UsageError: no installed library opens such addresses.
    """
    found = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
    if found is None:
        return cast(Path, address) if isinstance(address, Place) else Path(address)
    scheme = found[1].lower()
    if scheme in _HERE:
        return Path(found[2])
    place = Place(f"{scheme}://{found[2].strip('/')}")
    place.fs  # noqa: B018  # a library that is missing shows here
    return cast(Path, place)


def find_far(path: object) -> Place | None:
    """The path if it is in a store, None if it is one of this machine."""
    return path if isinstance(path, Place) else None


@total_ordering
class Place:
    """A file or a folder of a store.

    Credentials, the address of a server and the like are the store's own matter: its library finds
    them in the environment and in its files, on every machine that opens the place.

    Args:
        address: `protocol://path`, without a slash at its end.
    """

    def __init__(self, address: str) -> None:
        self._address = address

    @property
    def scheme(self) -> str:
        """`s3` of `s3://bucket/run`."""
        return self._address.partition("://")[0]

    @property
    def fs(self) -> Any:
        """The file system of fsspec, which it keeps one of in a process.

        Raises:
            UsageError: no installed library opens such addresses.
        """
        return self._opened()[0]

    def _opened(self) -> tuple[Any, str]:
        import fsspec

        try:
            # Others write there too: what was listed a moment ago is not what is there now.
            fs, path = fsspec.core.url_to_fs(self._address, use_listings_cache=False)
        except ImportError as error:
            extra = '`pip install "dimsum-plus[s3]"`' if self.scheme in ("s3", "s3a") else ""
            raise UsageError(
                f"{self.scheme}:// needs a library that is not installed",
                hint=extra or str(error),
            ) from error
        except ValueError as error:
            raise UsageError(
                f"{self._address}: nothing opens {self.scheme}://",
                hint="a path, s3://BUCKET/RUN, or another protocol of fsspec",
            ) from error
        return fs, str(path)

    @property
    def name(self) -> str:
        """The last part."""
        return self._address.rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The last part without its ending."""
        return self.name.rpartition(".")[0] or self.name

    @property
    def parent(self) -> Place:
        """The folder around it."""
        return Place(self._address.rpartition("/")[0])

    def __truediv__(self, name: str | Path) -> Place:
        return Place(f"{self._address}/{name}")

    def with_name(self, name: str) -> Place:
        """Another one in the same folder."""
        return self.parent / name

    def relative_to(self, other: Place) -> str:
        """What follows the address of a folder around it."""
        return self._address.removeprefix(f"{other}/")

    def absolute(self) -> Place:
        """Itself."""
        return self

    def __str__(self) -> str:
        return self._address

    def __repr__(self) -> str:
        return f"Place({self._address!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place) and self._address == other._address

    def __lt__(self, other: Place) -> bool:
        return self._address < other._address

    def __hash__(self) -> int:
        return hash(self._address)

    def exists(self) -> bool:
        """Whether there is a file or a folder."""
        return bool(self._ask("exists"))

    def is_file(self) -> bool:
        """Whether there is a file."""
        return bool(self._ask("isfile"))

    def is_dir(self) -> bool:
        """Whether there is a folder, which in an object store is anything whose name goes on."""
        return bool(self._ask("isdir"))

    def is_symlink(self) -> bool:
        """Never."""
        return False

    def iterdir(self) -> Iterator[Place]:
        """Files and folders in it; none where there is no such folder."""
        try:
            names = [str(name) for name in self._ask("ls", detail=False)]
        except FileNotFoundError:
            return
        own = self._opened()[1].strip("/")
        for name in sorted(names):
            if name.strip("/") != own:  # what some stores show of a folder in itself
                yield self / name.rstrip("/").rpartition("/")[2]

    def walk(self) -> Iterator[Place]:
        """Files in it and in all folders in it."""
        own = self._opened()[1].strip("/")
        try:
            names = [str(name).strip("/") for name in self._ask("find")]
        except FileNotFoundError:
            return
        for name in sorted(names):
            if name != own:
                yield self / name.removeprefix(own).strip("/")

    def glob(self, pattern: str) -> Iterator[Place]:
        """Files in it whose names match."""
        return (one for one in self.iterdir() if fnmatchcase(one.name, pattern))

    def mkdir(self, parents: bool = True, exist_ok: bool = True) -> None:
        """Make the folder where a store has such; in an object store it comes with its files."""
        if self.scheme in RENAMING:
            self._ask("makedirs", exist_ok=True)

    def unlink(self, missing_ok: bool = False) -> None:
        """Take a file away.

        Raises:
            FileNotFoundError: there is none.
        """
        try:
            self._ask("rm_file")
        except FileNotFoundError:
            if not missing_ok:
                raise

    def read_bytes(self) -> bytes:
        """A file's content."""
        return cast(bytes, self._ask("cat_file"))

    def read_text(self, encoding: str = "utf-8") -> str:
        """A small text file's content; not an empty one's, which has no first byte."""
        content: bytes = self._ask("cat_file", start=0)  # or s3fs first asks how much there is
        return content.decode(encoding)

    @contextmanager
    def open(self, mode: str = "rb") -> Iterator[IO[bytes]]:
        """A file to read parts of.

        Raises:
            FileNotFoundError: there is none.
            DimsumError: the store refuses, or does not answer.
        """
        fs, path = self._opened()
        with self.answered(), fs.open(path, mode, block_size=_CHUNK) as stream:
            yield stream

    @contextmanager
    def writer(self) -> Iterator[IO[bytes]]:
        """A file of this machine whose content is put in this place when it is whole.

        Raises:
            DimsumError: the store refuses, or does not answer.
        """
        with tempfile.NamedTemporaryFile("w+b", prefix="dimsum-") as stream:
            yield cast("IO[bytes]", stream)
            stream.flush()
            self.put(Path(stream.name))

    def put(self, file: Path) -> None:
        """Put a file of this machine in this place, whole or not at all.

        Raises:
            DimsumError: the store refuses, or does not answer.
        """
        fs, path = self._opened()
        try:
            with self.answered():
                if self.scheme not in RENAMING:
                    fs.put_file(str(file), path)
                    return
                folder, _, name = path.rpartition("/")
                scratch = f"{folder}/.{name}.{uuid4().hex}"
                fs.makedirs(folder, exist_ok=True)
                fs.put_file(str(file), scratch)
                fs.mv(scratch, path)
        except FileNotFoundError as error:
            raise self.no_bucket(error) from error

    def create(self, content: bytes) -> bool:
        """Write a file that is not there yet; whether it was not.

        Of two that do so at once one writes, where the store has a conditional put.

        Raises:
            DimsumError: the store refuses, or does not answer.
        """
        fs, path = self._opened()
        self.parent.mkdir()
        try:
            fs.pipe_file(path, content, mode="create")
        except FileExistsError:
            return False
        except FileNotFoundError as error:
            raise self.no_bucket(error) from error
        except Exception as error:  # some stores have no error of its own for it
            if self.exists():
                return False
            raise self.refusal(error) from error
        return True

    def age(self) -> float | None:
        """Seconds since a file was written, by the store's clock; None where it has none.

        Raises:
            FileNotFoundError: there is none.
        """
        now = self.with_name(f".clock.{uuid4().hex}")
        now.create(b"")
        try:
            written, here = self._ask("modified"), now._ask("modified")
            return float((here - written).total_seconds())
        except NotImplementedError:
            return None
        finally:
            now.unlink(missing_ok=True)

    def _ask(self, method: str, **arguments: Any) -> Any:
        fs, path = self._opened()
        with self.answered():
            return getattr(fs, method)(path, **arguments)

    @contextmanager
    def answered(self) -> Iterator[None]:
        """What a store refuses, in words; that nothing is there stays `FileNotFoundError`."""
        try:
            yield
        except (FileNotFoundError, NotImplementedError, DimsumError):
            raise
        except Exception as error:
            if type(error).__module__.startswith("pyarrow"):  # of what is in the file
                raise
            raise self.refusal(error) from error

    def refusal(self, error: Exception) -> DimsumError:
        """An error of the store's library in words."""
        kind, said = type(error).__name__, " ".join(str(error).split()).rstrip(".")
        if "Credential" in kind or "Token" in kind:
            return DimsumError(
                f"no credentials for {self}: {said}",
                hint="give them where the store's library looks, for s3 AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY or a profile",
            )
        if isinstance(error, PermissionError):
            return DimsumError(
                f"no permission for {self}: {said}",
                hint="the credentials in use want the right to list, read, write and delete there",
            )
        return DimsumError(
            f"{self} cannot be reached: {kind}: {said}",
            hint="check address and network; the same command goes on, what is finished is kept",
        )

    def no_bucket(self, error: Exception) -> DimsumError:
        """The error of a store that has no place for files of this address."""
        bucket = "/".join(self._address.split("/")[:3])
        return UsageError(
            f"there is no {bucket}: {' '.join(str(error).split()).rstrip('.')}",
            hint="make it first with the store's own tools, or check the name",
        )


@contextmanager
def open_source(path: Path, whole: bool = False) -> Iterator[Any]:
    """What pyarrow reads a file from: its path, or a stream of one in a store.

    Args:
        whole: all of it is read anyway, so one request brings it.

    Raises:
        OSError: it is not there.
    """
    place = find_far(path)
    if place is None:
        yield path
    elif whole:
        yield BytesIO(place.read_bytes())
    else:
        with place.open() as stream:
            yield stream
