"""Facts → README.md. One renderer owns the card; text written by hand has a section of its own.

What stands between the two markers is the reader's own Markdown and is carried over to the next
rendering, byte for byte. Everything else is rendered anew, from facts only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import jinja2

from cards import escape
from cards.errors import CardError
from cards.facts import FACTS_PATH, Citation, DatasetFacts, ModelFacts, StatisticsRow
from cards.languages import describe
from cards.licenses import find_licence, list_inputs
from cards.metadata import format_front_matter, make_dataset_metadata, make_model_metadata

HAND_START = "<!-- written by hand: start -->"
HAND_END = "<!-- written by hand: end -->"
_HAND_EMPTY = "\n"
_AUTO_CLASSES = {
    "seq2seq": escape.Markdown("AutoModelForSeq2SeqLM"),
    "causal": escape.Markdown("AutoModelForCausalLM"),
}


def render_dataset_card(facts: DatasetFacts, previous: str | None = None) -> str:
    """Renders the card of a dataset.

    Args:
        facts: all it may say.
        previous: the card it replaces; its section written by hand is kept.

    Returns:
        The README.md: YAML, then Markdown, with `\\n` at each line's end.

    Raises:
        CardError: `previous` has no such section, or a broken one.
    """
    names = dict.fromkeys(split.name for config in facts.configs for split in config.splits)
    body = _render(
        "dataset.md.j2",
        facts,
        previous,
        reasons={r: m for step in facts.funnel for r, m in step.meanings.items()},
        split_names=list(names),
        measures=_list_measures(facts.statistics),
        definitions=_list_definitions(facts.statistics),
        on_configs=list(dict.fromkeys(row.config for row in facts.statistics)),
        corpora=list(dict.fromkeys(name for row in facts.statistics for name in row.references)),
        sources=_list_sources(facts),
    )
    return format_front_matter(make_dataset_metadata(facts)) + body


def render_model_card(facts: ModelFacts, previous: str | None = None) -> str:
    """Renders the card of a model; as `render_dataset_card`."""
    baselines = list(dict.fromkeys(name for row in facts.results for name in row.baselines))
    auto_class = _AUTO_CLASSES[facts.architecture]
    body = _render("model.md.j2", facts, previous, baselines=baselines, auto_class=auto_class)
    return format_front_matter(make_model_metadata(facts)) + body


def render_card(facts: DatasetFacts | ModelFacts, previous: str | None = None) -> str:
    """Renders the card of either kind of facts."""
    if isinstance(facts, DatasetFacts):
        return render_dataset_card(facts, previous)
    return render_model_card(facts, previous)


def find_hand_written(previous: str | None) -> str:
    """What stands between the markers of a card, the line ends around it included.

    Raises:
        CardError: the markers are not there once each, in order: text could be lost.
    """
    if previous is None:
        return _HAND_EMPTY
    starts = [m.end() for m in _match_marker(HAND_START).finditer(previous)]
    ends = [m.start() for m in _match_marker(HAND_END).finditer(previous)]
    if len(starts) != 1 or len(ends) != 1 or ends[0] <= starts[0]:
        raise CardError(
            f"the README.md there has no single section between {HAND_START} and {HAND_END}",
            hint="put what you wrote between these two lines, or take the file away",
        )
    return previous[starts[0] : ends[0]]


def _match_marker(text: str) -> re.Pattern[str]:
    """A marker alone on its line, where no value of the facts can stand."""
    return re.compile(rf"^{re.escape(text)}(?=\r?$)", re.MULTILINE)


@dataclass
class Measure:
    """One metric on every config that it was taken on.

    Attributes:
        name: of the metric.
        values: by config.
        references: by corpus.
    """

    name: str
    values: dict[str, float | None] = field(default_factory=dict)
    references: dict[str, float | None] = field(default_factory=dict)


def _list_measures(rows: Sequence[StatisticsRow]) -> list[Measure]:
    """The statistics with a row a metric."""
    found: dict[str, Measure] = {}
    for row in rows:
        measure = found.setdefault(row.metric, Measure(row.metric))
        measure.values[row.config] = row.value
        measure.references.update(row.references)
    return list(found.values())


def _list_definitions(rows: Sequence[StatisticsRow]) -> dict[str, list[str]]:
    """Definition → the metrics that it defines."""
    found: dict[str, list[str]] = {}
    for row in rows:
        names = found.setdefault(row.signature, [])
        if row.metric not in names:
            names.append(row.metric)
    return found


def _list_sources(facts: DatasetFacts) -> dict[str, list[str]]:
    """Source → the reference corpora whose numbers are from there, with their sizes."""
    found: dict[str, list[str]] = {}
    for corpus in facts.reference_corpora:
        pairs = f" ({corpus.pairs} pairs)" if corpus.pairs else ""
        found.setdefault(corpus.source, []).append(corpus.name + pairs)
    return found


def _make_citation(facts: DatasetFacts | ModelFacts) -> Citation:
    fields = {"title": facts.title, "note": f"Version {facts.version}"}
    if facts.repo_id:
        kind = "datasets/" if facts.kind == "dataset" else ""
        fields["url"] = f"https://huggingface.co/{kind}{facts.repo_id}"
    return Citation(key=re.sub(r"[^A-Za-z0-9_:-]", "-", facts.name), kind="misc", fields=fields)


def _render(
    template: str, facts: DatasetFacts | ModelFacts, previous: str | None, **more: Any
) -> str:
    inputs = list_inputs(facts)
    hand = escape.Markdown(HAND_START + find_hand_written(previous) + HAND_END)
    text = (
        make_environment()
        .get_template(template)
        .render(
            facts=facts,
            facts_path=FACTS_PATH,
            inputs=inputs,
            licence=find_licence(inputs),
            own_citation=_make_citation(facts),
            hand=hand,
            **more,
        )
    )
    return "\n" + text.strip("\n") + "\n"


@cache
def make_environment(package: str = "cards") -> jinja2.Environment:
    """A package's Markdown templates: a forgotten name is an error, a printed value is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        undefined=jinja2.StrictUndefined,
        finalize=escape.escape,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # The output is Markdown, escaped by `finalize`; HTML escaping would show in code blocks.
        autoescape=False,
    )
    environment.filters.update(
        paragraph=escape.escape_paragraph,
        code=escape.format_code,
        literal=escape.format_literal,
        bibtex=lambda citation: escape.format_bibtex(citation.kind, citation.key, citation.fields),
        href=escape.format_href,
        count=escape.format_count,
        number=escape.format_number,
        share=escape.format_share,
        short=escape.shorten,
        size=escape.format_size,
        duration=escape.format_duration,
        languages=describe,
    )
    return environment
