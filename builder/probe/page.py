"""The proximity probe as a page of Markdown with tables, plots and a plain verdict."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from builder.models import public_name
from builder.probe.estimates import Estimate
from builder.probe.findings import GROUPS, Cell, Claim, Findings
from builder.probe.judged import BLEU
from builder.probe.plots import pictures
from builder.probe.proximity import Probe
from builder.report.drawing import write_pictures
from builder.report.text import shorten
from builder.versions import library_versions
from dimsum.files import write_json, write_text

DASH = "–"
ENOUGH = 100
"""Mutually entailing pairs; with fewer the page warns."""
PAPER = (
    "The paper draws 100 next sentences after each of 1,000 contexts of XSUM articles, judges "
    "pairs with a WANLI model and finds a mean Self-BLEU of about 32 over equivalent pairs, where "
    "human paraphrases of MRPC have 39 (arXiv 2305.16635 v4, section 2). Teacher, contexts, critic "
    "and BLEU differ here, so the numbers are not to be compared; the directions are."
)


def write_page(probe: Probe, page: Path, command: Sequence[str]) -> list[Path]:
    """Write the page, its pictures beside it, and all numbers as JSON; return the files.

    Args:
        command: that made it.

    Raises:
        BuilderError: the disk failed.
    """
    drawn = pictures(probe.findings)
    files = write_pictures(drawn, page.parent / "pictures")
    numbers = page.with_suffix(".json")
    write_json(numbers, as_json(probe))
    write_text(page, render_markdown(probe, command))
    return [page, numbers, *files]


def as_json(probe: Probe) -> dict[str, Any]:
    """Every number of the page, JSON-able."""
    found = asdict(probe.findings)
    for claim, one in zip(found["claims"], probe.findings.claims, strict=True):
        claim["verdict"] = one.verdict
    settings = probe.settings.model_dump(mode="json")
    for role in ("teacher", "critic"):
        settings[role] = public_name(settings[role])
    return {"settings": settings, "source": probe.source, "seconds": probe.seconds, **found}


def render_markdown(probe: Probe, command: Sequence[str]) -> str:
    """The page."""
    found = probe.findings
    parts = [
        "# Does the teacher say the same thing again?",
        _verdict(found, public_name(probe.settings.teacher)),
        PAPER,
        "## Claims",
        _table(
            ("claim", "number that decides it", "found", "verdict"),
            [(c.text, c.number, _estimate(c.found), c.verdict) for c in found.claims],
        ),
        "## By length of the context",
        _picture("proximity-share", "Share of mutually entailing pairs"),
        _cells(found.by_length, "sentences in the context", lambda c: str(c.length)),
        "## By temperature",
        _cells(found.by_temperature, "temperature", lambda c: f"{c.temperature:g}"),
        "## Every length at every temperature",
        _picture("proximity-self-bleu", "Self-BLEU of mutually entailing pairs"),
        _cells(found.cells, "sentences, temperature", lambda c: f"{c.length}, {c.temperature:g}"),
        "## Hidden states",
        "Cosines of the teacher's mean hidden states of two sentences, each read without its "
        "context, less the mean of all sentences; the first position is a token of its own and "
        "does not count. Cohen's d is the distance of two means in "
        "standard deviations.",
        _picture("proximity-states", "Likeness of hidden states"),
        _likeness(found),
        *_examples(probe),
        "## How it was made",
        _describe_run(probe, command),
    ]
    return "\n\n".join(parts) + "\n"


def _verdict(found: Findings, teacher: str) -> str:
    """One plain paragraph: what holds, what does not, and how much there was to go by."""
    by_verdict: dict[str, list[str]] = {}
    for claim in found.claims:
        by_verdict.setdefault(claim.verdict, []).append(_lower(claim))
    whole = found.whole
    said = [
        f"Of {whole.pairs:,} pairs of distinct next sentences that `{teacher}` wrote after the "
        f"same context, {_estimate(whole.share, 100, ' %')} entail each other, with a Self-BLEU "
        f"of {_estimate(whole.self_bleu)}."
    ]
    if whole.equivalent < ENOUGH:
        said.append(
            f"These are {whole.equivalent} mutually entailing pairs of {found.documents} texts, so "
            "intervals are rough and verdicts are to be read with care."
        )
    heads = {
        "holds": "What holds",
        "not distinguishable from chance": "What these samples cannot distinguish from chance",
        "the opposite holds": "What is the other way round",
        "not measurable here": "What could not be measured",
    }
    said += [f"{head}: {'; '.join(by_verdict[v])}." for v, head in heads.items() if v in by_verdict]
    return "\n\n".join(said)


def _lower(claim: Claim) -> str:
    return claim.text[0].lower() + claim.text[1:]


def _estimate(one: Estimate, factor: float = 1, unit: str = "") -> str:
    if one.value is None:
        return DASH
    value = f"{_number(factor * one.value)}{unit}"
    if one.low is None or one.high is None:
        return value
    return f"{value} ({_number(factor * one.low)} to {_number(factor * one.high)})"


def _number(value: float) -> str:
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _cells(cells: Iterable[Cell], head: str, name: Any) -> str:
    return _table(
        (
            head,
            "drawn",
            "distinct",
            "pairs judged",
            "mutually entailing, %",
            "Self-BLEU of them",
            "BLEU of the others",
        ),
        [
            (
                name(c),
                f"{c.drawn:,}",
                f"{c.distinct:,}",
                f"{c.pairs:,}",
                _estimate(c.share, 100),
                _estimate(c.self_bleu),
                _estimate(c.other_bleu),
            )
            for c in cells
        ],
    )


def _likeness(found: Findings) -> str:
    means = _table(
        ("layer", *(f"{group} (n)" for group in GROUPS)),
        [
            (one.layer, *(f"{_estimate(one.means[g])} ({one.pairs[g]:,})" for g in GROUPS))
            for one in found.likeness
        ],
    )
    effects = _table(
        ("layer", "comparison", "Cohen's d"),
        [
            (one.layer, name, _estimate(effect))
            for one in found.likeness
            for name, effect in one.effects.items()
        ],
    )
    return f"{means}\n\n{effects}"


def _examples(probe: Probe) -> list[str]:
    if not probe.examples:
        return []
    rows = [
        (f"{temperature:g}", shorten(first, 300), shorten(second, 300))
        for temperature, first, second in probe.examples
    ]
    return [
        "## The first mutually entailing pair of each temperature",
        _table(("temperature", "one", "the other"), rows),
    ]


def _describe_run(probe: Probe, command: Sequence[str]) -> str:
    settings = probe.settings
    versions = library_versions()
    shown = ("python", "torch", "transformers", "spacy")
    versions_line = ", ".join(f"{name} {versions[name]}" for name in shown if name in versions)
    times = "; ".join(f"{part} {took:.0f} s" for part, took in probe.seconds.items())
    lines = [
        f"- Contexts: the first sentences of {probe.findings.documents} texts, {probe.source}; "
        "every length of context is measured on the same texts.",
        f"- Next sentences: {settings.samples} of each context and temperature, nucleus "
        f"{settings.top_p:g}, no 3-gram twice; only whole sentences count.",
        f"- Pairs: at most {settings.pairs} of the distinct sentences of a context and "
        "temperature; two sentences are equivalent when entailment is the critic's likeliest label "
        "in both directions.",
        f"- BLEU: {BLEU}.",
        f"- Intervals: 95 %, {settings.replicates:,} bootstrap replicates over the texts.",
        f"- Models: {'; '.join(probe.notes)}. Seed {settings.seed}.",
        f"- Versions: {versions_line}.",
        f"- Time: {times}.",
        "- All numbers: `proximity.json` beside this page.",
    ]
    return "\n".join(lines) + f"\n\n```bash\n{shlex.join(command)}\n```"


def _picture(name: str, alt: str) -> str:
    return f"![{alt}](pictures/{name}.svg)"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(one) for one in line)} |" for line in lines)


def _cell(text: str) -> str:
    """Text that cannot end its cell or become markup."""
    for mark in "\\|<>`*_[]":
        if mark in text:
            text = text.replace(mark, f"\\{mark}")
    return text
