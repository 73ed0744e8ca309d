"""Training pairs in which the tree says what is to be written, for the student of syntax.py.

    python scripts/reproduce/syntax_pairs.py mrpc_train.jsonl.gz -o pairs.jsonl

Of each positive pair both sentences and their other orders are wordings of one thing, and each is
rewritten as each other one whose tree is far enough away. Where there are three or more wordings
the source does not tell which is meant. Of those of only two wordings some are drawn.
"""

from __future__ import annotations

import argparse
import json
import random
from itertools import permutations
from pathlib import Path

from builder.reordering import reorder_all
from dimsum.data.files import read_file_rows
from dimsum.files import open_whole_file
from dimsum.prompts import join_lines
from dimsum.syntax.parsers import find_parser
from dimsum.syntax.tree import measure_distance
from dimsum.tasks.paraphrase import PARAPHRASE

HEIGHT = 3
SEED = 7


def group_wordings(file: Path) -> list[list[str]]:
    """The wordings of each positive pair, each once."""
    pairs = [
        (join_lines(row["s1"]), join_lines(row["s2"]))
        for row in read_file_rows(file)
        if row["label"] == 1
    ]
    texts = list(dict.fromkeys(text for pair in pairs for text in pair))
    orders = dict(zip(texts, reorder_all(texts), strict=True))
    return [
        list(dict.fromkeys([*pair, *(order.text for text in pair for order in orders[text])]))
        for pair in pairs
    ]


def pair_wordings(
    groups: list[list[str]], least: int
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Each wording with each other one at least so many nodes away: of groups of three or more, and
    of groups of two."""
    parser = find_parser()
    texts = list(dict.fromkeys(text for group in groups for text in group))
    trees = dict(zip(texts, parser.parse(texts), strict=True))
    found: tuple[list[tuple[str, str]], list[tuple[str, str]]] = ([], [])
    for group in groups:
        for pair in permutations(group, 2):
            one, other = trees[pair[0]], trees[pair[1]]
            if one is None or other is None:
                continue
            if measure_distance(one.trim(HEIGHT), other.trim(HEIGHT)) >= least:
                found[len(group) == 2].append(pair)
    return found


def main(texts: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path, help="pairs with s1, s2 and label")
    parser.add_argument("--least", type=int, default=2, help="nodes between the trees of a pair")
    parser.add_argument("--of-two", type=int, default=1500, help="pairs of only two wordings")
    parser.add_argument("-o", "--output", type=Path, required=True)
    wanted = parser.parse_args(texts)
    several, two = pair_wordings(group_wordings(wanted.file), wanted.least)
    rng = random.Random(SEED)
    rng.shuffle(two)
    chosen = several + two[: wanted.of_two]
    rng.shuffle(chosen)
    with open_whole_file(wanted.output) as stream:
        for source, target in chosen:
            row = {"source": source, "target": target, "task": PARAPHRASE.name}
            stream.write(json.dumps(row) + "\n")
    print(f"{len(several):,} of several wordings, {len(chosen) - len(several):,} of two")


if __name__ == "__main__":
    main()
