"""A report becomes one HTML file that needs nothing else.

Whatever comes from the corpus is escaped by the template. The page's own script is the only one
that its content security policy lets run, so a hole in the escaping would still run nothing.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import cache
from hashlib import sha256
from importlib import resources

import jinja2
from markupsafe import Markup

from builder.measures.registry import load_registry
from builder.report.drawing import Picture, inline
from builder.report.model import Removal, Report
from builder.report.themes import DARK, LIGHT, format_stylesheet, list_task_colours
from builder.statistics.funnel import Step
from dimsum import __version__
from dimsum.duration import format_duration

DASH = "–"
FILTERS = ("task", "control", "domain", "method", "split")


def render(report: Report, pictures: Sequence[Picture]) -> str:
    """The whole page."""
    script = _read_part("page.js")
    sections = _list_sections(report)
    of_tasks = list_task_colours(report.words)
    light = LIGHT | of_tasks
    named = LIGHT | {name: code for name, code in of_tasks.items() if code not in LIGHT.values()}
    drawn = {one.name: {"title": one.title, "svg": Markup(inline(one, named))} for one in pictures}
    return (
        _make_environment()
        .get_template("page.html.j2")
        .render(
            report=report,
            pictures=drawn,
            sections=sections,
            ids={name for name, _ in sections},
            finished=any(step.stage == "splits" for step in report.steps),
            examples=any(removal.examples for removal in report.removals),
            choices=_list_choices(report),
            corpora=list(dict.fromkeys(c for s in report.statistics for c in s.references)),
            curves=_dump_curves(report),
            plurals=_list_plurals(report),
            light=Markup(format_stylesheet(light)),
            dark=Markup(format_stylesheet(DARK | list_task_colours(report.words, dark=True))),
            style=Markup(_format_style(report)),
            script=Markup(script),
            script_hash=base64.b64encode(sha256(script.encode()).digest()).decode(),
            version=__version__,
        )
    )


def _read_part(name: str) -> str:
    return resources.files("builder.report").joinpath(f"page/{name}").read_text("utf-8")


def _list_sections(report: Report) -> list[tuple[str, str]]:
    """(id, title) of every section that has something to say."""
    there = {
        "funnel": ("Funnel", report.steps),
        "removed": ("What was removed", report.removals),
        "measures": ("Distributions", report.histograms),
        "sources": ("Sources", report.breakdowns),
        "explorer": ("Other thresholds", report.explorer),
        "repeats": ("Repeats", report.repeats),
        "pairs": ("Pairs", report.pairs),
        "audit": ("Audit", report.rows),
        "statistics": ("Statistics", report.statistics),
        "making": ("How it was made", True),
    }
    return [(name, title) for name, (title, content) in there.items() if content]


def _list_choices(report: Report) -> list[tuple[str, list[str]]]:
    """Filters that part the pairs, with their values."""
    found = []
    for name in FILTERS:
        values = sorted({str(getattr(pair, name)) for pair in report.pairs})
        if len(values) > 1:
            found.append((name, values))
    return found


def _dump_curves(report: Report) -> Markup:
    """The explorer's curves as JSON that cannot end the element it stands in."""
    plurals = _list_plurals(report)
    curves = [
        {
            **asdict(curve),
            "shown": _format_name(curve.measure),
            "plural": plurals.get(curve.task, curve.task),
        }
        for curve in (report.explorer.curves if report.explorer else ())
    ]
    text = json.dumps(curves, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


@cache
def _make_environment() -> jinja2.Environment:
    """Templates in which a forgotten name is an error and every printed value is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("builder.report", "page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": _format_count,
        "share": _format_share,
        "rate": _format_rate,
        "number": _format_number,
        "fixed": lambda value: f"{value:.2f}" if math.isfinite(value) else DASH,
        "plain": lambda value: value if math.isfinite(value) else 0,
        "words": _format_name,
        "hyphens": lambda text: text.replace("_", "-"),
        "duration": format_duration,
        "by_stage": _group_by_stage,
    }
    return environment


def _format_count(value: int | None) -> str:
    return DASH if value is None else f"{value:,}"


def _format_share(part: float, whole: float) -> str:
    if not whole or not math.isfinite(part):
        return DASH
    percent = 100 * part / whole
    if percent >= 1000:
        return f"{percent / 100:,.0f} times"
    return f"{percent:.1f} %" if percent < 10 else f"{percent:.0f} %"


def _format_rate(part: int, whole: int | None) -> str:
    return f"{1000 * part / whole:.1f}" if whole else DASH


def _format_number(value: float) -> str:
    if not math.isfinite(value):
        return DASH
    if value and abs(value) < 0.01:
        return f"{value:.1g}"
    return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) < 100 else f"{value:,.0f}"


def _format_name(name: str) -> str:
    """A name as a reader writes it: `summary.rouge_l` is summary: ROUGE-L."""
    columns = load_registry().columns
    parts = name.split(".")
    shown = [columns[p].shown if p in columns else p.replace("_", " ") for p in parts]
    return ": ".join(shown)


def _list_plurals(report: Report) -> dict[str, str]:
    return {task.name: task.plural for task in report.words}


def _format_style(report: Report) -> str:
    """The page's style sheet, and the colour of each task's rows."""
    marks = [
        f".chip.{name} {{ border-color: var(--{name}); }}"
        for name in list_task_colours(report.words)
    ]
    return "\n".join([_read_part("page.css"), *marks])


def _group_by_stage(
    removals: Iterable[Removal], steps: Sequence[Step]
) -> list[tuple[str, list[Removal]]]:
    """Removals in the order of the stages, those of one together."""
    found: dict[str, list[Removal]] = {step.stage: [] for step in steps}
    for removal in removals:
        found[removal.stage].append(removal)
    return [(stage, group) for stage, group in found.items() if group]
