"""The funnel as a picture: an SVG that reads on light and dark pages, and without the picture too.

Lengths are logarithmic: contexts, sentences and pairs differ by powers of ten, and a linear bar
would show one stage and hide the rest. The numbers stand beside the bars.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from cards.escape import one_line
from cards.facts import FunnelStep

_WIDTH = 760
_BAR_LEFT, _BAR_WIDTH = 150, 380
_TOP, _ROW, _BAR = 34, 46, 18
_REASONS = 3
_LONGEST = 88

_STYLE = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #374151; }
  .name { font-weight: 600; }
  .small { font-size: 11px; fill: #6b7280; }
  .entered { fill: #cbd5e1; }
  .kept { fill: #0f766e; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e5e7eb; }
    .small { fill: #9ca3af; }
    .entered { fill: #475569; }
    .kept { fill: #2dd4bf; }
  }
"""


def funnel_svg(steps: Sequence[FunnelStep]) -> str:
    """Draws what entered each stage and what was kept, with the commonest reasons.

    Args:
        steps: of the funnel, in order.

    Returns:
        The SVG, ending with a line end; the same steps give the same bytes.
    """
    most = max((step.entered for step in steps), default=0)
    height = _TOP + _ROW * len(steps) + 8
    told = "; ".join(f"{s.stage}: {s.kept:,} of {s.entered:,} {s.unit}" for s in steps)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" role="img" aria-labelledby="title desc">',
        '<title id="title">What entered each stage and what was kept</title>',
        f'<desc id="desc">{_text(told)}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect class="entered" x="{_BAR_LEFT}" y="9" width="12" height="12"/>',
        f'<text class="small" x="{_BAR_LEFT + 18}" y="19">entered</text>',
        f'<rect class="kept" x="{_BAR_LEFT + 80}" y="9" width="12" height="12"/>',
        f'<text class="small" x="{_BAR_LEFT + 98}" y="19">kept (logarithmic lengths)</text>',
    ]
    for number, step in enumerate(steps):
        lines += _row(step, _TOP + _ROW * number, most)
    return "\n".join([*lines, "</svg>", ""])


def _row(step: FunnelStep, y: int, most: int) -> list[str]:
    share = f" ({100 * step.kept / step.entered:.1f}%)" if step.entered else ""
    right = _BAR_LEFT + _BAR_WIDTH + 12
    return [
        f'<text class="name" x="0" y="{y + 11}">{_text(step.stage)}</text>',
        f'<text class="small" x="0" y="{y + 26}">{_text(step.unit)}</text>',
        f'<rect class="entered" x="{_BAR_LEFT}" y="{y}" width="{_length(step.entered, most)}" '
        f'height="{_BAR}" rx="2"/>',
        f'<rect class="kept" x="{_BAR_LEFT}" y="{y + 4}" width="{_length(step.kept, most)}" '
        f'height="{_BAR - 8}" rx="2"/>',
        f'<text x="{right}" y="{y + 13}">{step.kept:,} of {step.entered:,}{share}</text>',
        f'<text class="small" x="{_BAR_LEFT}" y="{y + 32}">{_text(_reasons(step))}</text>',
    ]


def _length(count: int, most: int) -> str:
    """Pixels of a bar: log(1 + count) over log(1 + most)."""
    return f"{_BAR_WIDTH * math.log1p(count) / math.log1p(most):.1f}" if most else "0"


def _reasons(step: FunnelStep) -> str:
    commonest = sorted(step.rejected.items(), key=lambda item: (-item[1], item[0]))
    told = [f"{one_line(reason)} {count:,}" for reason, count in commonest[:_REASONS]]
    line = "rejected: " + ", ".join(told) if told else "none rejected"
    rest = len(commonest) - len(told)
    if rest > 0:
        line += f", {rest} more reason{'s' if rest > 1 else ''}"
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _text(text: str) -> str:
    return escape(one_line(text))
