"""Statistics of one corpus, or of several side by side: the whole of `dimsum stats`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from builder.errors import ConfigError
from builder.statistics import diversity, rowwise
from builder.statistics.benchmarks import Benchmark
from builder.statistics.compare import compare_equal
from builder.statistics.corpus import Columns, Corpus, open_corpus
from builder.statistics.definitions import FAST, GROUPS, NONE, SLOW, find_definition
from builder.statistics.frame import Frame, open_frame
from builder.statistics.hygiene import measure_foreign, measure_hygiene
from builder.statistics.joined import join_frames
from builder.statistics.measured import Measured
from builder.statistics.offensive import SHIPPED, OffensiveWords
from builder.statistics.pairs import OTHER_SCRIPT, Options
from builder.statistics.published import match_published
from dimsum import __version__

FORMAT = 1
SAMPLES = {"cosine": 1000, "vendi": 500, "ted": 200, "entailment": 500, "agreement": 1000}
LANGUAGE_SAMPLE = 2000
OF_SOURCE = ("name", "kind", "revision", "dropped")
"""What a document says of where a corpus lies and how it was read; a release drops no row."""


@dataclass(frozen=True)
class Settings:
    """What is measured, and how.

    Attributes:
        measures: groups of `GROUPS` and parts of `SLOW`; a group's slow parts are asked for by
            name.
        seed: of every draw and replicate.
        processes: at work on the rows; no number depends on it.
        encoder: model reference for `cosine` and `vendi`.
        critic: model reference for `entailment`; it must not have filtered the corpus.
        parser: `module:function` from sentences to bracketed constituency trees.
        sample: rows of the slow parts; None takes each part's own.
        equal_size: rows of a draw when corpora are compared; None takes the smallest corpus.
        draws: of an equal-size comparison.
        benchmarks: files by name.
        offensive: word list.
        columns: of every corpus.
    """

    measures: frozenset[str] = frozenset(FAST)
    seed: int = 0
    processes: int = 1
    encoder: str = "embedded:minilm-l6"
    critic: str | None = None
    parser: str | None = None
    sample: int | None = None
    equal_size: int | None = None
    draws: int = 5
    benchmarks: Mapping[str, Path] = field(default_factory=dict)
    offensive: Path = SHIPPED
    columns: Columns = field(default_factory=Columns)

    def rows(self, part: str) -> int:
        """Rows that a slow part samples."""
        return self.sample or SAMPLES.get(part, LANGUAGE_SAMPLE)


def parse_measures(names: Sequence[str]) -> frozenset[str]:
    """Groups and parts by name; `fast` is all that needs no model, `all` everything.

    Raises:
        ConfigError: an unknown name.
    """
    found: set[str] = set()
    for name in names:
        if name == "fast":
            found |= set(FAST)
        elif name == "all":
            found |= {*FAST, *SLOW}
        elif name in GROUPS or name in SLOW:
            found.add(name)
        else:
            raise ConfigError(
                f"no measures are called {name!r}",
                hint=f"fast, all, or of {', '.join((*GROUPS, *SLOW))}",
            )
    if "fidelity" in found:
        found |= {"agreement", "entailment"}
    return frozenset(found)


def study(
    references: Sequence[str],
    settings: Settings | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Measure corpora and compare them at equal size.

    Args:
        references: the corpus and those it is compared with; see `corpus.open_corpus`.
        say: called with one line about each thing that takes time.

    Returns:
        A JSON-able document without NaN; docs/statistics.md describes it.

    Raises:
        ConfigError: a corpus that is not there, is empty or lacks a column; an unknown measure; a
            critic that filtered the corpus it is to judge.
        BuilderError: a file or a model cannot be read.
    """
    settings = settings or Settings()
    corpora = [open_corpus(reference, settings.columns) for reference in references]
    options = Options(
        OffensiveWords.read(settings.offensive),
        {name: Benchmark.read(path) for name, path in settings.benchmarks.items()},
    )
    _check(corpora, settings)
    with ExitStack() as stack:
        frames = []
        for corpus in corpora:
            counted = _ReportProgress(say, corpus.name)
            frames.append(
                stack.enter_context(
                    open_frame(
                        corpus,
                        options,
                        seed=settings.seed,
                        processes=settings.processes,
                        tick=counted,
                    )
                )
            )
            say(f"{corpus.name}: {frames[-1].rows:,} pairs read")
            if frames[-1].reading.dropped:
                say(f"left out of {corpus.name}: {frames[-1].reading}")
        found = [measure_frame(frame, settings, options.offensive.name, say) for frame in frames]
        document: dict[str, Any] = {
            "format": FORMAT,
            "dimsum_plus": __version__,
            "seed": settings.seed,
            "corpora": found,
        }
        if len(frames) > 1:
            document["equal_size"] = compare_equal(frames, settings.equal_size, settings.draws)
        document["published"] = match_published(found)
    return document


def study_release(data: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """What `study` says of a release's data folder, and of each task's folder in it by its name.

    In one process and without a model. The rows are passed over once: those of the whole are those
    of its tasks.
    """
    settings = Settings()
    options = Options(OffensiveWords.read(settings.offensive))
    tasks = sorted(path for path in data.iterdir() if path.is_dir())

    def measured(frame: Frame) -> dict[str, Any]:
        found = measure_frame(frame, settings, options.offensive.name, lambda line: None)
        return {key: found[key] for key in found if key not in OF_SOURCE}

    with ExitStack() as stack:
        frames = {
            path.name: stack.enter_context(
                open_frame(open_corpus(str(path)), options, seed=settings.seed)
            )
            for path in tasks
        }
        each = {name: measured(frame) for name, frame in frames.items()}
        if len(frames) == 1:
            return deepcopy(next(iter(each.values()))), each
        return measured(join_frames(list(frames.values()))), each


class _ReportProgress:
    """Says how far a pass is, every million rows."""

    def __init__(self, say: Callable[[str], None], name: str) -> None:
        self.say, self.name, self.rows = say, name, 0

    def __call__(self, rows: int) -> None:
        before, self.rows = self.rows, self.rows + rows
        if self.rows // 1_000_000 > before // 1_000_000:
            self.say(f"{self.name}: {self.rows:,} pairs so far")


def _check(corpora: Sequence[Corpus], settings: Settings) -> None:
    if settings.parser:
        from dimsum.syntax.parsers import find_parser

        find_parser(settings.parser)
    if "entailment" in settings.measures and settings.critic:
        from builder.statistics.fidelity import load_critic, refuse_own_critic

        for corpus in corpora:
            refuse_own_critic(corpus, settings.critic)
        load_critic(settings.critic)  # one that cannot judge shows before the hours of the rest
    if settings.measures & {"cosine", "vendi"}:
        from builder.statistics.vectors import load_encoder

        load_encoder(settings.encoder)


def measure_frame(
    frame: Frame, settings: Settings, word_list: str, say: Callable[[str], None]
) -> dict[str, Any]:
    """Everything that is asked for of one corpus."""
    wanted = settings.measures
    found: list[Measured] = []
    details: dict[str, Any] = {}
    if "table1" in wanted:
        for side in diversity.SIDES:
            found += diversity.measure_segments(frame, side)
        found += rowwise.measure_means(frame, rowwise.TABLE1)
    if wanted & {"table1", "diversity"}:
        for side in diversity.SIDES:
            found += [m for m in diversity.measure_counts(frame, side) if _find_group(m) in wanted]
    if "diversity" in wanted:
        for side in diversity.SIDES:
            found += [diversity.measure_self_bleu(frame, side), diversity.measure_zlib(frame, side)]
    if "strategy" in wanted:
        found += rowwise.measure_means(frame, rowwise.STRATEGY)
        details["distributions"] = rowwise.measure_distributions(frame)
    if "hygiene" in wanted:
        measured, more = measure_hygiene(frame, word_list)
        found, details = found + measured, {**details, **more}
    if wanted & set(SLOW):
        measured, more = _measure_slow(frame, settings, say)
        found, details = found + measured, {**details, **more}
    return {
        "name": frame.corpus.name,
        "kind": frame.corpus.kind,
        "revision": frame.corpus.revision,
        "rows": frame.rows,
        "dropped": frame.reading.as_json(),
        "digest": frame.digest,
        "splits": _count_splits(frame),
        "measures": [_note_scripts(m, frame).as_json() for m in sorted(found, key=_rank)],
        **details,
    }


def _note_scripts(measured: Measured, frame: Frame) -> Measured:
    """A measure that counts words, with the rows in its signature whose words are not Latin."""
    rows = int(frame.columns[OTHER_SCRIPT].sum())
    if not rows or find_definition(measured.name).tokens == NONE:
        return measured
    extra = {**measured.extra, "other scripts": f"{rows} rows, Unicode words or characters"}
    return replace(measured, extra=extra)


def _find_group(measured: Measured) -> str:
    return str(measured.as_json()["group"])


def _rank(measured: Measured) -> tuple[int, int]:
    from builder.statistics.definitions import DEFINITIONS

    names = list(DEFINITIONS)
    position = names.index(measured.name) if measured.name in names else len(names)
    return GROUPS.index(_find_group(measured)), position


def _count_splits(frame: Frame) -> dict[str, int]:
    import numpy as np

    keys, counts = np.unique(frame.keys["split"], return_counts=True)
    sizes = {frame.splits[int(k)]: int(n) for k, n in zip(keys, counts, strict=True)}
    return {name or "(none)": sizes[name] for name in sorted(sizes)}


def _measure_slow(
    frame: Frame, settings: Settings, say: Callable[[str], None]
) -> tuple[list[Measured], dict[str, Any]]:
    """The parts that need a model or a parse, each on its own named sample."""
    wanted = settings.measures
    found: list[Measured] = []
    details: dict[str, Any] = {}
    if "language" in wanted:
        say(f"{frame.corpus.name}: languages of {settings.rows('language')} rows")
        measured, details["languages"] = measure_foreign(frame, settings.rows("language"))
        found.append(measured)
    if wanted & {"cosine", "vendi"}:
        from builder.statistics.vectors import load_encoder, measure_cosine, measure_vendi

        encoder, named = load_encoder(settings.encoder)
        say(f"{frame.corpus.name}: sentence vectors by {named}")
        if "cosine" in wanted:
            found.append(measure_cosine(frame, encoder, named, settings.rows("cosine")))
        if "vendi" in wanted:
            for side in diversity.SIDES:
                found.append(measure_vendi(frame, side, encoder, named, settings.rows("vendi")))
    if "ted" in wanted:
        from builder.statistics.trees import measure_constituency, measure_dependency

        say(f"{frame.corpus.name}: tree edit distances")
        found += measure_dependency(frame, settings.rows("ted"))
        if settings.parser:
            found += measure_constituency(frame, settings.parser, settings.rows("ted"))
    if "agreement" in wanted:
        from builder.statistics.fidelity import measure_agreement

        say(f"{frame.corpus.name}: agreement of numbers and names")
        found += measure_agreement(frame, settings.rows("agreement"))
    if "entailment" in wanted and settings.critic:
        from builder.statistics.fidelity import measure_entailment

        say(f"{frame.corpus.name}: entailment by {settings.critic}")
        measured_, details["entailment"] = measure_entailment(
            frame, settings.critic, settings.rows("entailment")
        )
        found += measured_
    missing = {
        "entailment": "name an NLI model that did not filter the corpus with --critic",
        "ted of constituency trees": "name a parser with --parser",
    }
    given = {"entailment": settings.critic, "ted of constituency trees": settings.parser}
    details["not_measured"] = {
        name: why
        for name, why in missing.items()
        if name.partition(" ")[0] in wanted and not given[name]
    }
    return found, details
