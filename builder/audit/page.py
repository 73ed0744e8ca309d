"""A reader's sheet as one HTML file that needs nothing else.

The data lie in the page as JSON and are shown by its script as text, never as markup. The page's
content security policy lets that script run and nothing else, and forbids every request.
"""

from __future__ import annotations

import base64
import json
from functools import cache
from hashlib import sha256
from importlib import resources

import jinja2
from markdown_it import MarkdownIt
from markupsafe import Markup

from builder.audit.key import Key, show_item
from builder.audit.questions import POINTS
from builder.report.themes import DARK, LIGHT, format_stylesheet


def render_sheet(key: Key, reader: str, guideline: str) -> str:
    """The page of one reader.

    Args:
        guideline: Markdown; its markup in HTML, its links and its pictures are shown as text.
    """
    script = _read_part("sheet.js")
    return (
        _make_environment()
        .get_template("sheet.html.j2")
        .render(
            reader=reader,
            pairs=key.kind == "pairs",
            guideline=Markup(_render_markdown().render(guideline)),
            data=_dump_data(key, reader),
            light=Markup(format_stylesheet(LIGHT)),
            dark=Markup(format_stylesheet(DARK)),
            style=Markup(_read_part("sheet.css")),
            script=Markup(script),
            script_hash=base64.b64encode(sha256(script.encode()).digest()).decode(),
        )
    )


def _dump_data(key: Key, reader: str) -> Markup:
    """The sheet as JSON that cannot end the element it stands in."""
    pairs = key.kind == "pairs"
    items = [{"item": showing.item, **show_item(key, showing)} for showing in key.sheets[reader]]
    content = {
        "audit": key.audit,
        "reader": reader,
        "kind": key.kind,
        "hints": {task: key.hints.get(task, "") for task in {item["task"] for item in items}},
        "questions": [{"name": q.name, "label": q.label, "words": q.words} for q in key.asked],
        "values": (
            [
                {"value": True, "label": "yes", "key": "y"},
                {"value": False, "label": "no", "key": "n"},
            ]
            if pairs
            else [{"value": p, "label": str(p), "key": str(p)} for p in POINTS]
        ),
        "items": items,
    }
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _read_part(name: str) -> str:
    return resources.files("builder.audit").joinpath(f"page/{name}").read_text("utf-8")


@cache
def _render_markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).disable(["link", "image", "autolink"])


@cache
def _make_environment() -> jinja2.Environment:
    """Templates in which a forgotten name is an error and every printed value is escaped."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("builder.audit", "page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
