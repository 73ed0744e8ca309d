from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest

from builder.config import DomainConfig
from builder.domains import list_cities, load_openings, read_openings, read_words
from builder.errors import ConfigError


def test_a_difficult_file_of_openings(tmp_path: Path) -> None:
    path = tmp_path / "openings.txt"
    text = "\ufeffFirst\r\n\n   \nSecond\nbell \x07 here\n" + "x" * 1_000_000 + "\nFirst\nÜber\n"
    path.write_bytes(text.encode())
    kept, skipped = read_openings(path)
    assert kept == ["First", "Second", "Über"]
    assert skipped == {"control_characters": 1, "too_long": 1, "repeated": 1}


def test_files_that_cannot_serve(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no file of openings"):
        read_openings(tmp_path / "none.txt")
    (tmp_path / "latin.txt").write_bytes(b"fine\ncaf\xe9\n")
    with pytest.raises(ConfigError, match="line 2, column 4, is not UTF-8"):
        read_openings(tmp_path / "latin.txt")
    (tmp_path / "empty.txt").write_text("\n \n")
    with pytest.raises(ConfigError, match="no usable opening"):
        read_openings(tmp_path / "empty.txt")


def test_datelines_come_in_the_shares_of_the_source() -> None:
    draw = load_openings(DomainConfig(name="news")).draw
    rng = random.Random(0)
    drawn = [draw(rng) for _ in range(4000)]
    bare = sum(bool(re.fullmatch(r"\([^()]+\) --", line)) for line in drawn)
    city = sum(bool(re.fullmatch(r"[^(]*, [^(]* \([^()]+\) --", line)) for line in drawn)
    assert abs(bare / 4000 - 0.5) < 0.03
    assert abs(city / 4000 - 0.25) < 0.03
    assert len(list_cities()) > 500


def test_the_other_kinds() -> None:
    rng = random.Random(0)
    assert load_openings(DomainConfig(name="r", kind="reddit")).draw(rng).endswith(" Text:")
    sections = {
        load_openings(DomainConfig(name="b", kind="biomedical")).draw(rng) for _ in range(60)
    }
    assert sections == {"Abstract:", "Introduction:", "Method:", "Conclusion:"}


@pytest.mark.parametrize("kind", ["beginnings", "subjects"])
def test_beginnings_are_first_words_of_a_sentence(kind: Any) -> None:
    draw = load_openings(DomainConfig(name="towns", kind=kind, strip_opening=False)).draw
    rng = random.Random(0)
    drawn = {draw(rng) for _ in range(300)}
    assert len(drawn) > 30
    assert all(one[0].isupper() and one.rstrip(",")[-1].isalnum() for one in drawn)


def test_each_beginning_stands_once_in_one_list() -> None:
    both = [*read_words("beginnings"), *read_words("subjects")]
    assert len(set(both)) == len(both)
