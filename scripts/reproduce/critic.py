"""Write NLI examples from read pairs of one context, for `dimsum critic train`.

    python scripts/reproduce/critic.py -o train.jsonl --without 203 --without news-302
    python scripts/reproduce/critic.py -o unseen.jsonl --only 203 --only news-302
    dimsum critic train train.jsonl NLI -o encoder --recipe critic-encoder \
        --set start=embedded:critic --set learning_rate=1.0e-4 --set 'repeat={context: 2}'

A target that every reader called faithful is entailed by its source, and in a paraphrase the source
by the target too. A summary that some reader called unfaithful is not entailed: it is written as
neutral, though a few contradict. A paraphrase called so is left out, for either way may be the one
that fails, and so is a pair on which readers differ.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from builder.critics.edits import edit_all
from dimsum.data.files import read_file_rows

LABELS = Path(__file__).resolve().parents[2] / "builder" / "validity" / "embedded" / "labels.jsonl"
SOURCE = "context"


def find_run(row: dict[str, Any]) -> str:
    """The run that a label's context comes from."""
    return str(row["context_id"]).partition("/")[0]


def make_examples(rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, str]]:
    """NLI examples of the rows on whose faithfulness all readers agree."""
    for row in rows:
        verdicts = {reader["faithful"] for reader in row["readers"]}
        if len(verdicts) != 1:
            continue
        ways = [(row["source"], row["target"])]
        if row["task"] == "paraphrase":
            ways = [*ways, (row["target"], row["source"])] if verdicts == {True} else []
        label = "entailment" if verdicts == {True} else "neutral"
        for premise, hypothesis in ways:
            yield {"premise": premise, "hypothesis": hypothesis, "label": label, "source": SOURCE}


def draw_edited(rows: Sequence[dict[str, Any]], most: int, seed: int) -> Iterator[dict[str, str]]:
    """At most `most` examples of each kind of edit, of the sources of valid pairs."""
    good = [row["source"] for row in rows if all(one["valid"] for one in row["readers"])]
    kinds: dict[str, list[Any]] = {}
    for edits in edit_all(list(dict.fromkeys(good)), seed):
        for edit in edits:
            kinds.setdefault(edit.kind, []).append(edit)
    order = random.Random(seed)
    for kind in sorted(kinds):
        for edit in order.sample(kinds[kind], min(most, len(kinds[kind]))):
            yield {
                "premise": edit.premise,
                "hypothesis": edit.hypothesis,
                "label": edit.label,
                "source": f"edits, {kind}",
            }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labels", type=Path, default=LABELS)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--without", action="append", default=[], metavar="RUN")
    parser.add_argument("--only", action="append", default=[], metavar="RUN")
    parser.add_argument("--edits", type=int, default=0, metavar="N", help="of a kind at most")
    parser.add_argument("--seed", type=int, default=0, help="of the edits")
    asked = parser.parse_args()
    rows = list(read_file_rows(asked.labels))
    known = {find_run(row) for row in rows}
    if unknown := {*asked.without, *asked.only} - known:
        parser.error(f"no run {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    wanted = (set(asked.only) or known) - set(asked.without)
    rows = [row for row in rows if find_run(row) in wanted]
    found = [
        *make_examples(rows),
        *(draw_edited(rows, asked.edits, asked.seed) if asked.edits else ()),
    ]
    text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in found)
    asked.output.write_text(text, encoding="utf-8")
    counted = Counter((one["source"], one["label"]) for one in found)
    for (source, label), count in sorted(counted.items()):
        print(f"{source} {label}: {count}")


if __name__ == "__main__":
    main()
