"""The page of faults says what its data says, of every request, and nothing in it went wrong."""

from __future__ import annotations

import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from tests.builder.hub.faults import FAULTS, KILLED

ROOT = Path(__file__).resolve().parents[3]


def test_the_page_is_of_its_data() -> None:
    spec = spec_from_file_location("publishing", ROOT / "scripts/reproduce/publishing.py")
    assert spec is not None
    assert spec.loader is not None
    script = module_from_spec(spec)
    spec.loader.exec_module(script)
    results = json.loads(script.PAGE.with_suffix(".json").read_text(encoding="utf-8"))
    assert script.format_page(results) == script.PAGE.read_text(encoding="utf-8")
    ran = [results[name] for name in script.list_runs() if results.get(name, {}).get("done")]
    assert ran
    for result in ran:
        assert all(set(FAULTS) <= set(row) for row in result["requests"])
        assert all(set(KILLED) <= set(row) for row in result["steps"])
        assert set(script.list_outcomes(result)) <= {"absorbed", "resumed"}
