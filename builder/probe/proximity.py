"""The paraphrastic-proximity probe: does a teacher say the same thing again in other words?

documents -> contexts of 1 to 5 sentences -> next sentences -> judged pairs -> hidden states
          -> findings
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from builder.config import CriticConfig, DomainConfig
from builder.errors import ConfigError
from builder.models import load_causal, public_name
from builder.probe.settings import ProbeSettings

if TYPE_CHECKING:
    from builder.probe.findings import Findings


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
    say: Callable[[str], None] = lambda line: None,
) -> Probe:
    """Run the probe.

    Args:
        domain: whose openings the teacher continues, unless there are `contexts`.
        contexts: texts of the user's own, one a line.
        say: told one line as each part ends.

    Raises:
        ConfigError: settings or texts that cannot be used.
        BuilderError: a model failed.
    """
    from builder.critics.entailment import EntailmentCritic
    from builder.probe.draws import bunches
    from builder.probe.findings import findings
    from builder.probe.judged import judged
    from builder.probe.states import states
    from builder.probe.texts import from_file, from_teacher

    _check(settings)
    clock = _Clock(say)
    teacher = load_causal(settings.teacher, dtype="auto")
    critic = EntailmentCritic.load(CriticConfig(model=settings.critic))
    clock.part("models")
    if contexts is None:
        documents = from_teacher(teacher, domain, settings, clock.tick)
    else:
        documents = from_file(contexts, settings)
    clock.part(f"{len(documents)} documents")
    drawn = bunches(teacher, documents, settings, clock.tick)
    sentences = list(dict.fromkeys(one for bunch in drawn for one in bunch.sentences))
    if not sentences:
        raise ConfigError("no next sentence was whole", hint="raise --max-new-tokens")
    clock.part(f"{sum(b.drawn for b in drawn)} next sentences")
    pairs = judged(critic, drawn, settings, clock.tick)
    clock.part(f"{len(pairs)} pairs judged")
    vectors = states(teacher, sentences)
    clock.part(f"states of {len(sentences)} sentences")
    found = findings(drawn, pairs, vectors, sentences, len(documents), settings)
    named = f"continuations of {domain.name} openings by the teacher, at temperature 1"
    examples = {p.temperature: (p.first, p.second) for p in reversed(pairs) if p.equivalent}
    return Probe(
        settings,
        source=named if contexts is None else f"texts of {contexts.name}",
        findings=found,
        notes=_notes(settings, [*teacher.notes, *critic.notes]),
        seconds=clock.seconds,
        examples=tuple((t, *examples[t]) for t in sorted(examples)),
    )


def _notes(settings: ProbeSettings, notes: list[str]) -> tuple[str, ...]:
    """Notes on the models; of a local path only its last part."""
    for reference in (settings.teacher, settings.critic):
        notes = [note.replace(reference, public_name(reference)) for note in notes]
    return tuple(notes)


def _check(settings: ProbeSettings) -> None:
    temperatures = settings.temperatures
    if len(temperatures) < 2 or list(temperatures) != sorted(set(temperatures)):
        raise ConfigError("temperatures must be two or more, ascending", hint="such as 0.3,0.7,1.0")
    if not all(0 < one <= 5 for one in temperatures):
        raise ConfigError("a temperature lies above 0 and at most at 5")
    if settings.documents < 2 or settings.samples < 2 or settings.pairs < 1:
        raise ConfigError("the probe needs 2 documents, 2 samples and 1 pair at least")


class _Clock:
    """Seconds of each part, and a line when it ends."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.seconds: dict[str, float] = {}
        self.began = time.monotonic()
        self.tokens = 0

    def tick(self, tokens: int) -> None:
        self.tokens += tokens

    def part(self, name: str) -> None:
        took = time.monotonic() - self.began
        self.seconds[name] = round(took, 1)
        counted = f", {self.tokens:,} tokens" if self.tokens else ""
        self.say(f"{name}: {took:.0f} s{counted}")
        self.began, self.tokens = time.monotonic(), 0
