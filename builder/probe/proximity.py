"""The paraphrastic-proximity probe: does a teacher say the same thing again in other words?

documents -> contexts of 1 to 5 sentences -> next sentences -> judged pairs -> hidden states
          -> findings
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

from builder.config import CriticConfig, DomainConfig
from builder.critics.entailment import EntailmentCritic
from builder.errors import ConfigError
from builder.models import load_causal, public_name, resolve
from builder.probe import states, texts
from builder.probe.findings import Findings, findings
from builder.probe.judged import Judged, judge_draws
from builder.probe.settings import ProbeSettings
from builder.store import digest
from dimsum.files import write_json

Row = TypeVar("Row")
Say = Callable[[str], None]


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
    settings: ProbeSettings, domain: DomainConfig, contexts: Path | None, folder: Path, say: Say
) -> Probe:
    """Run the probe, or go on with one that was cut short.

    Args:
        domain: whose openings the teacher continues, unless there are `contexts`.
        contexts: texts of the user's own, one a line.
        folder: for finished parts until the whole is done.
        say: called with one line as each part ends.

    Raises:
        ConfigError: settings or texts that cannot be used.
        BuilderError: a model failed.
    """
    critic = EntailmentCritic.load(CriticConfig(model=settings.critic))  # a wrong one shows at once
    teacher = load_causal(settings.teacher, dtype="auto")
    parts = _Parts(folder, _key(settings, domain, contexts), say)
    begin = partial(texts.from_teacher, teacher, domain, settings)
    if contexts is not None:
        begin = partial(texts.from_file, contexts, settings)
    documents = parts.of("documents", list[texts.Document], begin)
    drawn: list[texts.NextSentences] = []
    for t in settings.temperatures:
        draw = partial(texts.draw_next, teacher, documents, t, settings)
        drawn += parts.of(f"next sentences at {t:g}", list[texts.NextSentences], draw)
    if not any(one.sentences for one in drawn):
        raise ConfigError("no next sentence was whole", hint="raise --max-new-tokens")
    pairs: list[Judged] = []
    for t in settings.temperatures:
        judge = partial(judge_draws, critic, [x for x in drawn if x.temperature == t], settings)
        pairs += parts.of(f"pairs judged at {t:g}", list[Judged], judge)
    sentences = list(dict.fromkeys(sentence for one in drawn for sentence in one.sentences))
    began = time.monotonic()
    vectors = states.states(teacher, sentences)
    parts.done("hidden states", time.monotonic() - began)
    named = f"continuations of {domain.name} openings by the teacher, at temperature 1"
    examples = {p.temperature: (p.first, p.second) for p in reversed(pairs) if p.equivalent}
    notes = [*teacher.notes, *critic.notes]
    for reference in (settings.teacher, settings.critic):
        notes = [note.replace(reference, public_name(reference)) for note in notes]
    return Probe(
        settings,
        source=named if contexts is None else f"texts of {contexts.name}",
        findings=findings(drawn, pairs, vectors, sentences, len(documents), settings),
        notes=tuple(notes),
        seconds=parts.seconds,
        examples=tuple((t, *examples[t]) for t in sorted(examples)),
    )


def _key(settings: ProbeSettings, domain: DomainConfig, contexts: Path | None) -> Any:
    """What the texts of a probe depend on."""
    text = None
    if contexts is not None and contexts.is_file():
        text = contexts.read_text("utf-8-sig", errors="replace")
    models = [resolve(reference).identity for reference in (settings.teacher, settings.critic)]
    return [settings.model_dump(mode="json"), models, domain.model_dump(mode="json"), text]


class _Parts:
    """Parts stored on disk, each under a digest of everything it depends on, and made once.

    Attributes:
        seconds: that each part took, when it was made.

    Args:
        key: what all parts depend on.
    """

    def __init__(self, folder: Path, key: Any, say: Say) -> None:
        self.folder, self.key, self.say = folder, key, say
        self.seconds: dict[str, float] = {}

    def of(self, name: str, kind: type[list[Row]], make: Callable[[], list[Row]]) -> list[Row]:
        """A part's rows, read where they are stored, made where they are not."""
        path = self.folder / f"{digest([self.key, name])[:16]}.json"
        rows = TypeAdapter(kind)
        if path.is_file():
            stored = json.loads(path.read_text(encoding="utf-8"))
            self.seconds[name] = stored["seconds"]
            self.say(f"{name}: from before")
            return rows.validate_python(stored["rows"])
        began = time.monotonic()
        made = make()
        self.done(name, time.monotonic() - began)
        content = {"seconds": self.seconds[name], "rows": rows.dump_python(made, mode="json")}
        write_json(path, content)
        return made

    def done(self, name: str, seconds: float) -> None:
        """A part is there."""
        self.seconds[name] = round(seconds, 1)
        self.say(f"{name}: {seconds:.0f} s")
