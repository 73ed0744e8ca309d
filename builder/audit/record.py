"""Scores kept beside the rows that they are of, and found again by card and report.

RUN/audit/<audit>.json                of a run's rows; its release carries a copy
RELEASE/provenance/audit/<audit>.json of a released folder without its run
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from builder.errors import BuilderError
from builder.stored import GROUP, Stored
from cards.audit import AuditAgreement, AuditFacts, AuditGroup, AuditShare
from dimsum.files import write_json

RUN_AUDITS = "audit"
RELEASE_AUDITS = "provenance/audit"
SHOWN = ("released", "task", "control")


def digest_rows(ids: Iterable[str]) -> str:
    """A name of exactly these rows, whatever their order: sha256 of the sorted ids."""
    return sha256("\n".join(sorted(ids)).encode()).hexdigest()


def digest_released(rows: Stored) -> str:
    """`digest_rows` of released rows, whose ids are 16 hexadecimal digits, as arrays."""
    ids = [np.zeros(0, np.uint64)]
    for group in rows.groups(["id"]):
        ids.append(np.asarray([int(str(text), 16) for text in group["id"].to_pylist()], np.uint64))
    ordered = np.sort(np.concatenate(ids))
    found = sha256()
    for start in range(0, len(ordered), GROUP):
        lines = "\n".join(f"{number:016x}" for number in ordered[start : start + GROUP].tolist())
        found.update(f"\n{lines}".encode() if start else lines.encode())
    return found.hexdigest()


@dataclass(frozen=True)
class Audits:
    """Audits that lie beside some rows.

    Attributes:
        facts: of those that are of these rows.
        documents: the same whole, by file name.
        others: how many are of other rows.
    """

    facts: tuple[AuditFacts, ...]
    documents: dict[str, dict[str, Any]]
    others: int


def read_audits(folder: Path, rows: str) -> Audits:
    """Audits in a folder, those of the rows with this digest apart from others.

    Raises:
        BuilderError: a file there is not what `dimsum audit score` writes.
    """
    facts: list[AuditFacts] = []
    documents: dict[str, dict[str, Any]] = {}
    others = 0
    for path in sorted(folder.glob("*.json")):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            found = AuditFacts.model_validate_json(json.dumps(document["facts"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BuilderError(
                f"{path} is no record of an audit",
                hint="`dimsum audit score` writes it again; or take the file away",
            ) from error
        if found.rows == rows:
            facts.append(found)
            documents[path.name] = document
        else:
            others += 1
    return Audits(tuple(facts), documents, others)


def write_documents(folder: Path, audits: Audits) -> None:
    """Copy audits into a released folder."""
    for name, document in audits.documents.items():
        write_json(folder / RELEASE_AUDITS / name, document)


def make_facts(document: Mapping[str, Any]) -> AuditFacts | None:
    """What a card says of scores; None where no released pair was judged by all."""
    groups = [row for row in document.get("precision", ()) if row["by"] in SHOWN]
    if not groups or groups[0]["by"] != "released":
        return None
    methods = dict.fromkeys(one["method"] for one in groups[0]["all"].values())
    return AuditFacts(
        audit=document["audit"],
        rows=document["corpus"]["rows"],
        readers=len(document["readers"]),
        read=groups[0]["read"],
        groups=tuple(_make_group(row, document["corpus"]["count"]) for row in groups),
        agreement=tuple(
            AuditAgreement(**{name: row[name] for name in ("question", "value", "low", "high")})
            for row in document["agreement"]
            if row["level"] == "nominal"
        ),
        intervals=f"Intervals: {'; '.join(methods)}",
    )


def _make_group(row: Mapping[str, Any], count: int) -> AuditGroup:
    shares = {
        question: AuditShare(**{end: share[end] for end in ("value", "low", "high")})
        for question, share in row["all"].items()
    }
    rows = count if row["by"] == "released" else row["rows"]
    return AuditGroup(by=row["by"], name=row["name"], rows=rows, read=row["read"], shares=shares)
