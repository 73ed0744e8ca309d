"""The candidate methods by name: those shipped here, installed ones, and `module:name`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, SerializeAsAny

from builder.methods import parallel, sequential
from builder.methods.base import Method, MethodSettings
from dimsum.errors import UsageError
from dimsum.plugins import import_object, installed, load_installed, source_hash
from dimsum.settings import did_you_mean

GROUP = "dimsum_plus.methods"
"""Entry points of this group are methods; their names are the methods'."""

SHIPPED: tuple[Method, ...] = (parallel.METHOD, sequential.METHOD)


def method_of(kind: str) -> Method:
    """A method: by its name, or as `module:name`.

    Raises:
        UsageError: there is none, with the nearest known name; or it cannot be loaded.
    """
    for method in SHIPPED:
        if method.name == kind:
            return method
    if ":" in kind:
        return import_object(kind, Method)
    points = installed(GROUP)
    if kind not in points:
        known = [*(method.name for method in SHIPPED), *points]
        raise UsageError(
            f"no method is called {kind!r}{did_you_mean(kind, known)}",
            hint=f"methods are {', '.join(known)}; one of your own is module:name",
        )
    return load_installed(points[kind], Method)


def identity_of(kind: str) -> list[Any]:
    """What a method's draws depend on beside its settings, for fingerprints."""
    method = method_of(kind)
    own = () if method in SHIPPED else (source_hash(method.draw),)
    return [method.name, method.version, *own]


def _checked(value: Any) -> Any:
    """A mapping as the settings of the kind that it names."""
    if not isinstance(value, Mapping):
        return value
    kind = value.get("kind")
    if not isinstance(kind, str):
        raise ValueError("a method needs a kind, such as parallel")
    try:
        method = method_of(kind)
    except UsageError as error:
        raise ValueError(error.message) from error
    return method.settings.model_validate(value)


AnyMethod = Annotated[MethodSettings, BeforeValidator(_checked), SerializeAsAny()]
"""The settings of a method, as a configuration's list has them."""
