"""`dimsum stats`: numbers about a corpus that can be cited."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from builder.commands.places import Fetched

if TYPE_CHECKING:
    from builder.statistics.study import Settings


@click.command()
@click.argument("corpus", type=Fetched({"splits"}))
@click.option(
    "--against",
    multiple=True,
    metavar="OTHER",
    type=Fetched({"splits"}),
    help="Compare with OTHER at equal size.",
)
@click.option(
    "--measures",
    default="fast",
    show_default=True,
    help="Comma-separated: fast (no model), all, groups (table1, diversity, strategy, fidelity, "
    "hygiene) or slow parts (cosine, ted, vendi, entailment, agreement, language).",
)
@click.option("--source", default="source", show_default=True, help="Column of the sources.")
@click.option("--target", default="target", show_default=True, help="Column of the targets.")
@click.option("--split", help="Column of the splits; else `split`, else the files' names.")
@click.option("--where", multiple=True, metavar="COLUMN=VALUE", help="Only these rows.")
@click.option("--encoder", default="embedded:minilm-l6", show_default=True, help="For vectors.")
@click.option("--critic", help="NLI model that judges entailment; not one that filtered CORPUS.")
@click.option("--parser", metavar="MODULE:FUNCTION", help="Constituency parser for TED.")
@click.option("--benchmark", multiple=True, metavar="NAME=FILE", help="Measure overlap with FILE.")
@click.option("--offensive", type=click.Path(path_type=Path), help="Another word list.")
@click.option("--sample", type=click.IntRange(1), help="Rows that the slow parts sample.")
@click.option("--equal-size", type=click.IntRange(1), help="Rows of an equal-size draw.")
@click.option(
    "--draws", default=5, show_default=True, type=click.IntRange(1), help="Equal-size draws."
)
@click.option(
    "--seed",
    default=0,
    type=click.IntRange(min=0),
    show_default=True,
    help="Of draws and replicates.",
)
@click.option("--processes", type=click.IntRange(1), help="All cores by default.")
@click.option("--json", "form", flag_value="json", help="Print one JSON document.")
@click.option("--latex", "form", flag_value="latex", help="Print LaTeX tables.")
@click.option("--bibtex", "form", flag_value="bibtex", help="Print BibTeX entries.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Also write the JSON there.")
@click.option("--quiet", is_flag=True, help="No progress.")
def stats(
    corpus: str,
    against: tuple[str, ...],
    form: str | None,
    output: Path | None,
    quiet: bool,
    **options: Any,
) -> None:
    """Measure CORPUS: a run, a released folder, a data file, or a Hub dataset NS/NAME@REVISION.

    Each number carries a signature and an interval; docs/statistics.md defines them all.
    """
    from builder.statistics.study import study
    from builder.statistics.written import format_bibtex, format_latex, print_tables
    from dimsum.commands.output import print_json
    from dimsum.files import try_file, write_json

    def say(line: str) -> None:
        if not quiet:
            click.echo(line, err=True)

    if output:
        try_file(output, [corpus, *against])
    document = study([corpus, *against], _make_settings(**options), say)
    if output:
        write_json(output, document)
    if form == "json":
        print_json(document)
    elif form == "latex":
        click.echo(format_latex(document))
    elif form == "bibtex":
        click.echo(format_bibtex(document))
    else:
        print_tables(document)


def _make_settings(
    *,
    measures: str,
    source: str,
    target: str,
    split: str | None,
    where: tuple[str, ...],
    critic: str | None,
    parser: str | None,
    benchmark: tuple[str, ...],
    offensive: Path | None,
    processes: int | None,
    **same: Any,
) -> Settings:
    """The options as settings; those in `same` have the settings' own names."""
    import os

    from builder.statistics.corpus import Columns
    from builder.statistics.offensive import SHIPPED
    from builder.statistics.study import Settings, parse_measures
    from dimsum.data.values import parse_conditions

    chosen = parse_measures([name.strip() for name in measures.split(",") if name.strip()])
    if critic:
        chosen |= {"entailment"}
    if parser:
        chosen |= {"ted"}
    files = _split_pairs(benchmark, "--benchmark NAME=FILE")
    return Settings(
        measures=chosen,
        processes=processes or os.cpu_count() or 1,
        critic=critic,
        parser=parser,
        benchmarks={name: Path(path) for name, path in files},
        offensive=offensive or SHIPPED,
        columns=Columns(source, target, split, parse_conditions(where)),
        **same,
    )


def _split_pairs(given: tuple[str, ...], form: str) -> list[tuple[str, str]]:
    from builder.errors import ConfigError

    found = []
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not name or not value:
            raise ConfigError(f"{text!r} is not of the form {form.partition(' ')[2]}", hint=form)
        found.append((name, value))
    return found
