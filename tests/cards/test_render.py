"""Cards: golden renderings, hostile text, the section written by hand."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml
from huggingface_hub import DatasetCard, ModelCard
from jinja2 import UndefinedError
from markdown_it import MarkdownIt
from pydantic import ValidationError

from cards.errors import CardError
from cards.escape import escape
from cards.facts import DatasetFacts, FunnelStep, ModelFacts, Sample, SampleRow, TextUse
from cards.metadata import dump_yaml, make_dataset_metadata, make_model_metadata, split_card
from cards.render import (
    HAND_END,
    HAND_START,
    find_hand_written,
    make_environment,
    render_dataset_card,
    render_model_card,
)
from tests.cards.examples import ROWS, dataset_facts, model_facts

GOLDEN = Path(__file__).parent / "golden"

HOSTILE = [
    "a | b || c",
    "| --- |\n| row | of its own |",
    "---\nlicense: mit\n---",
    "\n---\n",
    "key: value # comment",
    "!!python/object/apply:os.system ['true']",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "![picture](https://evil.example/x.png) [link](javascript:alert(1))",
    "[ref]: https://evil.example",
    "```\nout of the fence\n```",
    "`code` **bold** _it_ ~~gone~~ $x$ \\| \\`",
    HAND_END + HAND_START,
    "{{ facts }} {% raw %} {# no #}",
    "see https://evil.example, www.evil.example and mail me@evil.example",
    "&lt;b&gt; &#60;i&#62;",
    "# heading\n## heading",
    "- item\n1. item\n> quote\n    code",
    "\u202eright to left\u202c \u200bzero\u2028line\x85next\x00nul\x1b[31m",
    "'\"\"\"'''",
    "end of column |",
    "\\",
]


_TEXT = {"text", "text_special", "code_inline"}


def tokens(body: str) -> list[tuple[str, str]]:
    """Structure of a Markdown text: all but its text, and whether a name is in code type."""
    flat: list[tuple[str, str]] = []
    for token in MarkdownIt("gfm-like", {"linkify": False}).parse(body):
        flat.append((token.type, token.tag))
        flat += [
            (child.type, child.tag) for child in token.children or [] if child.type not in _TEXT
        ]
    return flat


@pytest.mark.parametrize("kind", ["dataset", "model"])
def test_golden(kind: str) -> None:
    card = (
        render_dataset_card(dataset_facts())
        if kind == "dataset"
        else render_model_card(model_facts())
    )
    path = GOLDEN / f"{kind}.md"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(card, encoding="utf-8")
    assert card == path.read_text(encoding="utf-8")


def test_the_hub_library_reads_back_the_same_metadata(tmp_path: Path) -> None:
    dataset, model = dataset_facts(), model_facts()
    (tmp_path / "dataset.md").write_text(render_dataset_card(dataset), encoding="utf-8")
    (tmp_path / "model.md").write_text(render_model_card(model), encoding="utf-8")
    read = DatasetCard.load(tmp_path / "dataset.md")
    assert read.data.to_dict() == make_dataset_metadata(dataset)
    read = ModelCard.load(tmp_path / "model.md")
    assert read.data.to_dict() == make_model_metadata(model)
    (result,) = read.data.eval_results
    assert (result.dataset_type, result.metric_value) == ("acme/dimsum_plus", 41.25)


def test_facts_survive_json() -> None:
    for facts in (dataset_facts(), model_facts()):
        assert type(facts).model_validate_json(facts.model_dump_json()) == facts


def hostile_dataset(text: str) -> DatasetFacts:
    row = SampleRow(id=text, task=text, control=text, domain=text, source=text, target=text)
    step = FunnelStep(
        stage=text, counted=text, entered=3, kept=1, rejected={text: 2}, meanings={text: text}
    )
    use = TextUse(name=text, use=text, licence=text, source=text)
    plain = dataset_facts()
    return dataset_facts(
        title=text,
        summary=text,
        version=text,
        tags=(text,),
        sample=Sample(rule=text, rows=(row,)),
        funnel=(step,),
        texts=(use,),
        limits=(text,),
        models=tuple(m.model_copy(update={"reference": text}) for m in plain.models),
        rules=tuple(r.model_copy(update={"condition": text, "rule": text}) for r in plain.rules),
        columns=tuple(c.model_copy(update={"meaning": text}) for c in plain.columns),
        statistics=tuple(
            s.model_copy(update={"references": {text: 1.0}}) for s in plain.statistics
        ),
        run=plain.run.model_copy(update={"device": text, "versions": {text: text}}),
    )


def hostile_model(text: str) -> ModelFacts:
    plain = model_facts()
    return model_facts(
        title=text,
        summary=text,
        method=text,
        example_prompt=text,
        example_output=text,
        limits=(text,),
        base=plain.base.model_copy(update={"reference": text}),
        dataset=plain.dataset.model_copy(update={"title": text}),
        settings=tuple(s.model_copy(update={"name": text, "value": text}) for s in plain.settings),
        results=tuple(
            r.model_copy(update={"metric": text, "data": text, "baselines": {text: 1.0}})
            for r in plain.results
        ),
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_text_cannot_break_out(text: str) -> None:
    calm = render_dataset_card(hostile_dataset("calm words"))
    card = render_dataset_card(hostile_dataset(text))
    assert find_hand_written(card) == "\n"
    head, body = split_card(card)
    assert yaml.safe_load(head) == make_dataset_metadata(hostile_dataset(text))
    assert set(yaml.safe_load(head)) == set(yaml.safe_load(split_card(calm)[0]))
    assert tokens(body) == tokens(split_card(calm)[1])
    prose = re.sub(r"(?ms)^```.*?^```$|`[^`]*`", "", body)
    assert not any(link in prose for link in ("https://evil", "www.evil", "me@evil"))

    calm = render_model_card(hostile_model("calm words"))
    card = render_model_card(hostile_model(text))
    head, body = split_card(card)
    assert yaml.safe_load(head) == make_model_metadata(hostile_model(text))
    assert tokens(body) == tokens(split_card(calm)[1])


@pytest.mark.parametrize("text", HOSTILE)
def test_yaml_is_the_same_without_libyaml(text: str) -> None:
    metadata = make_dataset_metadata(hostile_dataset(text))
    assert dump_yaml(metadata, yaml.SafeDumper) == dump_yaml(metadata)


@pytest.mark.parametrize("text", HOSTILE)
def test_a_prompt_is_a_python_string_and_nothing_more(text: str) -> None:
    card = render_model_card(hostile_model(text))
    block = card.split("```python\n")[1].split("```")[0]
    compile(block, "card", "exec")
    assert block.count("\n") == render_model_card(model_facts()).split("```python\n")[1].split(
        "```"
    )[0].count("\n")


def test_escaped_text_reads_as_it_was() -> None:
    text = "Profits rose 5% to $3 <net> & *all* `was` | well_done"
    html = MarkdownIt().renderInline(escape(text))
    assert html == text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def test_text_written_by_hand_survives() -> None:
    mine = "\n## Errata\n\n| my | table |\n|---|---|\n| {{ braces }} | --- |\n\n"
    first = render_dataset_card(dataset_facts())
    edited = first.replace(HAND_START + "\n" + HAND_END, HAND_START + mine + HAND_END)
    other = dataset_facts(title="Another title")
    again = render_dataset_card(other, edited)
    assert HAND_START + mine + HAND_END in again
    assert "# Another title" in again
    assert render_dataset_card(other, again) == again
    assert again.replace(mine, "\n") == render_dataset_card(other)


@pytest.mark.parametrize(
    "previous",
    ["# Mine\n", f"{HAND_START}\n", f"{HAND_END}\n{HAND_START}", f"{HAND_START}\n{HAND_END}\n" * 2],
)
def test_a_card_without_one_section_is_not_overwritten(previous: str) -> None:
    with pytest.raises(CardError, match="no single section"):
        render_dataset_card(dataset_facts(), previous)


def test_a_forgotten_name_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        make_environment().from_string("{{ nobody_set_this }}").render()


def test_a_split_without_rows_is_left_out() -> None:
    rows = {key: n for key, n in ROWS.items() if key[1] != "test"}
    metadata = make_dataset_metadata(dataset_facts(rows))
    for config in metadata["configs"]:
        assert [f["split"] for f in config["data_files"]] == ["train", "validation"]


@pytest.mark.parametrize("name", ["../x", "/x", "a/../b", "a//b", "a\\b", "", "."])
def test_a_path_out_of_the_folder_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        DatasetFacts.model_validate({**dataset_facts().model_dump(), "funnel_picture": name})


def test_a_funnel_that_does_not_add_up_is_refused() -> None:
    with pytest.raises(ValidationError, match="does not add up"):
        FunnelStep(stage="s", counted="row", entered=3, kept=1, rejected={"short": 1})


def test_each_card_names_the_other() -> None:
    facts = model_facts()
    link = facts.dataset.model_copy(update={"title": "Student", "repo_id": "acme/student"})
    assert "https://huggingface.co/acme/student" in render_dataset_card(dataset_facts(student=link))
    assert "https://huggingface.co/datasets/acme/dimsum_plus" in render_model_card(facts)


def test_precision_is_the_readers_or_nobodys() -> None:
    card = render_dataset_card(dataset_facts())
    assert (
        "2 readers judged 10 of the 12 rows" in card
        and "| all | 10 | 80.0% (70.0% to 90.0%) |" in card
    )
    assert "faithful 0.90 (0.81 to 0.97), valid undefined." in card
    assert "would have a target" not in card and "is a\n  figure of the benchmark" in card
    unread = render_dataset_card(dataset_facts(audits=(), audits_of_other_rows=1))
    assert "Nobody has read a sample of these rows" in unread
    assert "An audit of other rows" in unread
