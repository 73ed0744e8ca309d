"""docs/experiments/sweeps.md from the folders that `dimsum sweep` left.

    python scripts/reproduce/sweeps.py rules=sweeps/rules temperature=sweeps/temperature ... \\
        --notes docs/experiments/sweeps-notes.json -o docs/experiments/sweeps.md

Each sweep gets its table and its plot. What is said of them is in the notes: `start`, and by name
of a sweep a title and paragraphs.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from builder.sweep_page import draw, format_points


def format_command(document: dict[str, Any]) -> str:
    """The command that makes the sweep again."""
    sets = [f"--set '{text}'" for text in document["overrides"]]
    overs = [f"--over '{k}={','.join(map(str, v))}'" for k, v in document["axes"].items()]
    return " ".join(["dimsum sweep", document["config"], *sets, *overs])


def write_part(name: str, document: dict[str, Any], notes: dict[str, Any], pictures: Path) -> str:
    pictures.mkdir(parents=True, exist_ok=True)
    draw(document["points"], pictures / f"sweep-{name}.svg")
    return "\n\n".join(
        [
            f"## {notes['title']}",
            f"`{format_command(document)}`",
            format_points(document),
            f"![Yield and P(valid)]({pictures.name}/sweep-{name}.svg)",
            *notes["said"],
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sweeps", nargs="+", metavar="NAME=FOLDER")
    parser.add_argument("--notes", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    asked = parser.parse_args()
    notes = json.loads(asked.notes.read_text("utf-8"))
    parts = [
        "# Sweeps",
        f"Written by `scripts/reproduce/sweeps.py` from the files of `dimsum sweep` and "
        f"[remarks]({asked.notes.name}).",
        *notes["start"],
    ]
    for text in asked.sweeps:
        name, _, folder = text.partition("=")
        document = json.loads((Path(folder) / "sweep.json").read_text("utf-8"))
        parts.append(write_part(name, document, notes[name], asked.output.parent / "pictures"))
    parts += notes["end"]
    asked.output.write_text("\n\n".join(parts) + "\n", "utf-8")


if __name__ == "__main__":
    main()
