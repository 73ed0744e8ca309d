"""A study in words: tables on a terminal, LaTeX, and BibTeX entries to cite it with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cards.facts import PAPER
from dimsum.commands.output import make_table

NOTHING = "–"
ABSENT = "-"
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}
_FEW = {"bits": 2, "percent": 2, "share": 4, "ratio": 3, "edits": 2, "tokens": 2, "characters": 2}


def format_number(value: float | None, unit: str) -> str:
    """A value as a reader wants it; a dash where there is none."""
    if value is None:
        return NOTHING
    if unit == "count":
        return f"{value:,.1f}" if value != int(value) else f"{int(value):,}"
    return f"{value:,.{_FEW.get(unit, 3)}f}"


def print_tables(document: Mapping[str, Any]) -> None:
    """All measures of all corpora, equal-size values, published values, notes."""
    from builder.commands.output import make_console

    out = make_console()
    for corpus in document["corpora"]:
        out.print(Text(_format_title(corpus), style="bold"))
        out.print(_make_measures(corpus))
        if "entailment" in corpus:
            out.print(_make_below(corpus["entailment"]))
        for name, why in corpus.get("not_measured", {}).items():
            out.print(Text(f"  not measured: {name}: {why}"))
        out.print()
    if "equal_size" in document:
        equal = document["equal_size"]
        out.print(Text(f"At equal size: {equal['note']}", style="bold"))
        out.print(_make_equal(equal, [corpus["name"] for corpus in document["corpora"]]))
        out.print()
    for table in document["published"]:
        _print_published(out, table)
    out.print(Text("Signatures: --json. Definitions: docs/statistics.md."))


def _format_title(corpus: Mapping[str, Any]) -> str:
    revision = f" at {corpus['revision'][:12]}" if corpus["revision"] else ""
    return f"{corpus['name']}{revision}: {corpus['rows']:,} pairs, {corpus['digest'][:12]}"


def _make_measures(corpus: Mapping[str, Any]) -> Table:
    table = make_table("measure", "side", "value", "95% interval", "unit", "rows")
    group = ""
    for measured in corpus["measures"]:
        if measured["group"] != group:
            group = measured["group"]
            table.add_row(Text(group, style="italic"))
        unit = measured["unit"]
        low, high = format_number(measured["low"], unit), format_number(measured["high"], unit)
        interval = "" if measured["low"] is None else f"{low} to {high}"
        table.add_row(
            f"  {measured['measure']}",
            measured["side"],
            format_number(measured["value"], unit),
            interval or measured.get("note", ""),
            unit,
            f"{measured['rows']:,}",
        )
    return table


def _make_below(entailment: Mapping[str, Any]) -> Table:
    """Shares below each threshold."""
    shares = entailment["share_below"]
    table = make_table("  share below", *shares)
    for points in zip(*shares.values(), strict=True):
        texts = [
            f"{format_number(p['share'], 'share')} ({format_number(p['low'], 'share')} to "
            f"{format_number(p['high'], 'share')})"
            for p in points
        ]
        table.add_row(f"  {points[0]['threshold']}", *texts)
    return table


def _make_equal(equal: Mapping[str, Any], names: list[str]) -> Table:
    table = make_table("measure", "side", *names)
    rows: dict[tuple[str, str], list[str]] = {}
    for measured in equal["measures"]:
        unit = measured["unit"]
        text = format_number(measured["value"], unit)
        if measured["draws"] > 1 and measured["value"] is not None:
            low, high = (format_number(measured[end], unit) for end in ("low", "high"))
            text += f" ({low} to {high})"
        rows.setdefault((measured["measure"], measured["side"]), []).append(text)
    for (name, side), texts in rows.items():
        table.add_row(name, side, *texts)
    return table


def _print_published(out: Console, table: Mapping[str, Any]) -> None:
    out.print(Text(f"Compared with {table['source']}", style="bold"))
    columns = table["columns"]
    shown = make_table("corpus", "pairs", *columns.values())
    for row in [*table["published"], *table["ours"]]:
        pairs = f"{row['pairs']:,}" if isinstance(row["pairs"], int) else row["pairs"]
        values = ["" if row.get(n) is None else f"{row[n]:.2f}" for n in columns]
        shown.add_row(row["corpus"], pairs, *values)
    out.print(shown)
    for kind in ("cautions", "not_compared"):
        for name, text in table[kind].items():
            out.print(Text(f"  {columns[name]}: {text}"))
    out.print()


def escape(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(_SPECIAL.get(character, character) for character in text)


def format_latex(document: Mapping[str, Any]) -> str:
    """Tables for booktabs, each number's signature in a comment beside it."""
    parts = [
        "% needs \\usepackage{booktabs}; made by dimsum-plus " + document["dimsum_plus"],
        _format_measures(document["corpora"]),
    ]
    if "equal_size" in document:
        parts.append(_format_equal(document["equal_size"], document["corpora"]))
    parts += [_format_published(table) for table in document["published"]]
    return "\n\n".join(parts)


def _format_tabular(columns: str, head: list[str], body: list[str], before: str = "") -> str:
    lines = [
        *([f"% {before}"] if before else []),
        f"\\begin{{tabular}}{{{columns}}}",
        "\\toprule",
        " & ".join(head) + r" \\",
        "\\midrule",
        *body,
        "\\bottomrule",
        "\\end{tabular}",
    ]
    return "\n".join(lines)


def _format_measures(corpora: list[Mapping[str, Any]]) -> str:
    rows: dict[tuple[str, str], list[str]] = {}
    comments: dict[tuple[str, str], list[str]] = {}
    for column, corpus in enumerate(corpora):
        for measured in corpus["measures"]:
            key = (measured["measure"], measured["side"])
            row = rows.setdefault(key, [ABSENT] * len(corpora))
            row[column] = _format_latex_number(measured)
            comments.setdefault(key, []).append(f"% {corpus['name']}: {measured['signature']}")
    body = []
    for (name, side), values in rows.items():
        body += [line.replace("\n", " ") for line in comments[name, side]]
        body.append(" & ".join([escape(name), side, *values]) + r" \\")
    names = [escape(corpus["name"]) for corpus in corpora]
    return _format_tabular("ll" + "r" * len(corpora), ["Measure", "Side", *names], body)


def _format_latex_number(measured: Mapping[str, Any]) -> str:
    unit = measured["unit"]
    if measured["value"] is None:
        return ABSENT
    value = format_number(measured["value"], unit)
    if measured["low"] is None:
        return value
    low, high = format_number(measured["low"], unit), format_number(measured["high"], unit)
    return f"{value} {{\\scriptsize [{low}, {high}]}}"


def _format_equal(equal: Mapping[str, Any], corpora: list[Mapping[str, Any]]) -> str:
    rows: dict[tuple[str, str], list[str]] = {}
    for measured in equal["measures"]:
        text = ABSENT
        if measured["value"] is not None:
            text = format_number(measured["value"], measured["unit"])
        rows.setdefault((measured["measure"], measured["side"]), []).append(text)
    body = [
        " & ".join([escape(name), side, *values]) + r" \\" for (name, side), values in rows.items()
    ]
    names = [escape(corpus["name"]) for corpus in corpora]
    head = ["Measure", "Side", *names]
    return _format_tabular("ll" + "r" * len(corpora), head, body, equal["note"])


def _format_published(table: Mapping[str, Any]) -> str:
    columns = table["columns"]
    body = []
    for row in [*table["published"], *table["ours"]]:
        values = [ABSENT if row.get(n) is None else f"{row[n]:.2f}" for n in columns]
        body.append(
            " & ".join([escape(row["corpus"]), escape(str(row["pairs"])), *values]) + r" \\"
        )
    head = ["Corpus", "Pairs", *(escape(name) for name in columns.values())]
    return _format_tabular("lr" + "r" * len(columns), head, body, table["source"])


def format_bibtex(document: Mapping[str, Any]) -> str:
    """Entries for each corpus as it was measured, the program, and the paper."""
    version = document["dimsum_plus"]
    entries = []
    for corpus in document["corpora"]:
        note = (
            f"{corpus['rows']} pairs, SHA-256 of rows {corpus['digest']}; statistics by "
            f"dimsum-plus {version}, seed {document['seed']}"
        )
        fields = {"title": "{" + escape(corpus["name"]) + "}", "note": note}
        if corpus["kind"] == "hub":
            fields["howpublished"] = (
                f"\\url{{https://huggingface.co/datasets/{corpus['name']}/tree/"
                f"{corpus['revision']}}}"
            )
        entries.append(_format_entry("misc", _make_key(corpus["name"], corpus["digest"]), fields))
    program = {"title": "dimsum-plus", "version": version}
    entries.append(_format_entry("software", f"dimsumplus{version.replace('.', '')}", program))
    entries.append(
        _format_entry(PAPER.kind, PAPER.key, {k: escape(v) for k, v in PAPER.fields.items()})
    )
    return "\n\n".join(entries)


def _make_key(name: str, digest: str) -> str:
    return f"{re.sub(r'[^A-Za-z0-9]+', '', name) or 'corpus'}{digest[:6]}"


def _format_entry(kind: str, key: str, fields: Mapping[str, str]) -> str:
    inside = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
    return f"@{kind}{{{key},\n{inside}\n}}"
