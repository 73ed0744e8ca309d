"""The lint finds what the Hub or a reader would stumble on, one thing at a time."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from builder.cli import run
from builder.commands.card import card as card_command
from builder.errors import ConfigError, GateError
from builder.hub.shapes import read_parquet_shape
from cards.facts import FACTS_PATH
from cards.lint import lint
from cards.render import HAND_START
from tests.builder.hub.releases import make_dataset, make_student

DATA = "data/summary/train-00000-of-00001.parquet"


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("lint")
    make_student(root / "student")
    return make_dataset(root / "dimsum_plus")


@pytest.fixture
def folder(clean: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(clean, tmp_path / "dimsum_plus"))


@pytest.fixture
def student(clean: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(clean.parent / "student", tmp_path / "student"))


def rules(folder: Path, level: str = "error") -> set[str]:
    return {found.rule for found in lint(folder, read_parquet_shape) if found.level == level}


def edit(old: str, new: str) -> Callable[[Path], None]:
    """A change of the card; `old` is a regular expression that must be found."""

    def change(folder: Path) -> None:
        path = folder / "README.md"
        text, count = re.subn(old, new, path.read_text(), count=1, flags=re.MULTILINE)
        assert count
        path.write_text(text)

    return change


def put(path: str, content: str = "{}\n") -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)

    return change


def remove(path: str) -> Callable[[Path], None]:
    return lambda folder: (folder / path).unlink()


def cut(path: str) -> Callable[[Path], None]:
    return lambda folder: (folder / path).write_bytes((folder / path).read_bytes()[:-1])


def test_clean_folders(folder: Path, student: Path) -> None:
    assert lint(folder, read_parquet_shape) == []
    assert lint(student) == []


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (remove("README.md"), "no-card"),
        (edit("^license: .*", "license: [unclosed"), "broken-yaml"),
        (edit("^---$", ""), "broken-yaml"),
        (edit("^license: .*", "license: Apache 2"), "licence"),
        (edit("^license: .*\n", ""), "licence"),
        (edit("^- en$", "- English"), "language"),
        (edit("^- summarization$", "- summarisation"), "task"),
        (edit("^- n<1K$", "- tiny"), "size-categories"),
        (edit("^- n<1K$", "- 1M<n<10M"), "size-categories"),
        (edit("^task_categories:", "task_ids:\n- shortening\ntask_categories:"), "task-ids"),
        (edit("^- machine-generated$", "- a machine"), "annotations-creators"),
        (
            edit(r"path: data/\*/train-.*", "path: data/*/training-*.parquet"),
            "glob-matches-nothing",
        ),
        (edit(r"path: data/\*/train-.*", "path: ../data/*.parquet"), "glob-leaves"),
        (edit(r"path: data/\*/train-.*", "path: '**/*'"), "provenance-as-data"),
        (edit("num_examples: 7", "num_examples: 8"), "counts-differ"),
        (edit("download_size: .*", "download_size: 1"), "counts-differ"),
        (edit("dataset_size: .*", "dataset_size: 1"), "counts-differ"),
        (edit("dtype: float32", "dtype: float64"), "features-differ"),
        (edit("- name: rouge_l", "- name: rougeL"), "features-differ"),
        (edit("  - name: test\n", "  - name: tests\n"), "splits-differ"),
        (edit("  - split: test\n", "  - split: te-st\n"), "split-name"),
        (edit("^- config_name: summary\n", "- config_name: sum/mary\n"), "config-name"),
        (edit("^- config_name: summary\n", "- config_name: paraphrase\n"), "config-name"),
        (edit("^- config_name: summary\n", "- config_name: all\n"), "no-info"),
        (edit("^- config_name: summary\n", "- config_name: all\n"), "no-config"),
        (
            edit("^- config_name: summary\n", "- config_name: summary\n  default: true\n"),
            "default-config",
        ),
        (edit("^## Columns", "[More Information Needed]\n\n## Columns"), "placeholder"),
        (edit("^## Columns", "TODO: say more\n\n## Columns"), "placeholder"),
        (edit("^## Columns", "{{ facts }}\n\n## Columns"), "placeholder"),
        (edit("^## Columns", "[x](provenance/none.json)\n\n## Columns"), "broken-link"),
        (edit("^## Columns", "![x](../secret.png)\n\n## Columns"), "broken-link"),
        (edit("^## Columns", "hf_" + "b" * 34 + "\n\n## Columns"), "secret"),
        (put("provenance/log.json", '{"token": "hf_' + "c" * 34 + '"}'), "secret"),
        (put("data/summary/extra-00000-of-00001.parquet", "no parquet"), "stray-data"),
        (put("notes.csv", "a,b\n"), "stray-data"),
        (put("dataset_infos.json"), "override"),
        (put(".huggingface.yaml", "configs: []\n"), "override"),
        (put("dimsum_plus.py", "raise SystemExit\n"), "override"),
        (put(DATA, "no parquet"), "unreadable"),
        (remove(DATA), "glob-matches-nothing"),
    ],
)
def test_one_fault_in_a_dataset(folder: Path, change: Callable[[Path], None], rule: str) -> None:
    change(folder)
    assert rule in rules(folder)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (edit("^pipeline_tag: .*\n", ""), "task"),
        (edit("^pipeline_tag: .*", "pipeline_tag: rewording"), "task"),
        (edit("^library_name: .*\n", ""), "library"),
        (edit("^base_model: .*", "base_model: my own folder"), "repository"),
        (edit("value: 41.25", "value: good"), "results"),
        (edit("    - type: rouge\n      value:", "    - value:"), "results"),
        (edit("^- name: dimsum-student\n", "- name: ''\n"), "results"),
        (remove("model.safetensors"), "weights"),
        (put("model.safetensors", "git-lfs pointer"), "weights"),
        (cut("model.safetensors"), "weights"),
        (remove("tokenizer.json"), "incomplete"),
        (put("pytorch_model.bin", "pickled"), "weights"),
        (put("training_args.bin", "pickled"), "weights"),
        (remove("generation_config.json"), "incomplete"),
        (remove("tokenizer_config.json"), "incomplete"),
        (put("config.json", "{"), "incomplete"),
        (
            put("model.safetensors.index.json", json.dumps({"weight_map": {"a": "b.safetensors"}})),
            "incomplete",
        ),
    ],
)
def test_one_fault_in_a_model(student: Path, change: Callable[[Path], None], rule: str) -> None:
    change(student)
    assert rule in rules(student)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (edit("^license: .*", "license: other"), "licence"),
        (edit("^- summarization$", "- text2text-generation"), "task"),
        (edit(re.escape(HAND_START), ""), "hand-written"),
    ],
)
def test_warnings_are_no_errors(folder: Path, change: Callable[[Path], None], rule: str) -> None:
    change(folder)
    assert rules(folder) == set()
    assert rule in rules(folder, "warning")


def test_a_row_that_says_todo_is_no_placeholder(folder: Path) -> None:
    make_dataset(folder, statistics=())
    path = folder / "README.md"
    path.write_text(path.read_text().replace("The council met on Monday.", "TODO was on the sign."))
    assert rules(folder) == set()


def test_the_secret_itself_is_not_repeated(folder: Path) -> None:
    secret = "hf_" + "d" * 34
    put("provenance/log.json", secret)(folder)
    assert secret not in str(lint(folder))


def test_the_command(folder: Path) -> None:
    runner = CliRunner()
    result = runner.invoke(card_command, ["lint", str(folder)])
    assert result.exit_code == 0
    put("notes.csv")(folder)
    result = runner.invoke(card_command, ["lint", str(folder), "--json"])
    assert isinstance(result.exception, GateError)
    assert [found["rule"] for found in json.loads(result.stdout)] == ["stray-data"]


def test_rendering_again(folder: Path, student: Path) -> None:
    runner = CliRunner()
    for release in (folder, student):
        card = release / "README.md"
        rendered = card.read_text()
        mine = rendered.replace(HAND_START + "\n", HAND_START + "\nMine.\n", 1)
        card.write_text(mine.replace("## ", "# "))
        assert runner.invoke(card_command, ["render", str(release)]).stdout == f"{card}\n"
        assert card.read_text() == mine
        card.unlink()
        runner.invoke(card_command, ["render", str(release)])
        assert card.read_text() == rendered
    (folder / FACTS_PATH).unlink()
    assert isinstance(runner.invoke(card_command, ["render", str(folder)]).exception, ConfigError)


def test_a_card_that_is_not_utf8(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = folder / "README.md"
    lines = card.read_bytes().count(b"\n")
    card.write_bytes(card.read_bytes() + "caf\u00e9\n".encode("latin-1"))
    said = f"line {lines + 1}, is not UTF-8 (byte 0xe9)"
    (found,) = lint(folder)
    assert (found.rule, found.where) == ("not-utf8", "README.md")
    assert said in found.message
    for words in (
        ["card", "render", str(folder)],
        ["card", "lint", str(folder)],
        ["publish", str(folder), "ns/x", "--dry-run"],
    ):
        assert run(words) in (1, 3), words
        printed = "".join(capsys.readouterr())
        assert said in printed or "does not answer" in printed, words
        assert "unexpected" not in printed
