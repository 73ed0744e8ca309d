"""The paraphrastic-proximity probe: does a teacher say the same thing again in other words?

documents -> contexts of 1 to 5 sentences -> next sentences -> judged pairs -> hidden states
          -> findings
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from builder.config import CriticConfig, DomainConfig
from builder.errors import ConfigError
from builder.models import LoadedModel, load_causal, public_name, resolve
from builder.probe.parts import Parts
from builder.probe.settings import ProbeSettings

if TYPE_CHECKING:
    from builder.probe.draws import NextSentences
    from builder.probe.findings import Findings
    from builder.probe.judged import Judged


@dataclass(frozen=True)
class Probe:
    """A finished probe.

    Attributes:
        source: where the contexts come from, in words.
        notes: one line on each model, its device and dtype.
        seconds: of wall clock, by part.
        examples: a mutually entailing pair of each temperature: (temperature, first, second).
    """

    settings: ProbeSettings
    source: str
    findings: Findings
    notes: tuple[str, ...]
    seconds: dict[str, float]
    examples: tuple[tuple[float, str, str], ...]


def probe(
    settings: ProbeSettings,
    domain: DomainConfig,
    *,
    contexts: Path | None = None,
    parts_folder: Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Probe:
    """Run the probe, or go on with one that was cut short.

    Args:
        domain: whose openings the teacher continues, unless there are `contexts`.
        contexts: texts of the user's own, one a line.
        parts_folder: for finished parts until the whole is done.
        say: called with one line as each part ends.

    Raises:
        ConfigError: settings or texts that cannot be used.
        BuilderError: a model failed.
    """
    from builder.probe.findings import findings
    from builder.probe.states import states

    teacher = load_causal(settings.teacher, dtype="auto")
    parts = Parts(parts_folder, _key(settings, domain, contexts), say)
    documents, drawn, pairs, notes = _texts(settings, domain, contexts, teacher, parts)
    sentences = list(dict.fromkeys(sentence for one in drawn for sentence in one.sentences))
    began = time.monotonic()
    vectors = states(teacher, sentences)
    parts.done("hidden states", time.monotonic() - began)
    found = findings(drawn, pairs, vectors, sentences, documents, settings)
    named = f"continuations of {domain.name} openings by the teacher, at temperature 1"
    examples = {p.temperature: (p.first, p.second) for p in reversed(pairs) if p.equivalent}
    return Probe(
        settings,
        source=named if contexts is None else f"texts of {contexts.name}",
        findings=found,
        notes=_notes(settings, [*teacher.notes, *notes]),
        seconds=parts.seconds,
        examples=tuple((t, *examples[t]) for t in sorted(examples)),
    )


def _texts(
    settings: ProbeSettings,
    domain: DomainConfig,
    contexts: Path | None,
    teacher: LoadedModel,
    parts: Parts,
) -> tuple[int, list[NextSentences], list[Judged], list[str]]:
    """How many documents, the next sentences, the judged pairs, notes on the critic."""
    from builder.critics.entailment import EntailmentCritic
    from builder.probe.draws import NextSentences, draw_next
    from builder.probe.judged import Judged, judge_draws
    from builder.probe.texts import Document, from_file, from_teacher

    if contexts is None:
        begin = partial(from_teacher, teacher, domain, settings)
    else:
        begin = partial(from_file, contexts, settings)
    documents = parts.of("documents", TypeAdapter(list[Document]), begin)
    drawn: list[NextSentences] = []
    for temperature in settings.temperatures:
        draw = partial(draw_next, teacher, documents, temperature, settings)
        name = f"next sentences at {temperature:g}"
        drawn += parts.of(name, TypeAdapter(list[NextSentences]), draw)
    if not any(one.sentences for one in drawn):
        raise ConfigError("no next sentence was whole", hint="raise --max-new-tokens")
    critic = EntailmentCritic.load(CriticConfig(model=settings.critic))
    pairs: list[Judged] = []
    for temperature in settings.temperatures:
        here = [one for one in drawn if one.temperature == temperature]
        judge = partial(judge_draws, critic, here, settings)
        pairs += parts.of(f"pairs judged at {temperature:g}", TypeAdapter(list[Judged]), judge)
    return len(documents), drawn, pairs, critic.notes


def _key(settings: ProbeSettings, domain: DomainConfig, contexts: Path | None) -> Any:
    """What the texts of a probe depend on."""
    text = None
    if contexts is not None and contexts.is_file():
        text = contexts.read_text("utf-8-sig", errors="replace")
    return [
        settings.model_dump(mode="json"),
        resolve(settings.teacher).identity,
        resolve(settings.critic).identity,
        domain.model_dump(mode="json"),
        text,
    ]


def _notes(settings: ProbeSettings, notes: list[str]) -> tuple[str, ...]:
    """Notes on the models; of a local path only its last part."""
    for reference in (settings.teacher, settings.critic):
        notes = [note.replace(reference, public_name(reference)) for note in notes]
    return tuple(notes)
