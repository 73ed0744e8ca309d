from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from dimsum.errors import DimsumError
from dimsum.files import open_atomic, open_whole_file, to_json, write_json, write_text


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep/file.txt"
    write_text(path, "one")
    with pytest.raises(ZeroDivisionError), open_atomic(path) as stream:
        stream.write(b"two")
        raise ZeroDivisionError
    assert path.read_text() == "one"
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


def test_a_text_that_breaks_off_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    with open_whole_file(path) as stream:
        stream.write("é\n")
    assert path.read_bytes() == "é\n".encode()
    with pytest.raises(ZeroDivisionError), open_whole_file(path) as stream:
        stream.write("two")
        raise ZeroDivisionError
    assert path.read_text(encoding="utf-8") == "é\n"
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]


def test_what_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DimsumError, match="cannot write"):
        write_text(tmp_path / "file/inside.txt", "x")


def test_a_real_limit_on_file_size_is_a_full_disk(tmp_path: Path) -> None:
    import resource
    import signal

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(DimsumError, match="no room left"):
            write_text(tmp_path / "big.txt", "x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert list(tmp_path.iterdir()) == []


def test_a_number_that_json_has_no_word_for_is_null(tmp_path: Path) -> None:
    value = {"a": [1.5, math.nan, (math.inf,)], "b": {"c": -math.inf}, "d": "NaN"}
    wanted = {"a": [1.5, None, [None]], "b": {"c": None}, "d": "NaN"}
    assert json.loads(to_json(value), parse_constant=pytest.fail) == wanted
    write_json(tmp_path / "a.json", value)
    assert json.loads((tmp_path / "a.json").read_text(), parse_constant=pytest.fail) == wanted
    assert json.loads(to_json({"a": math.nan, "b": Path("x")}, default=str)) == {
        "a": None,
        "b": "x",
    }
