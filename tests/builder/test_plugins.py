"""Tasks, methods, measures and engines are found by name in one way."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from importlib import import_module
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import pytest
import yaml

import dimsum.plugins
from builder import cli
from builder.engines import ENGINES
from builder.errors import ConfigError
from builder.measures.registry import MEASURES, load_registry
from builder.methods.registry import METHODS
from dimsum.errors import UsageError
from dimsum.plugins import Plugins
from dimsum.tasks.registry import TASKS

ECHO = "tests.builder.methods.test_own_method:ECHO"
SAME_START = "tests.measures.own:SAME_START"
Install = Callable[..., None]
KINDS = pytest.mark.parametrize(
    ("plugins", "place", "name"),
    [
        pytest.param(TASKS, "tests.tasks.headline:HEADLINE", "headline", id="task"),
        pytest.param(METHODS, ECHO, "echo", id="method"),
        pytest.param(MEASURES, SAME_START, "same_start", id="measure"),
        pytest.param(
            ENGINES, "tests.builder.engines.backwards:BackwardsSettings", "last_first", id="engine"
        ),
    ],
)


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Lets packages of others be installed."""

    def install(group: str, **values: str) -> None:
        points = EntryPoints(EntryPoint(name, value, group) for name, value in values.items())
        monkeypatch.setattr(
            dimsum.plugins, "entry_points", lambda group: points.select(group=group)
        )

    return install


@KINDS
def test_one_is_found_under_each_of_its_names(
    plugins: Plugins[Any], place: str, name: str, install: Install
) -> None:
    module, _, attribute = place.partition(":")
    own = getattr(import_module(module), attribute)
    install(f"dimsum_plus.{plugins.word}s", **{name: place, "broken": "tests.nowhere:X"})
    assert plugins.names() == (*plugins.shipped, *sorted([name, "broken"]))
    assert plugins.find(place) is own
    assert plugins.find(name) is own
    assert plugins.shipped
    for shipped, one in plugins.shipped.items():
        assert plugins.find(shipped) is one
        assert getattr(one, "name", shipped) == shipped


@KINDS
def test_what_is_none_is_refused(
    plugins: Plugins[Any], place: str, name: str, install: Install
) -> None:
    first = next(iter(plugins.shipped))
    install(plugins.group, broken="tests.nowhere:X", other="builder.store:Run")
    refused = {
        first + "x": f"no {plugins.word} is called '{first}x'; did you mean '{first}'",
        name: f"no {plugins.word} is called '{name}'",
        "broken": r"the entry point broken \(tests.nowhere:X\) cannot be imported",
        "tests.nowhere:X": "tests.nowhere:X cannot be imported",
        place + "_NOT": "cannot be imported",
        ":X": "cannot be imported",
        "builder.store:Run": "builder.store:Run is",
        "other": r"the entry point other \(builder.store:Run\) is",
    }
    for reference, message in refused.items():
        with pytest.raises(UsageError, match=message) as caught:
            plugins.find(reference)
        assert "\n" not in caught.value.message
    with pytest.raises(UsageError) as caught:
        plugins.find(name)
    assert caught.value.hint == (
        f"{plugins.word}s are {', '.join(plugins.shipped)}, broken, other; "
        "one of your own is module:name"
    )


@pytest.mark.parametrize("plugins", [TASKS, METHODS, MEASURES], ids=lambda p: p.word)
def test_an_entry_point_has_the_name_of_what_it_holds(
    plugins: Plugins[Any], install: Install
) -> None:
    module = {"task": "tests.tasks.headline:HEADLINE", "method": ECHO, "measure": SAME_START}
    install(plugins.group, another=module[plugins.word])
    with pytest.raises(UsageError, match=f"holds a {plugins.word} that is called"):
        plugins.find("another")


def test_the_source_is_of_both_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, install: Install
) -> None:
    named, written = tmp_path / "my_named.py", tmp_path / "my_written.py"
    written.write_text("class Called:\n    def __call__(self, batch): ...\ndef give(batch): ...\n")
    named.write_text("from my_written import give\nTHING = 1\ndef here(batch): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    things = Plugins("thing", lambda found, _: found, {"one": 1.5})
    install(things.group, THING="my_named:THING")
    try:
        own, other = import_module("my_named"), import_module("my_written")
        assert things.source_hash("one", own.give) == ""
        hashes = [sha256(file.read_bytes()).hexdigest() for file in (named, written)]
        for reference in ("my_named:THING", "THING"):
            assert things.source_hash(reference, own.here) == hashes[0]
            assert things.source_hash(reference, len) == hashes[0]
            for function in (own.give, partial(own.give, 1), other.Called()):
                assert things.source_hash(reference, function) == "+".join(hashes)
        for file in (named, written):
            before = things.source_hash("THING", own.give)
            file.write_text(file.read_text() + "# edited\n")
            assert things.source_hash("THING", own.give) != before
        named.unlink()
        written.unlink()
        with pytest.raises(UsageError, match="THING has no source file"):
            things.source_hash("THING", own.give)
    finally:
        for module in ("my_named", "my_written"):
            sys.modules.pop(module, None)


def test_a_measure_that_is_always_there_need_not_be_named() -> None:
    with pytest.raises(ConfigError, match="another measure is called 'rouge_l'") as caught:
        load_registry(("rouge_l",))
    assert "rouge_l" in caught.value.hint


def test_a_fault_in_a_file_of_one_s_own_is_named_with_its_line(
    toy_document: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Also where it shows only when the build comes to it."""
    file = tmp_path / "my_failing.py"
    file.write_text(
        "from builder.measures.base import Column, Measure\n"
        "def compute(batch):\n"
        "    return [1 / 0]\n"
        'FAILING = Measure("failing", (Column("failing", "", ""),), "cheap", "forward", compute)\n'
    )
    monkeypatch.syspath_prepend(tmp_path)
    toy_document["measures"] = ["my_failing:FAILING"]
    toy_document["contexts"]["openings"] = 1
    (tmp_path / "toy.yaml").write_text(yaml.safe_dump(toy_document))
    assert cli.run(["build", str(tmp_path / "toy.yaml"), "-o", str(tmp_path / "run")]) == 1
    said = capfd.readouterr().err.splitlines()
    assert said[-2] == f"Error: {file}, line 3: ZeroDivisionError: division by zero."
    assert said[-1].startswith("Hint:  correct that file")
