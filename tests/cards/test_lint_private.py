"""What the lint finds of the machine and the people behind a release."""

from __future__ import annotations

import getpass
import json
import socket
from pathlib import Path

import pytest

from cards.lint_private import find_private

CARD = (
    "---\nlicense: mit\n---\n# Data\n\nSee https://example.org/home/page and data/train.parquet.\n"
)


def rules(folder: Path, card: str = CARD) -> list[tuple[str, str, str]]:
    return [(f.level, f.rule, f.where) for f in find_private(folder, card)]


def put(folder: Path, name: str, value: object) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))


@pytest.mark.parametrize(
    "path",
    [
        "/home/ann/openings.txt",
        "/Users/ann/models/t5",
        "/root/run",
        "/tmp/x/critic",
        "/mnt/data/x.jsonl",
        "file:///home/ann/x",
        "~/corpora/x.txt",
        "C:\\Users\\ann\\x.txt",
        "C:/Users/ann/x.txt",
    ],
)
def test_a_local_path_is_found_wherever_it_stands(path: str, tmp_path: Path) -> None:
    put(tmp_path, "provenance/models.json", {"teacher": {"reference": path}})
    put(tmp_path, "config.json", {"_name_or_path": path})
    put(tmp_path, "provenance/config.yaml", f"domains:\n- file: {path}\n")
    card = CARD + f"\nIt was made from {path}.\n"
    found = rules(tmp_path, card)
    places = ("README.md", "config.json", "provenance/config.yaml", "provenance/models.json")
    assert sorted(found) == [("error", "local-path", place) for place in places]
    messages = [f.message for f in find_private(tmp_path, card) if f.where == "README.md"]
    assert messages[0].endswith(path)


def test_what_is_no_path_of_a_machine_is_left_alone(tmp_path: Path) -> None:
    put(tmp_path, "provenance/config.yaml", "forbidden: ['/r/', '/']\nmodel: owner/home/x\n")
    put(tmp_path, "provenance/statistics.json", {"rate": "3/4", "at": "12:30", "is": "and/or"})
    put(tmp_path, "tokenizer.json", {"vocab": {"/home/x/y": 1}})
    put(tmp_path, ".cache/x.json", {"at": "/home/ann/x"})
    assert rules(tmp_path) == []


def test_a_path_in_a_row_of_data_is_a_warning(tmp_path: Path) -> None:
    card = CARD + "\n| source | target |\n|---|---|\n| Look in /home/ann/x now. | Look there. |\n"
    assert rules(tmp_path, card) == [("warning", "local-path", "README.md")]


def test_names_of_the_machine_and_its_user_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "gpu-box17.lab.example")
    monkeypatch.setattr(getpass, "getuser", lambda: "annsmith")
    put(tmp_path, "provenance/run.json", {"host": "gpu-box17", "by": "annsmith"})
    put(tmp_path, "provenance/facts.json", {"repo_id": "annsmith/recipes"})
    assert rules(tmp_path) == [("error", "private-name", "provenance/run.json")] * 2
    monkeypatch.setattr(socket, "gethostname", lambda: "localhost")
    monkeypatch.setattr(getpass, "getuser", lambda: "root")
    put(tmp_path, "provenance/run.json", {"host": "localhost", "by": "root"})
    assert rules(tmp_path) == []


def test_a_user_may_be_called_as_a_word_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "sentences")
    monkeypatch.setattr(getpass, "getuser", lambda: "rose")
    put(tmp_path, "provenance/facts.json", {"examples": ["The river rose."]})
    card = CARD + "\nSentences and their sentences.\n| source |\n|---|\n| The river rose. |\n"
    places = ("README.md", "provenance/facts.json")
    assert rules(tmp_path, card) == [("warning", "private-name", place) for place in places]
    assert rules(tmp_path, CARD) == [("error", "private-name", "provenance/facts.json")]


def test_a_token_is_found_and_not_repeated(tmp_path: Path) -> None:
    token = "hf_" + "a1B2" * 8
    put(tmp_path, "provenance/config.yaml", f"token: {token}\n")
    (found,) = find_private(tmp_path, CARD)
    assert (found.level, found.rule, found.where) == ("error", "secret", "provenance/config.yaml")
    assert token not in found.message
