from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from builder.config import Bound, load_config, parse_config
from dimsum.errors import UsageError
from dimsum.settings import override


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"contexts.openngs": 3}, "unknown key contexts.openngs; did you mean 'openings'"),
        ({"teachr": {}}, "unknown key teachr; did you mean 'teacher'"),
        ({"candidates.methods.0.temprature": 1}, "did you mean 'temperature'"),
        ({"rules.paraphrase.rogue_l": {"max": 1}}, "did you mean 'rouge_l'"),
        ({"rules.paraphrase.rouge_l": {"maximum": 1}}, "did you mean 'max'"),
        ({"rules.translation": {}}, "no task is called 'translation'"),
        ({"rules.sumary": {}}, "no task is called 'sumary'; did you mean 'summary'"),
        ({"pairs.bounds.sumary": {}}, "no task is called 'sumary'; did you mean 'summary'"),
        ({"tasks": ["sumary"]}, "no task is called 'sumary'; did you mean 'summary'"),
        ({"tasks": ["summary", "summary"]}, "two tasks have the name 'summary'"),
        ({"tasks": []}, "tasks"),
        ({"tasks": 3}, "tasks"),
        ({"contexts.openings": "many"}, "contexts.openings"),
        ({"contexts.openings": 0}, "greater than or equal to 1"),
        ({"contexts.sampling.temperature": -1}, "greater than 0"),
        ({"contexts.sampling.top_p": 1.5}, "less than or equal to 1"),
        ({"scores.floor": 1.5}, "scores.floor"),
        ({"rules.paraphrase.rouge_l": {"min": 0.9, "max": 0.1}}, "min 0.9 is above max 0.1"),
        ({"rules.paraphrase.rouge_l": {"max": 0.95}}, "looser than pairs.bounds"),
        ({"rules.summary.entail_forward": {"min": 0.01}}, "at least scores.floor"),
        ({"pairs.bounds.summary.entail_forward": {"min": 0.1}}, "only cheap measures"),
        ({"pairs.bounds.summary.cosine": {"min": 0.1}}, "needs pairs.encoder"),
        ({"contexts.min_sentences": 9}, "min_sentences is above max_sentences"),
        ({"domains": []}, "domains"),
        ({"domains.0.name": "Two Words"}, "domains.0.name"),
        ({"domains.0.kind": "news"}, "kind: file needs one"),
        ({"name": "../elsewhere"}, "name"),
        ({"language": "English"}, "language"),
    ],
)
def test_a_mistake_is_named(
    toy_document: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    for path, value in change.items():
        *keys, last = path.split(".")
        node: Any = toy_document
        for key in keys:
            node = node[int(key)] if isinstance(node, list) else node[key]
        node[last] = value
    with pytest.raises(UsageError) as caught:
        parse_config(toy_document)
    assert message in caught.value.message
    assert caught.value.exit_code == 2


def test_missing_and_unreadable(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no settings at"):
        load_config(tmp_path / "no.yaml")
    (tmp_path / "bad.yaml").write_text("a: [1,\nb")
    with pytest.raises(UsageError, match="not valid YAML at line 2"):
        load_config(tmp_path / "bad.yaml")
    (tmp_path / "list.yaml").write_text("- 1")
    with pytest.raises(UsageError, match="not a mapping"):
        load_config(tmp_path / "list.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9")
    with pytest.raises(UsageError, match="cannot be read"):
        load_config(tmp_path / "latin.yaml")
    (tmp_path / "empty.yaml").write_text("seed: 1")
    with pytest.raises(UsageError, match="is missing"):
        load_config(tmp_path / "empty.yaml")


def test_overrides() -> None:
    config = load_config(
        "embedded",
        (
            "seed=7",
            "rules.paraphrase.rouge_l.max=0.6",
            "domains.0.name=wire",
            "contexts.sampling.banned=[]",
            "language=no",
        ),
    )
    assert config.language == "no"  # Norwegian, though YAML reads the word as false
    assert config.seed == 7
    assert config.rules["paraphrase"]["rouge_l"] == Bound(max=0.6)
    assert config.domains[0].name == "wire"
    assert config.contexts.sampling.banned == ()
    for bad in ("seed", "=1", "domains.9.name=x", "seed.x=1"):
        with pytest.raises(UsageError):
            override({"seed": 1, "domains": []}, bad)


def test_paths_are_taken_from_the_files_folder(tmp_path: Path, toy_yaml: Path) -> None:
    import yaml

    document = yaml.safe_load(toy_yaml.read_text())
    document["domains"][0]["file"] = "openings.txt"
    (tmp_path / "there").mkdir()
    (tmp_path / "there/c.yaml").write_text(yaml.safe_dump(document))
    config = load_config(tmp_path / "there/c.yaml")
    assert config.domains[0].file == tmp_path / "there/openings.txt"


def test_bounds() -> None:
    inner, outer = Bound(min=0.2, max=0.7), Bound(min=0.1)
    assert inner.within(outer)
    assert not outer.within(inner)
    assert inner.holds(0.2) and inner.holds(0.7)
    assert not inner.holds(0.71)
    assert not outer.holds(None)


def test_a_value_that_does_not_fit_is_explained() -> None:
    for change, words in (
        ("language=klingon", "language is: of the texts"),
        ("tasks=summary", "tasks is: "),
        ("contexts.samples=-1", "samples is: "),
        ("nosuch=1", "correct it in the settings or in --set"),
    ):
        with pytest.raises(UsageError) as refused:
            load_config("embedded", [change])
        assert words in refused.value.hint, (change, refused.value.hint)
