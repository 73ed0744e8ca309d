"""Connected components of large graphs, in arrays."""

from __future__ import annotations

import numpy as np

from builder.statistics.words import Array


def find_smallest_connected(a: Array, b: Array, nodes: int) -> Array:
    """Of each node the smallest node of its component, int64.

    Args:
        a, b: ends of each edge, numbers below `nodes`.
        nodes: how many there are; one without an edge is a component of its own.
    """
    # Most commands meet this module and join nothing: the library takes longer than they do.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edges = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(nodes, nodes))
    _, label = connected_components(edges, directed=False)
    _, first = np.unique(label, return_index=True)
    return np.asarray(first[label], np.int64)
