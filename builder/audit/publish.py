"""Scores reach the card: of a run through its release, of a released folder in place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from builder.audit.key import Key
from builder.audit.population import digest_released
from builder.audit.record import RELEASE_AUDITS, RUN_AUDITS, read_audits
from builder.config import parse_config
from builder.errors import ConfigError
from builder.hub.manifest import MANIFEST
from builder.release import write_release
from builder.store import RUN_FILE, Run
from cards.facts import FACTS_PATH, DatasetFacts
from cards.render import render_dataset_card
from cards.text import read_text
from dimsum.files import hash_file, write_json, write_text


def publish_scores(key: Key, document: dict[str, Any]) -> tuple[list[Path], str]:
    """Write scores beside the rows that they are of, and render the card anew.

    Returns:
        The files written, and a sentence where the scores stay in the audit's folder.
    """
    corpus = Path(key.corpus.folder)
    if key.kind != "pairs" or key.corpus.origin not in ("run", "release"):
        return [], ""
    if document["facts"] is None:
        return [], "no released pair was judged by all readers, so no card says anything of it"
    try:
        now = digest_released(corpus)
    except ConfigError:
        return [], f"{corpus} is not there any more, so no card shows these scores"
    if now != key.corpus.rows:
        return [], f"the rows of {corpus} are not those that were drawn from: no card shows these"
    name = f"{key.audit}.json"
    if (corpus / RUN_FILE).is_file():
        write_json(corpus / RUN_AUDITS / name, document)
        run = Run.open(corpus)
        header = run.header()
        with run.lock():
            folder = write_release(run, parse_config(header["config"]), header)
        return [corpus / RUN_AUDITS / name, folder / "README.md"], ""
    try:
        facts = _read_facts(corpus)
    except ValueError:
        return [], f"the card of {corpus} was made by another version and is left as it is"
    write_json(corpus / RELEASE_AUDITS / name, document)
    return [corpus / RELEASE_AUDITS / name, *(_render(corpus, now, facts) if facts else [])], ""


def _read_facts(folder: Path) -> DatasetFacts | None:
    """Facts of a released folder; None where it has no card of ours."""
    path = folder / FACTS_PATH
    if not path.is_file():
        return None
    return DatasetFacts.model_validate_json(path.read_text(encoding="utf-8"))


def _render(folder: Path, rows: str, facts: DatasetFacts) -> list[Path]:
    """Write card, facts and checksums of a released folder with its audits."""
    facts_path, card, sums_path = folder / FACTS_PATH, folder / "README.md", folder / MANIFEST
    sums = json.loads(sums_path.read_text(encoding="utf-8")) if sums_path.is_file() else {}
    audits = read_audits(folder / RELEASE_AUDITS, rows)
    facts = facts.model_copy(update={"audits": audits.facts, "audits_of_other_rows": audits.others})
    previous = read_text(card) if card.is_file() else None
    write_text(facts_path, facts.model_dump_json(indent=2) + "\n")
    write_text(card, render_dataset_card(facts, previous))
    changed = [facts_path, card, *(folder / RELEASE_AUDITS).glob("*.json")]
    sums |= {path.relative_to(folder).as_posix(): hash_file(path) for path in changed}
    write_json(sums_path, dict(sorted(sums.items())))
    return [card]
