"""What this machine has: versions, devices, models."""

from __future__ import annotations

import os
import shutil
from typing import Any

from builder.models import EMBEDDED, find_cache_folder, find_embedded
from builder.versions import list_versions
from dimsum.devices import measure_bf16_speedup, pick_device, pick_dtype
from dimsum.errors import DimsumError
from dimsum.threads import use_fastest_threads


def examine() -> dict[str, dict[str, Any]]:
    """Versions, devices, embedded models and the spaCy pipeline, as found now."""
    import torch

    device = pick_device()
    devices: dict[str, Any] = {
        "device": device.type,
        "dtype": str(pick_dtype(device)).removeprefix("torch."),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "threads": use_fastest_threads(),
    }
    if device.type == "cpu":
        devices["bfloat16"] = f"{measure_bf16_speedup():.1f}x the speed of float32"
    else:
        devices["name"] = torch.cuda.get_device_name() if device.type == "cuda" else device.type
    cache = find_cache_folder()
    return {
        "versions": list_versions(),
        "devices": devices,
        "models": {
            **{f"embedded:{name}": _find(name) for name in EMBEDDED},
            "spaCy": _describe_spacy(),
        },
        "cache": {
            "folder": str(cache),
            "free": f"{shutil.disk_usage(_find_existing(cache)).free / 2**30:.0f} GiB",
        },
    }


def _find(name: str) -> str:
    try:
        return str(find_embedded(name))
    except DimsumError as error:
        return f"missing: {error.hint}"


def _describe_spacy() -> str:
    from builder.sentences import load_nlp

    try:
        meta = load_nlp().meta
    except DimsumError as error:
        return f"missing: {error.hint}"
    return f"{meta['lang']}_{meta['name']} {meta['version']}"


def _find_existing(path: Any) -> Any:
    while not path.exists():
        path = path.parent
    return path
