"""The sheet in a browser: answered by keyboard, kept, undone, taken out and read in again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from builder.audit.draw import compare, draw
from builder.audit.key import Key
from tests.builder.audit.corpora import drawn, lines, write_lines
from tests.builder.report.corpora import HOSTILE
from tests.chromium import Chromium, browser_path


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    if browser_path() is None:
        pytest.skip("no Chromium on this machine: the sheet was not opened")
    opened = Chromium(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture
def sheet(browser: Chromium, tmp_path: Path) -> tuple[Chromium, Path, Key]:
    audit, key = drawn(tmp_path, n=10)
    browser.shape(1280)
    browser.open(audit / "reader-1.html")
    return browser, audit, key


def outputs(folder: Path, rows: int = 6) -> Path:
    """Of three systems, two of which always write the same."""
    folder.mkdir()
    write_lines(
        folder / "outputs.jsonl",
        [
            {
                "source": f"Source {i}.",
                "references": ["R."],
                "outputs": {"one": f"One {i}.", "two": f"Two {i}.", "twin": f"Two {i}."},
            }
            for i in range(rows)
        ],
    )
    return folder


def downloaded(browser: Chromium) -> list[dict[str, Any]]:
    """The lines that the button gives."""
    browser.run(
        "(() => { window.made = null; const make = URL.createObjectURL;"
        "URL.createObjectURL = (blob) => { window.made = blob; return make(blob); };"
        "HTMLAnchorElement.prototype.click = function () { window.named = this.download; };"
        "document.getElementById('export').click(); })()"
    )
    text = browser.run("window.made.text()")
    return [json.loads(line) for line in text.splitlines()]


def read_in(browser: Chromium, text: str) -> str:
    """Choose a file, and what the page says."""
    browser.run(
        "(async () => { const input = document.getElementById('import');"
        f"const data = new DataTransfer(); data.items.add(new File([{json.dumps(text)}], 'a'));"
        "input.files = data.files; input.dispatchEvent(new Event('change'));"
        "await new Promise((done) => setTimeout(done, 200)); })()"
    )
    return str(browser.run("document.getElementById('said').textContent"))


def done(browser: Chromium) -> str:
    return str(browser.run("document.getElementById('done').textContent"))


def press(browser: Chromium, keys: str) -> None:
    for key in keys.split():
        browser.press(key)


def test_it_is_answered_by_keyboard_and_kept(sheet: tuple[Chromium, Path, Key]) -> None:
    browser, audit, key = sheet
    size = len(key.sheets["1"])
    assert done(browser) == f"0 of {size} answered"
    press(browser, "y y y y Enter")
    press(browser, "n y y")  # not faithful: valid is no by itself
    assert done(browser) == f"2 of {size} answered"
    assert browser.run("document.querySelector('[data-slot=valid] button').disabled")
    rows = downloaded(browser)
    assert browser.run("window.named") == "answers-reader-1.jsonl"
    assert [row["item"] for row in rows] == [showing.item for showing in key.sheets["1"]]
    said = [[row[name] for name in ("faithful", "fluent", "main_point", "valid")] for row in rows]
    assert said[0] == [True] * 4 and said[1] == [False, True, True, False]
    assert said[2:] == [[None] * 4] * (size - 2)
    assert {k: v for k, v in rows[2].items() if v} == {
        k: v for k, v in lines(audit, "1")[2].items() if v
    }
    browser.open(audit / "reader-1.html")  # as after a crash
    assert done(browser) == f"2 of {size} answered"
    assert browser.run("document.getElementById('position').textContent") == f"2 of {size}"
    assert browser.console == []
    assert browser.requests() == [(audit / "reader-1.html").as_uri()]
    browser.open(audit / "reader-2.html")
    assert done(browser) == f"0 of {size} answered"


def test_undo_takes_back_one_answer_at_a_time(sheet: tuple[Chromium, Path, Key]) -> None:
    browser, _, _ = sheet
    press(browser, "y y y n Enter y u u")
    rows = downloaded(browser)
    assert [rows[0][name] for name in ("main_point", "valid")] == [True, None]
    assert rows[1]["faithful"] is None
    assert browser.run("document.getElementById('position').textContent").startswith("1 of")
    press(browser, "y")
    assert downloaded(browser)[0]["valid"] is True
    press(browser, "u u u u u u")
    assert all(row["faithful"] is None for row in downloaded(browser))
    assert browser.run("document.getElementById('undo').disabled")


def test_answers_go_out_and_in(sheet: tuple[Chromium, Path, Key]) -> None:
    browser, audit, _ = sheet
    press(browser, "y y y y Enter n n n")
    browser.run(
        "(() => { const e = document.getElementById('note'); e.value = 'odd \"quote\"';"
        "e.dispatchEvent(new Event('change')); })()"
    )
    rows = downloaded(browser)
    assert rows[1]["note"] == 'odd "quote"'
    text = "".join(json.dumps(row) + "\n" for row in rows)
    browser.run("localStorage.clear()")
    browser.open(audit / "reader-1.html")
    assert done(browser).startswith("0 of")
    assert "not JSONL" in read_in(browser, "not json")
    other = json.dumps({**rows[0], "audit": "another"})
    assert "another sheet" in read_in(browser, other)
    assert "another sheet" in read_in(browser, json.dumps({**rows[0], "reader": "2"}))
    assert done(browser).startswith("0 of")
    assert "Read" in read_in(browser, text)
    assert downloaded(browser) == rows
    press(browser, "u")
    assert done(browser).startswith("0 of")


def test_hostile_text_is_text(browser: Chromium, tmp_path: Path) -> None:
    corpus = tmp_path / "pairs.jsonl"
    rows = [{"source": one[:900], "target": one[:300], "task": "summary"} for one in HOSTILE]
    write_lines(corpus, rows)
    guideline = tmp_path / "own.md"
    guideline.write_text(
        "# Mine\n\n<script>window.hacked = 9</script> ![x](http://example.org/x.png)\n"
    )
    draw(corpus, tmp_path / "audit", n=len(rows), known=0, repeats=0, guideline=guideline)
    page = tmp_path / "audit/reader-1.html"
    for width in (1280, 390):
        browser.shape(width)
        browser.open(page)
        for _ in rows:
            assert browser.run("document.documentElement.scrollWidth") <= width
            shown = browser.run("document.getElementById('source').textContent")
            assert shown in [row["source"] for row in rows]
            browser.press("ArrowRight")
        assert browser.run("window.hacked") is None
        assert browser.console == [] and browser.requests() == [page.as_uri()]
    assert browser.run("document.querySelectorAll('img').length") == 0
    assert "Mine" in browser.run("document.getElementById('guideline').textContent")


@pytest.mark.parametrize("width", [1280, 390])
def test_it_is_read_in_both_schemes_and_aloud(
    sheet: tuple[Chromium, Path, Key], width: int
) -> None:
    browser, audit, _ = sheet
    grounds = set()
    for dark in (False, True):
        browser.shape(width, dark=dark)
        browser.open(audit / "reader-1.html")
        grounds.add(browser.run("getComputedStyle(document.body).backgroundColor"))
        assert browser.run("document.documentElement.scrollWidth") <= width
    assert len(grounds) == 2
    assert browser.run(
        "[...document.querySelectorAll('.question')].every(e => "
        "document.getElementById(e.getAttribute('aria-labelledby')).textContent)"
    )
    assert browser.run(
        "[...document.querySelectorAll('input, textarea')].every(e => e.labels.length === 1)"
    )
    assert browser.run("document.querySelectorAll('h1').length") >= 1


def test_hidden_systems_are_compared_on_three_points(browser: Chromium, tmp_path: Path) -> None:
    folder = outputs(tmp_path / "outputs")
    key = compare([folder], tmp_path / "audit", task="summary", n=6, repeats=1)
    page = tmp_path / "audit/reader-1.html"
    for secret in ("twin", '"one"', '"two"'):
        assert secret not in page.read_text()
    assert {showing.order for showing in key.sheets["1"]} == {(0, 1), (1, 0)}
    browser.shape(1280)
    browser.open(page)
    assert browser.run("document.querySelectorAll('.output').length") == 2
    press(browser, "3 2 1 1 2 3 Enter 2")
    assert done(browser) == "1 of 7 answered"
    rows = downloaded(browser)
    assert rows[0]["answers"] == [
        {"fluent": 3, "faithful": 2, "concise": 1},
        {"fluent": 1, "faithful": 2, "concise": 3},
    ]
    assert rows[1]["answers"][0] == {"fluent": 2, "faithful": None, "concise": None}
    browser.open(page)
    assert done(browser) == "1 of 7 answered"
