"""The colours of pictures and page, by name, for light and dark."""

from __future__ import annotations

LIGHT = {
    "paper": "#fbfaf8",
    "ink": "#1c2127",
    "soft": "#59636e",
    "line": "#d5d9de",
    "paraphrase": "#1d6f8c",
    "summary": "#c4561b",
    "kept": "#2b7a4b",
    "gone": "#c9ced4",
}
DARK = {
    "paper": "#15191d",
    "ink": "#e7eaed",
    "soft": "#9ba6b1",
    "line": "#333c45",
    "paraphrase": "#5cb6d6",
    "summary": "#f2995a",
    "kept": "#62bd87",
    "gone": "#4a545e",
}


def stylesheet(colours: dict[str, str]) -> str:
    """CSS custom properties of a palette."""
    return " ".join(f"--{name}: {value};" for name, value in colours.items())
