"""Loading of settings that every command shares."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field

from dimsum.errors import UsageError
from dimsum.settings import (
    PathInFile,
    Presets,
    Settings,
    apply_overrides,
    check,
    load,
    merge,
    read_mapping,
)

PRESETS = Presets("dimsum", ("paper", "embedded"))


class Inner(Settings):
    kind: Literal["inner"] = "inner"
    width: int = 1


class Other(Settings):
    kind: Literal["other"]
    height: int = 1


class Sample(Settings):
    inner: Inner = Inner()
    maybe: Inner | None = None
    either: Inner | Other = Field(Inner(), discriminator="kind")
    items: tuple[Inner, ...] = ()
    named: dict[Literal["one", "two"], dict[str, Inner]] = Field(default_factory=dict)
    path: PathInFile | None = None


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"inner": {"widht": 1}}, "unknown key inner.widht; did you mean 'width'"),
        ({"maybe": {"widht": 1}}, "unknown key maybe.widht; did you mean 'width'"),
        ({"items": [{}, {"widht": 1}]}, "unknown key items.1.widht; did you mean 'width'"),
        ({"named": {"one": {"x": {"widht": 1}}}}, "named.one.x.widht; did you mean 'width'"),
        ({"named": {"three": {}}}, "unknown key named.three: it should be 'one' or 'two'"),
        ({"either": {"kind": "other", "heigth": 1}}, "heigth; did you mean 'height'"),
        ({"either": {"kind": "third"}}, "either: "),
        ({"inner": {"width": "wide"}}, "inner.width: "),
        ({"itmes": []}, "unknown key itmes; did you mean 'items'"),
        ({"zzzzzz": []}, "unknown key zzzzzz"),
    ],
)
def test_a_fault_says_where_and_what_was_meant(document: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        check(Sample, document)
    assert message in caught.value.message
    assert "did you mean" in message or "did you mean" not in caught.value.message


def test_overrides_reach_into_lists_and_are_checked() -> None:
    before = Sample(items=(Inner(), Inner()))
    after = apply_overrides(before, ("items.1.width=4", "maybe.width=2"))
    assert [one.width for one in after.items] == [1, 4]
    assert after.maybe == Inner(width=2)
    assert before.maybe is None
    with pytest.raises(UsageError, match=r"items\.1\.width"):
        apply_overrides(before, ("items.1.width=tall",))
    for bad in ("seed", "=1", "items.9.width=1", "path.x.y=1"):
        with pytest.raises(UsageError):
            apply_overrides(Sample(path=Path("there"), items=(Inner(),)), (bad,))


def test_a_file_is_read_with_its_overrides_and_its_folder(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("path: there.txt\ninner: {width: 2}\n")
    assert load(Sample, file, presets=PRESETS) == Sample(
        inner=Inner(width=2), path=tmp_path / "there.txt"
    )
    elsewhere = load(Sample, file, ("path=/else",), presets=PRESETS)
    assert elsewhere.path == Path("/else")
    file.write_text("inner: {width: 2\n")
    with pytest.raises(UsageError, match="is not valid YAML at line 2"):
        load(Sample, file, presets=PRESETS)
    with pytest.raises(UsageError, match="no settings at nowhere") as caught:
        load(Sample, "nowhere", presets=PRESETS)
    assert "paper, embedded" in caught.value.hint


class Numbers(Settings):
    one: float = 0.0
    many: dict[str, float] = Field(default_factory=dict)


@pytest.mark.parametrize("text", ["one: .nan", "one: .inf", "many: {a: -.inf}"])
def test_a_number_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match="finite number"):
        load(Numbers, path, presets=PRESETS)


@pytest.mark.parametrize("text", ["one: 1\none: 2\n", "many:\n  a: 1\n  b: 2\n  a: 3\n"])
def test_a_key_that_stands_twice_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"twice, again at line [24]"):
        load(Numbers, path, presets=PRESETS)
    path.write_text("many: {<<: &x {a: 1}, b: 2}\n")
    assert load(Numbers, path, presets=PRESETS).many == {"a": 1, "b": 2}


def test_keys_are_texts_and_so_are_values_that_are_compared_with_text(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("many: {no: 1, 007: 2, 1.0: 3, where: 4}\n")
    assert load(Numbers, path, presets=PRESETS).many == {"no": 1, "007": 2, "1.0": 3, "where": 4}
    path.write_text("where: {lang: no, id: 007, ok: true, when: 2020-01-01}\nmany: {a: 007}\n")
    found = read_mapping(path, PRESETS)
    assert found["where"] == {"lang": "no", "id": "007", "ok": "true", "when": "2020-01-01"}
    assert found["many"] == {"a": 7}


def test_settings_that_are_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes("one: 1 # é".encode("latin-1"))
    with pytest.raises(UsageError, match="cannot be read: it is not UTF-8"):
        load(Numbers, tmp_path / "a.yaml", presets=PRESETS)


def test_a_mapping_of_another_kind_is_replaced() -> None:
    base = {"objective": {"kind": "a", "own": 1}, "plain": {"x": 1}}
    assert merge(base, {"objective": {"kind": "b", "more": 2}, "plain": {"y": 2}}) == {
        "objective": {"kind": "b", "more": 2},
        "plain": {"x": 1, "y": 2},
    }
    assert merge(base, {"objective": {"from": "b"}})["objective"] == {"from": "b"}
    for same in ({"own": 2}, {"kind": "a", "own": 2}):
        assert merge(base, {"objective": same})["objective"] == {"kind": "a", "own": 2}
