"""From a drawing function to SVG that follows the page's colours, or to files.

Pictures are drawn by matplotlib in the light palette. Inside a page every colour of it becomes a
CSS variable with that colour as its fallback, text stays text, and ids get the picture's name, so
that several pictures can stand in one document.
"""

from __future__ import annotations

import io
import re
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from builder.report.themes import LIGHT
from dimsum.files import open_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SVG = "http://www.w3.org/2000/svg"
WIDTH = 4.7
"""Inches: narrow, so that the text is still of reading size on a phone."""
STYLE: Any = {
    "font.size": 10,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "text.color": LIGHT["ink"],
    "text.parse_math": False,
    "axes.labelcolor": LIGHT["soft"],
    "axes.edgecolor": LIGHT["line"],
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "grid.color": LIGHT["line"],
    "grid.linewidth": 0.6,
    "xtick.color": LIGHT["soft"],
    "ytick.color": LIGHT["soft"],
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "ytick.major.size": 0,
    "xtick.major.size": 3,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "dimsum",
}


@dataclass(frozen=True)
class Picture:
    """A picture that can be drawn.

    Attributes:
        name: a file's stem; letters, digits and hyphens.
        title: what it shows, in a few words.
        alt: what a reader who cannot see it should know.
        draw: draws on an empty figure.
        height: inches.
        width: inches.
    """

    name: str
    title: str
    alt: str
    draw: Callable[[Figure], None]
    height: float = 2.8
    width: float = WIDTH


def _render(picture: Picture, kind: str, **more: Any) -> bytes:
    import matplotlib
    from matplotlib.figure import Figure

    stream = io.BytesIO()
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # A glyph that the bundled font lacks is drawn by the reader's own in SVG, and as a box in
        # PNG; neither is worth a warning.
        warnings.simplefilter("ignore")
        figure = Figure(figsize=(picture.width, picture.height), layout="constrained")
        picture.draw(figure)
        figure.savefig(stream, format=kind, **more)
    return stream.getvalue()


_ILLEGAL = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\ufffe\\uffff]")
"""Characters that no XML document may hold, whatever a label says."""


def draw_svg(picture: Picture) -> str:
    """The picture as a standalone SVG file of the light palette, on a light ground."""
    return _draw_svg(picture, LIGHT["paper"])


def _draw_svg(picture: Picture, ground: str) -> str:
    drawn = _render(picture, "svg", facecolor=ground, metadata={"Date": None})
    return _ILLEGAL.sub("", drawn.decode())


def draw_png(picture: Picture) -> bytes:
    """The picture on a light ground, at twice the size of print."""
    return _render(picture, "png", dpi=200, facecolor=LIGHT["paper"], metadata={"Software": None})


def inline(picture: Picture, colours: Mapping[str, str] = LIGHT) -> str:
    """The picture as an <svg> element for a page.

    Args:
        colours: by the name of the custom property that a page sets for them.
    """
    ET.register_namespace("", SVG)
    root = ET.fromstring(_draw_svg(picture, "none"))
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.endswith("}metadata"):
                parent.remove(child)
    for element in root.iter():
        for key, value in list(element.attrib.items()):
            element.set(key, _adapt(key, value, picture.name, colours))
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.set("role", "img")
    root.set("aria-label", f"{picture.title}. {picture.alt}")
    root.set("class", "picture")
    return ET.tostring(root, encoding="unicode")


_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_FONT = re.compile(r"font: (?:[\d]+ )?([\d.]+)px [^;]+")


def _adapt(key: str, value: str, name: str, colours: Mapping[str, str]) -> str:
    """An attribute's value with its ids and colours made the page's."""
    if key == "id":
        return f"{name}-{value}"
    if key.endswith("href") and value.startswith("#"):
        return f"#{name}-{value[1:]}"
    value = _REFERENCE.sub(rf"url(#{name}-\1)", value)
    if key == "style":
        value = _FONT.sub(r"font-size: \1px", value)
        for colour, code in colours.items():
            value = value.replace(code, f"var(--{colour}, {code})")
    return value


def write_pictures(pictures: list[Picture], folder: Path) -> list[Path]:
    """Write every picture as PNG and SVG and return the files.

    Raises:
        BuilderError: the folder cannot be written.
    """
    files = []
    for picture in pictures:
        for suffix, content in (("png", draw_png(picture)), ("svg", draw_svg(picture).encode())):
            path = folder / f"{picture.name}.{suffix}"
            with open_atomic(path) as stream:
                stream.write(content)
            files.append(path)
    return files
