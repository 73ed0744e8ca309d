"""The candidate methods by name."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import SerializeAsAny

from builder.methods import eased, parallel, quoted, reordered, sequential, shortened
from builder.methods.base import Method, MethodSettings
from dimsum.plugins import Plugins, expect_instance

SHIPPED: tuple[Method, ...] = (
    parallel.METHOD,
    sequential.METHOD,
    reordered.METHOD,
    shortened.METHOD,
    eased.METHOD,
    quoted.METHOD,
)
METHODS = Plugins("method", expect_instance(Method), {method.name: method for method in SHIPPED})

AnyMethod = Annotated[
    MethodSettings, METHODS.by_kind(lambda method: method.settings), SerializeAsAny()
]
"""The settings of a method, as a configuration's list has them."""


def make_identity(kind: str) -> list[Any]:
    """What a method's draws depend on in addition to its settings, for fingerprints."""
    method = METHODS.find(kind)
    source = METHODS.source_hash(kind, method.draw)
    return [method.name, method.version, *filter(None, [source])]
