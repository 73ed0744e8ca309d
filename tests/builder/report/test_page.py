"""The page: whole, self-contained, harmless, and working in a browser."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from builder.cli import run
from builder.config import BuildConfig
from builder.report.drawing import draw_png, inline, write_pictures
from builder.report.gather import gather
from builder.report.model import Report
from builder.report.pictures import draw_pictures
from builder.report.write import MOST_BYTES, write_report
from builder.store import Run
from tests.builder.report.corpora import HOSTILE, hostile_rows, row, write_release
from tests.chromium import Chromium, browser_path

NAMES = ("Anna", "Bert", "Carl", "Dora")
STATISTICS = [
    {"name": "H2", "value": 15.4, "interval": [15.3, 15.5], "signature": "bits", "references": {}},
    {"name": "<b>H3</b>", "value": 17.78, "references": {"DIMPLE": 22.46}},
]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plain")
    rows = []
    for number in range(120):
        name = NAMES[number % 4]
        source = f"{name} went to the market on day {number} and bought apples."
        target = f"On day {number} {name} bought apples at the market."
        more = {
            "entail_forward": 0.9 + number / 2000,
            "domain": "recipes" if number % 3 == 2 else "news",
        }
        rows.append(row(number, source, target, **more))
    return write_release(folder / "corpus", rows, STATISTICS)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_release(tmp_path_factory.mktemp("hostile") / "corpus", hostile_rows())


@pytest.fixture(scope="module")
def plain_page(plain: Path) -> Path:
    return write_report(plain, plain.with_name("page.html"))[0]


@pytest.fixture(scope="module")
def hostile_page(hostile: Path) -> Path:
    return write_report(hostile, hostile.with_name("page.html"))[0]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    if browser_path() is None:
        pytest.skip("no Chromium on this machine: the page was not opened")
    opened = Chromium(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


class Outline(HTMLParser):
    """Tags, ids, and what stands in script elements."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.ids: Counter[str] = Counter()
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += attrs
        self.ids.update(value or "" for name, value in attrs if name == "id")


def test_text_of_the_corpus_never_becomes_markup(hostile_page: Path, plain_page: Path) -> None:
    page = hostile_page.read_text("utf-8")
    assert len(page.encode()) < MOST_BYTES
    found = Outline(page)
    assert found.tags["script"] == 1  # without a configuration there are no curves
    assert found.tags["img"] == 0
    assert not any(name.startswith("on") for name, _ in found.attributes)
    assert max(found.ids.values()) == 1
    assert "{{ 7 * 7 }} ${7 * 7}" in page
    assert "(1,000,000 characters)" in page
    assert not set(page) & {chr(n) for n in range(32) if chr(n) not in "\n\t"}
    addresses = [v for n, v in found.attributes if n in ("src", "href", "{xlink}href") and v]
    assert all(address.startswith("#") for address in addresses)
    assert "<b>" not in plain_page.read_text("utf-8")


def test_a_corpus_of_nothing_and_of_one_row_gets_a_page_without_nan(tmp_path: Path) -> None:
    corpora = ([], [row(1, "Same.", "Same."), row(2, "", "", density=math.nan)])
    for number, rows in enumerate(corpora):
        folder = write_release(tmp_path / str(number), rows)
        page = tmp_path / f"{number}.html"
        write_report(folder, page)
        text = page.read_text("utf-8").lower()
        body = text.partition("<main")[2].partition("<script")[0]
        assert ">nan<" not in body and ">inf<" not in body and "nan %" not in body
        assert ("no pair was retained" in text) == (not rows)


def test_pictures_are_files_and_parts_of_the_page(plain: Path, tmp_path: Path) -> None:
    drawn = draw_pictures(gather(plain))
    names = [one.name for one in drawn]
    assert len(set(names)) == len(names) >= 10
    for one in drawn[:2]:
        root = ET.fromstring(inline(one))
        assert root.get("role") == "img" and one.title in (root.get("aria-label") or "")
        assert "width" not in root.attrib
        assert "var(--" in inline(one)
    files = write_pictures(drawn[:2], tmp_path)
    assert [path.name for path in files] == [
        f"{one.name}.{kind}" for one in drawn[:2] for kind in ("png", "svg")
    ]
    for path in files:
        content = path.read_bytes()
        if path.suffix == ".png":
            assert content.startswith(b"\x89PNG")
        else:
            ET.fromstring(content)
    assert draw_png(drawn[0]) == files[0].read_bytes()


def test_the_command(plain: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    assert run(["report", str(plain), "-o", str(page), "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == {"files": [str(page)]}
    assert run(["report", str(tmp_path / "nowhere")]) == 2
    assert "there is no folder" in capfd.readouterr().err


def visible(browser: Chromium) -> int:
    count = browser.run(
        "[...document.querySelectorAll('#pair-table tbody tr')]"
        ".filter(row => row.offsetParent !== null).length"
    )
    return int(count)


def choose(browser: Chromium, element: str, value: str) -> None:
    browser.run(
        f"(() => {{ const e = document.getElementById('{element}'); e.value = {json.dumps(value)};"
        "e.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )


def test_search_filter_and_order(browser: Chromium, plain_page: Path) -> None:
    browser.shape(1280)
    browser.open(plain_page)
    status = "document.getElementById('found').textContent"
    assert visible(browser) == 25
    assert browser.run(status) == "120 of 120 pairs fit; 25 are shown"
    browser.run("document.getElementById('more').click()")
    assert visible(browser) == 50
    assert browser.run("document.activeElement.rowIndex") == 26
    choose(browser, "search", "anna MARKET")
    assert browser.run(status) == "30 of 120 pairs fit; 25 are shown"
    choose(browser, "by-domain", "recipes")
    assert browser.run(status) == "10 of 120 pairs fit; 10 are shown"
    assert visible(browser) == 10
    shown = "[...document.querySelectorAll('#pair-table tbody tr:not([hidden])')]"
    assert browser.run(f"{shown}.every(row => row.textContent.includes('Anna'))")
    choose(browser, "search", "nobody")
    assert browser.run(status) == "No pair fits." and visible(browser) == 0
    choose(browser, "search", "")
    choose(browser, "by-domain", "")
    choose(browser, "order", "entail_forward")
    values = browser.run(f"{shown}.map(row => Number(row.getAttribute('data-entail_forward')))")
    assert len(values) == 25 and values == sorted(values)
    assert browser.console == []
    assert browser.requests() == [plain_page.as_uri()]


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("kind", ["plain", "hostile"])
def test_it_renders_in_both_schemes_and_widths(
    browser: Chromium, kind: str, width: int, request: pytest.FixtureRequest
) -> None:
    page = request.getfixturevalue(f"{kind}_page")
    grounds = set()
    for dark in (False, True):
        browser.shape(width, dark=dark)
        browser.open(page)
        assert browser.console == []
        assert browser.requests() == [page.as_uri()]
        assert browser.run("window.hacked") is None
        assert browser.run("document.documentElement.scrollWidth") <= width
        assert browser.run(
            "[...document.querySelectorAll('svg.picture')].every(one => one.clientHeight > 60)"
        )
        grounds.add(browser.run("getComputedStyle(document.body).backgroundColor"))
        colour = "getComputedStyle(document.querySelector('svg.picture text')).fill"
        assert browser.run(colour) != browser.run("getComputedStyle(document.body).backgroundColor")
    assert len(grounds) == 2


def test_hostile_text_reads_as_it_was_written(browser: Chromium, hostile_page: Path) -> None:
    browser.open(hostile_page)
    text = browser.run("document.getElementById('pair-table').textContent")
    for one in HOSTILE[:7]:
        assert " ".join(one.split()) in " ".join(text.split())
    arabic = "[...document.querySelectorAll('.text')].find(e => e.textContent.startsWith('هذه'))"
    assert browser.run(f"getComputedStyle({arabic}).direction") == "rtl"


def test_it_is_worked_by_keyboard_and_read_aloud(browser: Chromium, plain_page: Path) -> None:
    browser.shape(1280)
    browser.open(plain_page)
    browser.press("Tab")
    assert browser.run("document.activeElement.className") == "skip"
    assert browser.run(
        "[...document.querySelectorAll('input, select')].every(e => e.labels.length === 1)"
    )
    assert browser.run(
        "[...document.querySelectorAll('table')].every(t => t.caption && t.caption.textContent)"
    )
    assert browser.run(
        "[...document.querySelectorAll('svg.picture:not([aria-hidden])')]"
        ".every(e => e.getAttribute('role') === 'img' && e.getAttribute('aria-label'))"
    )
    assert browser.run("document.querySelectorAll('h1').length") == 1


def test_the_explorer_says_what_was_counted(
    browser: Chromium, finished: tuple[Run, BuildConfig, Report], tmp_path: Path
) -> None:
    built, _, report = finished
    page = write_report(built.folder, tmp_path / "page.html")[0]
    browser.shape(1280)
    browser.open(page)
    assert report.explorer is not None
    said = "document.getElementById('explained').textContent"
    for number, curve in list(enumerate(report.explorer.curves))[::3]:
        choose(browser, "rule", str(number))
        assert browser.run("document.getElementById('threshold').value") == str(
            curve.values.index(curve.now)
        )
        assert "(as it stands)" in browser.run(said)
        for index in (0, len(curve.values) - 1):
            choose(browser, "threshold", str(index))
            plural = "summaries" if curve.task == "summary" else "paraphrases"
            assert f": {curve.kept[index]:,} {plural}" in browser.run(said)
            assert f"; {curve.total[index]:,} pairs in all" in browser.run(said)
    assert browser.run("document.querySelectorAll('#curve polyline').length") == 1
    browser.run("document.querySelector('#removed details').open = true")
    assert browser.console == []
