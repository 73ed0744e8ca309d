"""Models on the Hub: whether they can be had, and at which commit.

Commands ask `find_models` before they import torch, so that a Hub that does not answer is said
within seconds.
"""

from __future__ import annotations

from pathlib import Path

from dimsum.errors import ModelError
from dimsum.models import Resolved, is_on_hub, resolve
from dimsum.network import explain_offline, is_offline, prefer_cache_when_offline


def find_models(*references: str | None) -> None:
    """Refuse models that cannot be had: where the Hub does not answer, those not in its cache.

    Those that are no Hub ids are looked for where they are loaded.

    Args:
        references: None and the empty one stand for no model.

    Raises:
        UsageError: a reference of no known form.
        ModelError: a model is out of reach.
    """
    for reference in references:
        if not reference or not is_on_hub(reference):
            continue
        resolved = resolve(reference)
        prefer_cache_when_offline()
        if is_offline() and _find_commit_in_cache(resolved) is None:
            raise _make_reach_error(resolved)


def pin(resolved: Resolved) -> Resolved:
    """A Hub id with the commit that its revision names now, asked of the Hub or of its cache.

    A branch moves; the commit is what a run computes with from its first start to its last.

    Raises:
        ModelError: neither knows it.
    """
    if not resolved.identity.startswith("hub:"):
        return resolved
    prefer_cache_when_offline()
    commit = None if is_offline() else _find_commit_on_hub(resolved)
    commit = commit or _find_commit_in_cache(resolved)
    if commit is None:
        raise _make_reach_error(resolved)
    identity = f"hub:{resolved.path}@{commit}"
    return Resolved(resolved.reference, resolved.path, commit, identity, resolved.licence)


def _make_reach_error(resolved: Resolved) -> ModelError:
    if is_offline():
        return ModelError(
            f"the model {resolved.reference} is not in the Hub's cache, and {explain_offline()}",
            hint="nor does a folder of that name lie here; check its name and the network",
        )
    return ModelError(
        f"the model {resolved.reference} is neither on the Hub, as seen from here, "
        "nor in its cache",
        hint="check its name and the network; a gated model needs `hf auth login`",
    )


def _find_commit_on_hub(resolved: Resolved) -> str | None:
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.errors import OfflineModeIsEnabled

    try:
        found = HfApi().model_info(resolved.path, revision=resolved.revision, timeout=10)
    except (httpx2.HTTPError, OfflineModeIsEnabled, OSError, RuntimeError):
        return None
    return found.sha


def _find_commit_in_cache(resolved: Resolved) -> str | None:
    from huggingface_hub import try_to_load_from_cache

    for file in ("config.json", "adapter_config.json"):
        found = try_to_load_from_cache(resolved.path, file, revision=resolved.revision)
        if isinstance(found, str):
            return Path(found).parent.name
    return None
