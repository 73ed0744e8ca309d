"""The page docs/experiments/syntax.md, from what `syntax.py` measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dimsum.spec import StudentSpec

HEADS = {
    "ted_3_reference": "TED-3 to reference",
    "ted_f_reference": "TED-F to reference",
    "ted_3_exemplar": "TED-3 to exemplar",
    "ted_f_exemplar": "TED-F to exemplar",
    "bleu": "BLEU",
    "source_bleu": "BLEU to source",
    "ibleu": "iBLEU",
    "entailment": "source entails output",
    "entailment_back": "output entails source",
    "no_parse": "no parse",
}
OPENING = """# Syntax control

Written by `scripts/reproduce/syntax.py` from what it measured. How a tree is asked for says \
[syntax.md](../syntax.md).

Distances are in nodes that are inserted, removed or renamed (unit costs, words left out; \
dependency trees of spaCy): TED-3 of the top three layers, TED-F of whole trees; less is nearer. \
Trees of other parsers give other numbers, so none of these stands beside those of papers that \
compare constituency trees. BLEU is against the reference. Entailment is the mean probability of \
the critic, in percent. Numbers in brackets are 95% bootstrap intervals over the pairs.

## Exemplars

[AESOP](https://aclanthology.org/2021.emnlp-main.420) has two modes, and both are here. Its first \
takes the tree of an exemplar that people wrote for the reference. The sets here have no such \
exemplars, so one is drawn for each reference: of a pool of other sentences the one whose tree is \
nearest to the reference's in the first three layers, and of equally near ones that of the least \
distance of whole trees; sentences with more than a quarter of the content words of source or \
reference are passed over. What is drawn so knows the reference, as an exemplar that a person \
wrote for it does. ("exemplar")

Its second mode knows no reference. Of all trees of training pairs, trimmed to the same height, it \
takes those most like the source's by ROUGE-1, -2 and -L of the brackets (weights 0.2, 0.3, 0.5), \
draws ten of the trees that stand opposite them by their frequency, and keeps the best of ten \
outputs by ROUGE. Here it is one tree a source, the most frequent one opposite the most alike \
tree. ("tree retrieved")

"Exemplars of others" gives each source the exemplar of another pair, drawn at random among those \
that are not too long for it; distances "to exemplar" are still to its own. A student that did not \
read the tree would be as near to the reference under these as under its own exemplars. "Tree of \
the reference" bounds what control can do; "no tree" is the same student uncontrolled.
"""


def make_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def format_cell(found: Mapping[str, Any], metric: str) -> str:
    one = found.get(metric)
    if one is None:
        return ""
    low, high = one["interval"]
    return f"{one['value']:.1f} [{low:.1f}, {high:.1f}]"


def format_students(specs: Mapping[str, StudentSpec]) -> str:
    rows = []
    for name, spec in specs.items():
        facts, syntax = spec.training, spec.prompts.syntax
        assert syntax is not None
        trees = facts["data"]["trees"]
        rows.append(
            [
                name,
                facts["from"],
                facts["data"]["reference"],
                f"{facts['data']['train']:,}",
                f"{trees.get('shown', 0):,}",
                f"{facts['epochs']:g}",
                f"{syntax.parser}, height {syntax.height or 'full'}",
            ]
        )
    head = ["student", "from", "data", "pairs", "with a tree", "epochs", "trees"]
    return f"## Students\n\n{make_table(head, rows)}\n"


def format_section(document: Mapping[str, Any]) -> str:
    systems = document["systems"]
    rows = [
        [label, *(format_cell(found, metric) for metric in HEADS)]
        for label, found in systems.items()
    ]
    parts = [
        f"## {document['set']}",
        f"{document['examples']} pairs; exemplars from a pool of {document['pool']:,} sentences.",
        make_table(["output", *HEADS.values()], rows),
    ]
    if refused := {label: n for label, n in document["refused"].items() if n}:
        said = "; ".join(f"{label}: {n}" for label, n in refused.items())
        parts.append(f"Written without a tree, because it was refused: {said}.")
    for label, found in systems.items():
        if "ted_f_given" in found:
            parts.append(
                f"{label}: {format_cell(found, 'ted_3_given')} (TED-3) and "
                f"{format_cell(found, 'ted_f_given')} (TED-F) from the exemplars that it was given."
            )
    parts += format_comparisons(document)
    if "together" in document:
        parts += ["## The sets together", *format_comparisons(document["together"])]
    return "\n\n".join(parts) + "\n"


def format_comparisons(found: Mapping[str, Any]) -> list[str]:
    return [
        "Paired bootstrap; below 0 the first is nearer, and p is the chance that it is not:",
        format_tests(found["paired"]),
        f"Of the {found['apart']} pairs whose source is not already built as its exemplar is in "
        "three layers:",
        format_tests(found["paired_apart"]),
    ]


def format_tests(tests: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            test["a"],
            test["b"],
            HEADS[test["metric"]],
            f"{test['difference']:+.2f} [{test['low']:+.2f}, {test['high']:+.2f}]",
            f"{test['p']:.3f}",
        ]
        for test in tests
    ]
    return make_table(["first", "second", "distance", "difference", "p"], rows)


def format_page(
    documents: Sequence[Mapping[str, Any]], specs: Mapping[str, StudentSpec], notes: str | None
) -> str:
    parts = [OPENING, format_students(specs), *map(format_section, documents)]
    if notes:
        parts.append(notes.strip() + "\n")
    signatures = {k: v for document in documents for k, v in document["signatures"].items()}
    said = "\n".join(f"- {name}: {text}" for name, text in sorted(signatures.items()))
    parts.append(f"## Signatures\n\n{said}\n")
    return "\n".join(parts)
