"""A definition written, and tried on pairs given by hand."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path

import pytest

from builder.cli import run
from tests.student_toys import write_jsonl

LONG = "The council closed the old bridge to lorries on Tuesday after a long debate in the hall."
PAIRS = [
    {"source": LONG, "target": "The council closed the old bridge to lorries."},
    {"source": LONG, "target": LONG},
    {"source": LONG, "target": "The council closed 12 bridges."},
    {"source": LONG, "target": None},
    {"source": " ", "target": "One."},
]


def test_a_new_definition_can_be_tried_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_jsonl(tmp_path / "pairs.jsonl", PAIRS)
    assert run(["task", "new", "key_fact", "-o", "tried_tasks.py"]) == 0
    assert "dimsum task check tried_tasks:KEY_FACT" in capfd.readouterr().out
    words = ["task", "check", "tried_tasks:KEY_FACT", "pairs.jsonl"]
    assert run([*words, "--with", "summary", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    passes = [pair["passes"] for pair in found["pairs"]]
    assert passes == [True, False, False]
    assert found["pairs"][1]["failed"] == {"compression": 1.0}
    assert found["pairs"][2]["failed"] == {"numbers_forward": 0.0}
    assert found["pairs"][0]["also"] == ["summary"] and found["pairs"][2]["also"] == []
    assert found["rules"]["compression"] == {"min": 0.1, "max": 0.8, "passed": 2}
    assert found["untried"] == ["entail_forward"]
    assert found["dropped"] == {"null": 1, "empty": 1}
    assert run(words) == 0
    shown = capfd.readouterr().out
    assert "fails: compression 1" in shown and "need a model: entail_forward" in shown
    assert run(["task", "new", "key_fact", "-o", "tried_tasks.py"]) == 2
    assert "exists" in capfd.readouterr().err
    assert run(["task", "new", "key_fact", "-o", "else where/other_tasks.py"]) == 0
    assert "with: cd 'else where'; dimsum task check" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("rules={", "rules={}, version={"), "has no rules"),
        (('"compression": {"min": 0.1, "max": 0.8},', '"compresion": {"max": 1},'), "nobody"),
        (('{"min": 1}', '{"mn": 1}'), "numbers_forward has the end 'mn'"),
        (('{"min": 1}', '{"min": "one"}'), "min is 'one', not a number"),
        (('{"min": 1}', '{"min": 2, "max": 1}'), "min 2 is above max 1"),
        (('("forward",)', '("sideways",)'), "'sideways' is no direction"),
        (('verbs="writes",', ""), "missing 1 required positional argument: 'verbs'"),
        (("hub=", "code_of=lambda pair: 1 / 0, hub="), "code_of of the task fact fails for the"),
        (("hub=", "code_of=lambda pair: 'typo', hub="), "'typo' is no control code"),
        (("FACT = ", "(\nFACT = "), "SyntaxError: '(' was never closed"),
        (("FACT = ", "1 / 0\nFACT = "), "ZeroDivisionError: division by zero"),
        (("FACT = ", "raise SystemExit(7)\nFACT = "), "SystemExit: 7"),
    ],
)
def test_a_faulty_definition_is_refused(
    change: tuple[str, str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write_jsonl(tmp_path / "pairs.jsonl", PAIRS)
    name = f"faulty_{sha256(''.join(change).encode()).hexdigest()[:8]}"
    assert run(["task", "new", "fact", "-o", f"{name}.py"]) == 0
    text = Path(f"{name}.py").read_text()
    assert change[0] in text
    Path(f"{name}.py").write_text(text.replace(*change))
    assert run(["task", "check", f"{name}:FACT", "pairs.jsonl"]) == 2
    said = capfd.readouterr().err.splitlines()
    assert message in said[0] and len(said) == 2
    if "cannot be imported" in said[0]:
        assert re.search(rf"{name}.py, line \d+$", said[1])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["new", "Big Name"], "cannot be the name of a task"),
        (["new", "überschrift"], "cannot be the name of a task"),
        (["new", "_"], "cannot be the name of a task"),
        (["new", "summary", "-o", "my_summary.py"], "there is a task 'summary'"),
        (["new", "fact", "-o", "my-tasks.py"], "cannot be imported"),
        (["new", "fact", "-o", "json.py"], "there is a module 'json'"),
        (["new", "fact", "-o", "__main__.py"], "there is a module '__main__'"),
        (["check", ".my_tasks:FACT", "pairs.jsonl"], "'.my_tasks' is no module"),
        (["check", "summary", "."], "no file at ."),
        (["check", "summry", "pairs.jsonl"], "did you mean 'summary'"),
    ],
)
def test_what_cannot_be_a_task_gets_one_clear_line(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write_jsonl(tmp_path / "pairs.jsonl", PAIRS)
    assert run(["task", *words]) == 2
    assert message in capfd.readouterr().err
