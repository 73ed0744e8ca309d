"""A run in a store: the same bytes as in a folder, whatever is cut short, and errors in words."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from builder.cli import run as dimsum
from builder.config import BuildConfig, parse_config
from builder.errors import BuilderError, ConfigError
from builder.fetched import bring_here
from builder.run import BuildResult
from builder.run import build as build_anew
from builder.store import Run
from dimsum import place_lock
from dimsum.errors import DimsumError, UsageError
from dimsum.files import hash_file
from dimsum.lock import Busy, hold
from dimsum.places import Place, find_far, parse_place
from dimsum.settings import apply_overrides
from tests.forked import fork_workers, start, start_command
from tests.stores import missing_for_s3, serve_s3


def build(config: BuildConfig, folder: str | Path) -> BuildResult:
    return build_anew(config, folder, keep_models=True)


class Renaming(MemoryFileSystem):
    """A store with files and folders, as one that is reached by SFTP."""

    protocol = "sftp"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    moved: ClassVar[list[tuple[str, str]]] = []

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.removeprefix("sftp:/"))

    def mv(self, path1: str, path2: str, **arguments: Any) -> None:
        self.moved.append((path1, path2))
        super().mv(path1, path2, **arguments)


@pytest.fixture(scope="module")
def toy_run(
    toy_run: tuple[Path, BuildConfig], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, BuildConfig]:
    """One with fewer units and pairs, as each unit is many requests; to be read, not changed."""
    fewer = ["duplicates.buckets=2", "contexts.openings=4", "candidates.samples=10"]
    splits = ["splits.validation=0.2", "splits.test=0.2"]  # so that none is empty
    config = apply_overrides(toy_run[1], fewer + splits)
    folder = tmp_path_factory.mktemp("small") / "run"
    build(config, folder)
    return folder, config


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """Where a new run can be, on a server of S3 that this process and its children know."""
    if lacking := missing_for_s3():
        pytest.skip(lacking)
    with serve_s3():
        yield "s3://bucket/runs"


@pytest.fixture(params=["memory", "sftp", "s3"])
def address(request: pytest.FixtureRequest) -> str:
    """A new run's, in each kind of store."""
    if request.param == "s3":
        return f"{request.getfixturevalue('s3')}/{uuid4().hex}"
    fsspec.register_implementation("sftp", Renaming, clobber=True)
    return f"{request.param}://store/{uuid4().hex}"


def place(address: str) -> Place:
    found = find_far(parse_place(address))
    assert found is not None
    return found


TIMED = ("README.md", "checksums.json", "facts.json", "funnel.json")
"""Files of a release that say how many seconds its stages took."""


def tables(folder: Path | Place) -> dict[str, str]:
    """Names of all files, with the sha256 of every table and of what a release says beside them."""
    if isinstance(folder, Place):
        files = {path.relative_to(folder): path for path in folder.walk()}
    else:
        found = [path for path in folder.rglob("*") if path.is_file()]
        files = {path.relative_to(folder).as_posix(): path for path in found}
    return {
        name: hash_file(path)  # type: ignore[arg-type]
        if name.endswith(".parquet")
        or (name.startswith("dimsum_plus/") and not name.endswith((*TIMED, ".png", ".svg")))
        else ""
        for name, path in sorted(files.items())
    }


def test_a_run_in_a_store_has_the_bytes_of_one_in_a_folder(
    toy_run: tuple[Path, BuildConfig], address: str
) -> None:
    folder, config = toy_run
    result = build(config, address)
    assert result.run == place(address)
    assert str(result.dataset) == f"{address}/dimsum_plus"
    assert len(tables(folder)) > 50
    assert tables(place(address)) == tables(folder)
    for stage in ("contexts", "splits"):
        one, other = (Run.open(parse_place(x)).sidecar(stage, 0) for x in (str(folder), address))
        assert one is not None and other is not None
        assert one.fingerprint == other.fingerprint and one.files == other.files
    if address.startswith("sftp"):
        into = {new for _, new in Renaming.moved}
        assert f"/store/{place(address).name}/run.json" in into
        assert all(old.rpartition("/")[2].startswith(".") for old, _ in Renaming.moved)


def rows(folder: Path | Place) -> dict[str, str]:
    """The sha256 of every table, which no engine changes; the released settings name the engine."""
    return {name: sha for name, sha in tables(folder).items() if name.endswith(".parquet")}


def cut_at(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Let the store fail when a file of this name is to be written."""
    put = Place.put

    def fail(self: Place, file: Path) -> None:
        if str(self).endswith(name):
            raise DimsumError("the store has gone away")
        put(self, file)

    monkeypatch.setattr(Place, "put", fail)


@pytest.mark.parametrize("name", ["pairs/00001.json", "dimsum_plus/provenance/checksums.json"])
def test_what_was_cut_short_is_made_again_and_nothing_else(
    toy_run: tuple[Path, BuildConfig], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder, config = toy_run
    run = place(f"memory://store/{uuid4().hex}")
    with monkeypatch.context() as patch:
        cut_at(patch, name)
        with pytest.raises(DimsumError, match="gone away"):
            build(config, str(run))
    assert not (run / name).exists()
    assert (run / "pairs/00000.json").exists()
    opened = Run.open(parse_place(str(run)))
    if name == "pairs/00001.json":
        assert (run / "pairs/00001.parquet").exists()
        assert opened.sidecar("pairs", 1) is None
    written: list[str] = []
    put = Place.put
    with monkeypatch.context() as patch:
        patch.setattr(Place, "put", lambda s, file: (written.append(str(s)), put(s, file))[1])
        build(config, str(run))
    assert tables(run) == tables(folder)
    assert f"{run}/{name}" in written
    assert f"{run}/pairs/00000.parquet" not in written


def build_until_a_sidecar(document: dict[str, Any], run: str) -> None:
    """End at once where the sidecar of a unit would be written."""
    put = Place.put

    def die(self: Place, file: Path) -> None:
        if str(self).endswith("scores/00001.json"):
            os.kill(os.getpid(), signal.SIGKILL)
        put(self, file)

    Place.put = die  # type: ignore[method-assign]
    build(parse_config(document), run)


def test_a_build_that_was_killed_before_a_sidecar_goes_on_at_once(
    toy_run: tuple[Path, BuildConfig], s3: str
) -> None:
    folder, config = toy_run
    run = place(f"{s3}/{uuid4().hex}")
    died = start(build_until_a_sidecar, config.model_dump(mode="json"), str(run))
    died.join()
    assert died.exitcode == -signal.SIGKILL
    assert (run / "scores/00001.parquet").exists() and not (run / "scores/00001.json").exists()
    assert (run / ".lock").exists()
    build(config, str(run))
    assert tables(run) == tables(folder)


def test_processes_build_in_a_store(
    toy_run: tuple[Path, BuildConfig], s3: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fork_workers(monkeypatch)
    folder, config = toy_run
    run = f"{s3}/{uuid4().hex}"
    build(apply_overrides(config, ["run.engine={kind: processes, workers: 2}"]), run)
    assert rows(place(run)) == rows(folder)


def test_ray_builds_in_a_store(toy_run: tuple[Path, BuildConfig], s3: str) -> None:
    pytest.importorskip("ray")
    folder, config = toy_run
    run = f"{s3}/{uuid4().hex}"
    build(apply_overrides(config, ["run.engine={kind: ray, address: local, workers: 2}"]), run)
    assert rows(place(run)) == rows(folder)


def test_the_memory_of_a_process_is_for_one_process(toy_run: tuple[Path, BuildConfig]) -> None:
    config = apply_overrides(toy_run[1], ["run.engine={kind: processes, workers: 2}"])
    with pytest.raises(ConfigError, match="memory of this process"):
        build(config, "memory://store/two")
    assert not place("memory://store/two").exists()


@pytest.fixture(scope="module")
def stored(toy_run: tuple[Path, BuildConfig], s3: str) -> str:
    """A finished run on the server; to be read, not to be changed."""
    run = f"{s3}/finished"
    build(toy_run[1], run)
    return run


def untimed(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in step.items() if k != "seconds"} for step in steps]


def ask(capfd: pytest.CaptureFixture[str], *words: str) -> Any:
    assert dimsum([*words, "--json"]) == 0
    return json.loads(capfd.readouterr().out)


def test_commands_say_the_same_of_a_run_wherever_it_is(
    toy_run: tuple[Path, BuildConfig],
    stored: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    folder = str(toy_run[0])
    assert ask(capfd, "status", stored) == ask(capfd, "status", folder)
    assert untimed(ask(capfd, "show", stored)) == untimed(ask(capfd, "show", folder))
    assert ask(capfd, "show", stored, "--rejects") == ask(capfd, "show", folder, "--rejects")
    rules = ["--set", "rules.summary.entail_forward.min=0.5", "--dry-run"]
    assert ask(capfd, "rescore", stored, *rules) == ask(capfd, "rescore", folder, *rules)
    assert ask(capfd, "stats", stored, "--quiet") == ask(capfd, "stats", folder, "--quiet")
    row = Run.open(parse_place(folder)).read("splits", 0)["id"][0].as_py()
    assert ask(capfd, "trace", stored, row) == ask(capfd, "trace", folder, row)
    for corpus, page in ((stored, "stored.html"), (folder, "folder.html")):
        assert dimsum(["report", corpus, "-o", str(tmp_path / page)]) == 0
    texts = {row["source"] for row in Run.open(parse_place(folder)).read("splits", 0).to_pylist()}
    pages = [(tmp_path / name).read_text() for name in ("stored.html", "folder.html")]
    there, here = (sorted(text for text in texts if text in page) for page in pages)
    assert there == here and len(there) > len(texts) / 2


def test_a_row_of_a_store_is_made_anew(stored: str, capfd: pytest.CaptureFixture[str]) -> None:
    row = Run.open(parse_place(stored)).read("splits", 0)["id"][0].as_py()
    made = ask(capfd, "trace", stored, row, "--again")["again"]
    assert made and all(made.values())


def test_a_release_of_a_store_is_written_here(stored: str, tmp_path: Path) -> None:
    there = place(stored) / "dimsum_plus"
    for _ in range(2):  # a release may be replaced
        assert dimsum(["release", stored, "-o", str(tmp_path / "release")]) == 0
        found = [path for path in (tmp_path / "release").rglob("*") if path.is_file()]
        assert len(found) == len([*there.walk()]) > 15
        for path in found:
            name = path.relative_to(tmp_path / "release").as_posix()
            assert path.suffix == ".svg" or path.read_bytes() == (there / name).read_bytes()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/mine.txt").write_text("mine")
    assert dimsum(["release", stored, "-o", str(tmp_path / "other")]) == 2
    assert (tmp_path / "other/mine.txt").read_text() == "mine"


def test_other_rules_are_applied_in_a_store(
    toy_run: tuple[Path, BuildConfig], tmp_path: Path
) -> None:
    rule = ["--set", "rules.summary.entail_forward.min=0.5"]
    run = f"memory://store/{uuid4().hex}"
    for folder in (run, str(tmp_path / "run")):
        build(toy_run[1], folder)
        assert dimsum(["rescore", folder, *rule]) == 0
    assert tables(place(run)) == tables(tmp_path / "run")


def test_a_unit_whose_table_was_changed_is_not_taken(
    toy_run: tuple[Path, BuildConfig], capfd: pytest.CaptureFixture[str]
) -> None:
    folder, config = toy_run
    run = place(f"memory://store/{uuid4().hex}")
    build(config, str(run))
    table = run / "duplicates/00000.parquet"
    table.fs.pipe_file(table._opened()[1], table.read_bytes()[:-1] + b"!")
    found = ask(capfd, "status", str(run))
    assert found["state"] == "stopped" and found["damaged"] == ["duplicates/00000.parquet"]
    with (
        pytest.raises(BuilderError, match=r"duplicates/00000\.parquet is missing or damaged"),
        bring_here(str(run)),
    ):
        pass
    build(config, str(run))
    assert tables(run) == tables(folder)


def test_a_foreign_folder_is_left_alone(toy_run: tuple[Path, BuildConfig]) -> None:
    place("memory://store/theirs/data.csv").create(b"a")
    with pytest.raises(ConfigError, match="holds something that is not a run"):
        build(toy_run[1], "memory://store/theirs")
    assert [one.name for one in place("memory://store/theirs").walk()] == ["data.csv"]


def test_one_process_at_a_time_holds_a_place(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, lock = parse_place(address), place(address) / ".lock"
    with hold(folder, "building") as check:
        with pytest.raises(Busy, match=f"is building in {address} .process {os.getpid()} on"):
            hold(folder, "building").__enter__()
        check()
        assert lock.exists()
    assert [*place(address).walk()] == []

    monkeypatch.setattr(place_lock, "SETTLE", 0.0)
    monkeypatch.setattr(place_lock, "EVERY", 0.05)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    held = place_lock._Held(lock)
    gone = {**json.loads(held.content), "process": dead.pid}
    lock.create(json.dumps(gone).encode())
    with hold(folder, "building"):  # its process is gone, which is seen from its own machine
        assert json.loads(lock.read_text())["process"] == os.getpid()

    lock.create(json.dumps({**gone, "host": "elsewhere"}).encode())
    with pytest.raises(Busy, match="on elsewhere"):
        hold(folder, "building").__enter__()
    monkeypatch.setattr(place_lock, "SILENT", -1.0)  # so long silent that it counts as gone
    with hold(folder, "building") as check:
        held.write()  # another one thinks the same of us
        held_out = wait_for(lambda: raises(check, Busy))
        assert held_out
    assert json.loads(lock.read_text())["token"] == held.token


def raises(call: Callable[[], None], kind: type[Exception]) -> bool:
    try:
        call()
    except kind:
        return True
    return False


def wait_for(happened: Callable[[], bool]) -> bool:
    import time

    for _ in range(1200):
        if happened():
            return True
        time.sleep(0.05)
    return False


class Closed(MemoryFileSystem):
    """A store that shows what it has and takes nothing."""

    protocol = "closed"
    store: ClassVar[dict[str, Any]] = {}

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.removeprefix("closed:/"))

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **other: Any) -> None:
        raise PermissionError("Access Denied")


def two_lines(capfd: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command that cannot work says: what, and what to do."""
    assert dimsum([*words]) in (1, 2)
    said = capfd.readouterr().err
    lines = said.strip().splitlines()
    assert len(lines) == 2 and lines[0].startswith("Error: ") and lines[1].startswith("Hint:  ")
    return said


def test_what_a_store_refuses_is_said_in_two_lines(
    toy_yaml: Path, s3: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    begin = ["build", str(toy_yaml), "--quiet", "-o"]
    said = two_lines(capfd, *begin, "s3://nowhere/run")
    assert "there is no s3://nowhere" in said and "make it first" in said
    assert "s3://bucket/none is not a run" in two_lines(capfd, "status", "s3://bucket/none")
    fsspec.register_implementation("closed", Closed, clobber=True)
    said = two_lines(capfd, *begin, "closed://store/run")
    assert "no permission for closed://store/run/.lock: Access Denied" in said
    assert "nothing opens moon://" in two_lines(capfd, *begin, "moon://crater/run")
    assert "is no folder of this machine" in two_lines(capfd, "distill", "embedded", "-o", s3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, "no credentials for s3://"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "s3://bucket/run/run.json cannot be reached"),
    ],
)
def test_a_store_without_credentials_or_answer(
    toy_yaml: Path, s3: str, tmp_path: Path, change: dict[str, str | None], said: str
) -> None:
    changed = {**os.environ, **change}
    known = {name: value for name, value in changed.items() if value is not None}
    command = ["build", str(toy_yaml), "--quiet", "-o", "s3://bucket/run"]
    done = start_command(command, environment=known, output=tmp_path / "said")
    done.join()
    lines = (tmp_path / "said").read_text().strip().splitlines()
    assert done.exitcode == 1
    assert len(lines) == 2 and said in lines[0] and lines[1].startswith("Hint:")


def test_a_library_that_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    known = sys.modules["fsspec.registry"]._registry  # of what was found before
    monkeypatch.delitem(known, "s3", raising=False)
    said = two_lines(capfd, "status", f"s3://{uuid4().hex}/run")
    assert "s3:// needs a library that is not installed" in said
    assert 'pip install "dimsum-plus[s3]"' in said


def test_addresses(tmp_path: Path) -> None:
    assert parse_place("runs/a") == Path("runs/a")
    assert parse_place(f"file://{tmp_path}/run") == tmp_path / "run"
    assert parse_place(tmp_path) == tmp_path
    run = place("memory://store/a/run/")
    assert (str(run), run.name, str(run.parent)) == (
        "memory://store/a/run",
        "run",
        "memory://store/a",
    )
    assert run == place("memory://store/a/run") and run != place("memory://store/a")
    table = run / "pairs/00000.rejects.parquet"
    assert (table.name, table.stem) == ("00000.rejects.parquet", "00000.rejects")
    assert table.relative_to(run) == "pairs/00000.rejects.parquet"
    with pytest.raises(FileNotFoundError):
        table.read_bytes()
    with pytest.raises(FileNotFoundError):
        table.unlink()
    table.unlink(missing_ok=True)
    assert table.create(b"1") and not table.create(b"2")
    assert table.read_bytes() == b"1" and hash_file(table) == sha256(b"1").hexdigest()  # type: ignore[arg-type]
    assert [one.name for one in (run / "pairs").glob("*.parquet")] == [table.name]
    assert [one.name for one in (run / "pairs").glob("*.json")] == []
    assert [*run.walk()] == [table]
    assert [str(one) for one in run.iterdir()] == [f"{run}/pairs"]
    assert run.is_dir() and not run.is_file() and table.is_file() and not (run / "none").exists()
    with pytest.raises(UsageError, match="nothing opens moon://"):
        parse_place("moon://crater")
