"""Breaks every request of a publish in every way, and writes the outcomes as a page.

    python scripts/reproduce/publishing.py [SCENARIO/WAY ...]

A scenario is first, next, large or student, a way is xet or lfs; without any all eight are run, in
about ten minutes of one core. Interrupted, it goes on where it stopped. Outcomes are kept in
docs/experiments/publishing.json, and the page beside it is written from them. Times of
`scripts/bench/publish.py --json FILE` come in with --times FILE.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import ssl
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/experiments/publishing.md"
sys.path.insert(0, str(ROOT))

FOR_EVER = (500, 503)
WAYS = ("publish", "upload_folder")
Save = Callable[[dict[str, Any]], None]
INTRODUCTION = """# What can break a publish, and does not

Every request of a clean publish to a Hub on loopback, broken in every way, one at a time, through
the real client, by Xet and by plain LFS; then the publisher killed at every request and at every
step that it saves. Written by `scripts/reproduce/publishing.py`.

Each cell is one publish with one thing broken, and the same command run again afterwards. It is
checked each time that

- `main` never was anything but the old release, whole, or the new one, whole;
- it ends byte for byte as after a clean publish, with the tag on it;
- there is exactly one commit, or one merge, for the release;
- a failure is reported in one line with what to do, and without the token.

**a**: absorbed, the command went through by itself. **r**: resumed, the command failed or was
killed, and the same command went on to the end. **WRONG** would be anything else.

- *first*: to a repository that is not there yet; *next*: over an older release, with fewer shards;
  *large*: more operations than fit a commit, through a draft pull request; *student*: a model.
- *dropped before* and *after*: the connection is closed before the Hub does it, or after it did,
  so the answer is lost. *truncated*: the answer ends after 5 bytes. *slow*: it comes after the
  client's patience has ended. *for ever*: longer than all attempts of the command.
- A dash: uploads to Xet go through a library of its own, which no Python code can be killed
  within; the tests kill the whole process there.
"""


def run(name: str, way: str, root: Path, earlier: dict[str, Any], save: Save) -> dict[str, Any]:
    """All cells of a scenario by one way, but those that an interrupted run has done."""
    from huggingface_hub import constants

    from tests.builder.hub import faults
    from tests.loophub import LoopHub

    scenarios = {"first": faults.FIRST, "next": faults.NEXT, "large": faults.LARGE}
    scenario = scenarios.get(name, faults.STUDENT)
    constants.HF_HUB_DISABLE_XET = way == "lfs"
    folders = faults.Folders.make(root / "releases", (scenario.kind,))
    with LoopHub() as hub:
        bench = faults.Bench(scenario, folders, root, hub)
        rest = list(earlier.get("requests", []))
        result = {"done": False, "at": time.strftime("%Y-%m-%d"), "requests": [], "steps": []}
        for number, request in enumerate(bench.clean.requests):
            known = next((row for row in rest if row["request"] == request), None)
            if known is not None:
                rest.remove(known)
                result["requests"].append(known)
            else:
                result["requests"].append(_break_request(bench, number))
                save({**result, "requests": [*result["requests"], *rest]})
        _break_for_ever(result["requests"], bench)
        for number, step in enumerate(bench.clean.steps):
            cells = {when: bench.kill_at_step(number, when) for when in faults.KILLED}
            result["steps"].append({"step": step, **cells})
    return {**result, "done": True}


def _break_request(bench: Any, number: int) -> dict[str, str]:
    """One request broken in every way."""
    from tests.builder.hub.faults import FAULTS, KILLED

    requests = bench.clean.requests
    request = requests[number]
    row = {"request": request} | {fault: bench.fault(number, fault) for fault in FAULTS}
    if "/cas/" in request:
        return row
    by_httpx = sum("/cas/" not in earlier for earlier in requests[:number])
    if by_httpx < bench.clean.count:
        row |= {when: bench.kill(by_httpx, when) for when in KILLED}
    return row


def _break_for_ever(rows: list[dict[str, str]], bench: Any) -> None:
    """Each kind of request broken for ever, in the row where it first comes."""
    for row in {row["request"]: row for row in reversed(rows)}.values():
        request = row["request"]
        if "/cas/" in request or "xet-" in request:
            continue
        same = [other for other in rows if other["request"] == request]
        for status in FOR_EVER:
            name = f"{status} for ever"
            known = [other.pop(name) for other in same if name in other]
            row[name] = known[0] if known else bench.for_ever(request, status)


def hush_client(scratch: Path) -> None:
    """The client without its waits, and with a cache of its own."""
    import logging

    from huggingface_hub import constants
    from huggingface_hub.utils import _http, disable_progress_bars

    quick = SimpleNamespace(**{name: getattr(time, name) for name in dir(time)})
    quick.sleep = lambda seconds: time.sleep(min(seconds, 0.01))
    _http.time = quick  # type: ignore[attr-defined]
    constants.HF_HUB_CACHE = str(scratch / "cache")
    # Reading the certificates takes longer than a publish to loopback, which needs none.
    certificates = ssl.create_default_context()
    ssl.create_default_context = lambda *_, **__: certificates  # type: ignore[assignment]
    # A killed process is not a lost disk.
    os.fsync = lambda _: None  # type: ignore[assignment]
    disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)


def list_outcomes(result: dict[str, Any]) -> list[str]:
    """The outcome of each cell."""
    return [
        value
        for row in [*result["requests"], *result["steps"]]
        for name, value in row.items()
        if name not in ("request", "step")
    ]


def format_page(results: dict[str, Any]) -> str:
    """All outcomes as Markdown."""
    from cards.tables import format_table

    rows = []
    ran = {name: results[name] for name in list_runs() if results.get(name, {}).get("done")}
    for name, result in ran.items():
        count = Counter(
            out if out in ("absorbed", "resumed") else "wrong" for out in list_outcomes(result)
        )
        scenario, way = name.split("/")
        outcome = [count["absorbed"], count["resumed"], count["wrong"]]
        rows.append([scenario, way, len(result["requests"]), count.total(), *outcome, result["at"]])
    head = ["scenario", "by", "requests", "cells", "absorbed", "resumed", "wrong", "run on"]
    lines = [INTRODUCTION, "## In short", "", format_table(head, rows, "llrrrrrl")]
    missing = [name for name in list_runs() if name not in ran]
    if missing:
        lines += ["", f"Not run to their end yet: {', '.join(missing)}."]
    lines += _format_times(results.get("times", []))
    for name, result in ran.items():
        lines += ["", f"## {name.replace('/', ', ')}", ""]
        lines.append(_format_outcomes(result["requests"], "request"))
        lines += [
            "",
            "Killed where a step is saved:",
            "",
            _format_outcomes(result["steps"], "step"),
        ]
    return "\n".join(lines) + "\n"


def _format_times(times: list[dict[str, Any]]) -> list[str]:
    """Publishing beside `upload_folder`, as `scripts/bench/publish.py` measured it."""
    from cards.escape import Markdown
    from cards.tables import format_table

    if not times:
        return []
    rows = []
    for time_ in times:
        data = f"{time_['gigabytes']:g} GB in {time_['files']} files"
        medians = [sorted(time_["seconds"][w])[len(time_["seconds"][w]) // 2] for w in WAYS]
        seconds = [f"{median:.1f}" for median in medians]
        runs = len(time_["seconds"]["publish"])
        rows.append([data, time_["transfer"], *seconds, time_["ratio"], runs, time_["at"]])
    head = ["data", "by", *(Markdown(f"`{way}`") for way in WAYS), "ratio", "runs", "measured"]
    said = "Medians of seconds; `publish` also hashes, lints and verifies."
    return ["", "## Time", "", said, "", format_table(head, rows, "llrrrrl")]


def _format_outcomes(rows: list[dict[str, str]], first: str) -> str:
    from cards.escape import Markdown
    from cards.tables import format_table

    names = list(dict.fromkeys(name for row in rows for name in row if name != first))
    short = {"absorbed": "a", "resumed": "r", None: None}
    cells = [
        [number, Markdown(f"`{row[first]}`")]
        + [short.get(row.get(name), row.get(name)) for name in names]
        for number, row in enumerate(rows, 1)
    ]
    return format_table(["", first, *names], cells, "rlc")


def list_runs() -> list[str]:
    """Every scenario by every way."""
    return [f"{s}/{w}" for s in ("first", "next", "large", "student") for w in ("xet", "lfs")]


def main() -> None:
    """Runs what is asked for and writes the page anew."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("which", nargs="*", help="SCENARIO/WAY")
    parser.add_argument("--times", type=Path, action="append", default=[], help="of the benchmark")
    parser.add_argument("--no-run", action="store_true", help="only write the page")
    asked = parser.parse_args()
    data = PAGE.with_suffix(".json")
    results = json.loads(data.read_text()) if data.is_file() else {}
    PAGE.parent.mkdir(parents=True, exist_ok=True)

    def save(**more: Any) -> None:
        results.update(more)
        partial = data.with_suffix(".partial")
        partial.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        partial.replace(data)

    if asked.times:
        save(times=[json.loads(path.read_text()) for path in asked.times])
    wrong = 0
    for name in [] if asked.no_run else asked.which or list_runs():
        scratch = Path(tempfile.mkdtemp())
        os.environ["HF_XET_TELEMETRY_ENABLED"] = "0"
        os.environ["HF_XET_CLIENT_RETRY_BASE_DELAY"] = "10ms"
        hush_client(scratch)
        earlier = results.get(name, {})
        made = run(
            *name.split("/"),
            root=scratch,
            earlier={} if earlier.get("done") else earlier,
            save=lambda part, name=name: save(**{name: part}),
        )
        save(**{name: made})
        shutil.rmtree(scratch, ignore_errors=True)
        found = Counter(list_outcomes(made))
        print(name, dict(found), flush=True)
        wrong += sum(count for out, count in found.items() if out.startswith("WRONG"))
    PAGE.write_text(format_page(results), encoding="utf-8")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
