"""The funnel as an SVG: well formed whatever the text, with lengths in the order of the counts."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from cards.facts import FunnelStep
from cards.picture import funnel_svg
from tests.cards.test_render import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"


def step(entered: int, kept: int, name: str = "stage", reason: str = "why") -> FunnelStep:
    rejected = {reason: entered - kept} if entered > kept else {}
    return FunnelStep(stage=name, unit="pairs", entered=entered, kept=kept, rejected=rejected)


def bars(picture: str, kind: str) -> list[float]:
    rectangles = ElementTree.fromstring(picture).iter(f"{SVG}rect")
    # The first of each kind is in the legend.
    return [float(r.attrib["width"]) for r in rectangles if r.attrib["class"] == kind][1:]


def test_lengths_follow_the_counts() -> None:
    picture = funnel_svg([step(1000, 100), step(100, 1), step(1, 0)])
    assert bars(picture, "entered")[0] == max(bars(picture, "entered"))
    assert bars(picture, "kept")[0] == bars(picture, "entered")[1]
    assert bars(picture, "kept")[1] == bars(picture, "entered")[2] > 0
    assert bars(picture, "kept")[2] == 0
    assert "100 of 1,000 (10.0%)" in picture
    assert funnel_svg([step(1000, 100)]) == funnel_svg([step(1000, 100)])


@pytest.mark.parametrize("text", HOSTILE)
def test_text_stays_text(text: str) -> None:
    root = ElementTree.fromstring(funnel_svg([step(3, 1, text, text)]))
    allowed = {f"{SVG}{name}" for name in ("svg", "title", "desc", "style", "rect", "text")}
    assert {element.tag for element in root.iter()} <= allowed


def test_nothing_entered() -> None:
    assert "0 of 0" in funnel_svg([step(0, 0)])
    assert ElementTree.fromstring(funnel_svg([])).tag == f"{SVG}svg"


def test_many_reasons_are_counted() -> None:
    rejected = {f"reason {number}": number for number in range(1, 7)}
    many = FunnelStep(stage="s", unit="rows", entered=21, kept=0, rejected=rejected)
    assert "reason 6 6, reason 5 5, reason 4 4, 3 more reasons" in funnel_svg([many])
