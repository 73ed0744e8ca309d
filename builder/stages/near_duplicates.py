"""near_duplicates: of pairs alike in wording across the whole corpus, one stays.

Which ones go is what `clusters` found; here the pairs of a shard are parted by it.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa

from builder.stages.base import Stage, Work
from builder.store import REJECTS, Output, read_table


def make(work: Work) -> Output:
    """Take the pairs of a shard that stay, and those that go with the source of their survivor."""
    pairs = work.tables["duplicates"]
    (path,) = work.paths["clusters"]
    goes = read_table(path, ["row", "survivor_source", "earlier_id"], [("shard", "==", work.shard)])
    stays = np.ones(pairs.num_rows, bool)
    stays[goes["row"].to_numpy()] = False
    rejects = pairs.take(goes["row"])
    reasons = [
        f"{task}." + ("near_duplicate" if earlier is None else "in_another_release")
        for task, earlier in zip(
            rejects["task"].to_pylist(), goes["earlier_id"].to_pylist(), strict=True
        )
    ]
    rejects = rejects.append_column("reason", pa.array(reasons, pa.string()))
    for name in ("survivor_source", "earlier_id"):
        rejects = rejects.append_column(name, goes[name])
    return Output(
        table=pairs.filter(pa.array(stays)),
        extra={REJECTS: rejects},
        entered=pairs.num_rows,
        rejected=Counter(reasons),
    )


STAGE = Stage(
    name="near_duplicates",
    version=5,
    counted="pairs",
    make=make,
    inputs=("duplicates", "clusters"),
    settings=lambda c, _: {},
)
