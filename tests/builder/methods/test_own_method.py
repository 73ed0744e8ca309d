"""CONTRIBUTING.md, "Add a candidate method": one in this module, built with."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from builder.config import parse_config
from builder.errors import BuilderError
from builder.methods.base import Draw, Method, MethodSettings, Request
from builder.run import build
from builder.stages.candidates import STAGE
from builder.stages.order import count_units
from builder.store import Run
from dimsum.errors import UsageError

KIND = "tests.builder.methods.test_own_method:ECHO"
ENTRY = "dimsum_plus.methods"


class EchoSettings(MethodSettings):
    """Earlier sentences with a word at their end."""

    word: str = "again"


def echo(settings: EchoSettings, request: Request) -> list[Draw]:
    """No model at all: what was said, said longer."""
    draws = []
    for context, sentences in enumerate(request.earlier):
        for index in range(request.count):
            if index < len(sentences):
                text = f"{sentences[index].rstrip('.')} {settings.word}."
                draws.append(Draw(context, text, -1.0, len(text.split())))
            else:
                draws.append(Draw(context, reason="no_first_sentence"))
    return draws


ECHO = Method("echo", EchoSettings, echo, needs_earlier=True)


def pieces(code: str) -> dict[str, str]:
    """The settings, the function and the method of a module, without docstrings."""
    found = {}
    for node in ast.parse(code).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            if ast.get_docstring(node):
                del node.body[0]
            found[node.name] = ast.unparse(node)
        elif isinstance(node, ast.Assign):
            found[ast.unparse(node.targets[0])] = ast.unparse(node.value)
    return found


def test_it_is_the_method_that_contributing_shows() -> None:
    page = (Path(__file__).parents[3] / "CONTRIBUTING.md").read_text("utf-8")
    shown = pieces(page.partition("```python\n")[2].partition("```")[0])
    assert set(shown) == {"EchoSettings", "echo", "ECHO"}
    here = pieces(Path(__file__).read_text("utf-8"))
    assert shown == {name: here[name] for name in shown}


def with_echo(document: dict[str, Any], **settings: Any) -> dict[str, Any]:
    document["candidates"]["methods"][0]["share"] = 0.75
    document["candidates"]["methods"].append({"kind": KIND, "share": 0.25, **settings})
    return document


def test_a_method_of_ones_own_is_built_with(toy_document: dict[str, Any], tmp_path: Path) -> None:
    config = parse_config(with_echo(toy_document, word="twice"))
    build(config, tmp_path / "run")
    run = Run.open(tmp_path / "run")
    assert parse_config(run.header()["config"]) == config
    shards = range(count_units("candidates", config))
    rows = [row for n in shards for row in run.read("candidates", n).to_pylist()]
    own = [row for row in rows if row["method"] == "echo"]
    assert own and all(row["sentence"].endswith(" twice.") for row in own)
    per_context = Counter(row["context_id"] for row in own)
    assert max(per_context.values()) <= 3
    said = {(row["context_id"], row["sentence"]) for row in rows if row["method"] == "parallel"}
    for row in own:
        assert (row["context_id"], row["sentence"].removesuffix(" twice.") + ".") in said
    pairs = [row for n in shards for row in run.read("pairs", n).to_pylist()]
    of = {(row["context_id"], row["sentence"]): row["method"] for row in rows}
    for pair in pairs:
        both = {of[pair["context_id"], pair[side]] for side in ("source", "target")}
        assert pair["method"] == ("echo" if "echo" in both else "parallel")
    assert {pair["method"] for pair in pairs} == {"parallel", "echo"}


def test_its_settings_are_in_the_fingerprint(toy_document: dict[str, Any]) -> None:
    config = parse_config(with_echo(toy_document))
    other = parse_config({**toy_document, "candidates": {**toy_document["candidates"]}})
    assert STAGE.settings(config, 0) == STAGE.settings(other, 0)
    toy_document["candidates"]["methods"][1]["word"] = "once"
    assert STAGE.settings(config, 0) != STAGE.settings(parse_config(toy_document), 0)


@pytest.mark.parametrize("edited", ["my_method.py", "my_drawing.py"])
def test_an_edited_file_is_another_method(
    toy_document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edited: str
) -> None:
    """Of the module that names the method, and of the one in which it draws."""
    here = "from tests.builder.methods.test_own_method import EchoSettings, Method\n"
    text = f'{here}from my_drawing import draw\nMINE = Method("mine", EchoSettings, draw)\n'
    (tmp_path / "my_method.py").write_text(text)
    (tmp_path / "my_drawing.py").write_text("def draw(settings, request): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    document = with_echo(toy_document)
    document["candidates"]["methods"][1]["kind"] = "my_method:MINE"
    try:
        config = parse_config(document)
        before = STAGE.settings(config, 0)["methods"]
        with (tmp_path / edited).open("a") as file:
            file.write("# otherwise\n")
        after = STAGE.settings(config, 0)["methods"]
    finally:
        for module in ("my_method", "my_drawing"):
            sys.modules.pop(module, None)
    assert before[0] == after[0] == ["parallel", 1]
    assert before[1][:2] == after[1][:2] == ["mine", 1]
    assert before[1] != after[1]


def test_an_installed_method_is_found_by_its_name(
    toy_document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "echo-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: echo\nVersion: 1\n")
    (folder / "entry_points.txt").write_text(f"[{ENTRY}]\necho = {KIND}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    document = with_echo(toy_document)
    document["candidates"]["methods"][1]["kind"] = "echo"
    assert isinstance(parse_config(document).candidates.methods[1], EchoSettings)


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ([{"kind": "paralel"}], "no method is called 'paralel'; did you mean 'parallel'?"),
        ([{}], "every method needs a kind: parallel, sequential"),
        ([{"kind": "nowhere:METHOD"}], "nowhere:METHOD cannot be imported"),
        ([{"kind": "parallel", "temprature": 1}], "methods.0.temprature; did you mean"),
        ([{"kind": KIND}], "cannot be the first method"),
        ([{"kind": "parallel", "share": 0.4}, {"kind": "parallel", "share": 0.4}], "make 0.8"),
        ([{"kind": "parallel", "share": 0.99}, {"kind": KIND, "share": 0.01}], "is none"),
        ([{"kind": "parallel"}, {"kind": KIND, "wrod": "x"}], "methods.1.wrod; did you mean"),
        ([], "methods"),
    ],
)
def test_a_list_that_does_not_fit_is_refused(
    toy_document: dict[str, Any], methods: list[dict[str, Any]], message: str
) -> None:
    toy_document["candidates"]["methods"] = methods
    with pytest.raises(UsageError) as caught:
        parse_config(toy_document)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("samples", "shares", "counts"),
    [
        (24, [1.0], [24]),
        (16, [0.5, 0.5], [8, 8]),
        (100, [0.7, 0.2, 0.1], [70, 20, 10]),
        (7, [1 / 3, 1 / 3, 1 / 3], [2, 3, 2]),
    ],
)
def test_shares_become_counts(
    toy_document: dict[str, Any], samples: int, shares: list[float], counts: list[int]
) -> None:
    toy_document["candidates"]["samples"] = samples
    toy_document["candidates"]["methods"] = [
        {"kind": "parallel", "share": share} for share in shares
    ]
    assert parse_config(toy_document).candidates.counts == counts


def test_methods_that_only_find_take_no_samples(
    toy_document: dict[str, Any], tmp_path: Path
) -> None:
    candidates = toy_document["candidates"]
    candidates |= {"samples": 0, "methods": [{"kind": "quoted", "most": 1}]}
    config = parse_config(toy_document)
    assert config.candidates.counts == [0]
    with pytest.raises(BuilderError, match="no pair passed"):  # a sentence beside itself is none
        build(config, tmp_path / "run")
    run = Run.open(tmp_path / "run")
    contexts = run.read("contexts", 0).to_pylist()
    rows = run.read("candidates", 0).to_pylist()
    assert {row["method"] for row in rows} == {"quoted"}
    assert len(rows) == sum(row["sentences"] > 1 for row in contexts) > 0
    candidates["samples"] = 4
    with pytest.raises(UsageError, match="no method takes a share of the 4 samples"):
        parse_config(toy_document)
    for samples in (0, 1):
        candidates |= {"samples": samples, "methods": [{"kind": "parallel"}]}
        with pytest.raises(UsageError, match=f"samples is {samples}, less than 2"):
            parse_config(toy_document)


def test_two_free_methods_do_not_draw_the_same(
    toy_document: dict[str, Any], tmp_path: Path
) -> None:
    first = toy_document["candidates"]["methods"][0]
    half = {**first, "share": 0.5}
    toy_document["candidates"]["methods"] = [half, half]
    config = parse_config(toy_document)
    build(config, tmp_path / "run")
    steps = Run.open(tmp_path / "run").sidecar("candidates", 0)
    assert steps is not None
    table = Run.open(tmp_path / "run").read("candidates", 0)
    # One seed for both would make every draw of the second a repeat of the first's.
    assert steps.rejected.get("repeated", 0) < steps.entered / 2
    assert table.num_rows > steps.entered / 2
