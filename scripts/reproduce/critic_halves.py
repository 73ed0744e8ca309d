"""The two models of an ensemble as critics of their own, to compare what each would keep.

    python scripts/reproduce/critic_halves.py embedded:critic -o critics

writes `critics/first` and `critics/second`, which `critic.model` takes, also `--over` it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from builder.critics.folder import WEIGHTS
from builder.critics.spec import SECOND_WEIGHTS, SPEC_FILE
from builder.models import resolve
from dimsum.files import write_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("critic")
    parser.add_argument("-o", "--output", type=Path, required=True)
    asked = parser.parse_args()
    folder = Path(resolve(asked.critic).path)
    document = json.loads((folder / SPEC_FILE).read_text("utf-8"))
    companion = document.pop("second")
    document.pop("alone_below")
    first, second = asked.output / "first", asked.output / "second"
    shutil.copytree(folder, first, ignore=shutil.ignore_patterns(SECOND_WEIGHTS, "*.md", "eval*"))
    write_json(first / SPEC_FILE, document)
    second.mkdir()
    shutil.copy(folder / SECOND_WEIGHTS, second / WEIGHTS)
    write_json(second / SPEC_FILE, companion)
    # Its layers are its base's; a folder of a model says so itself.
    shutil.copy(Path(resolve(companion["base"]).path) / "config.json", second)


if __name__ == "__main__":
    main()
