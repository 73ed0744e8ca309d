"""A task of a user's own: the head of a sentence, with two codes and an option of its own."""

from __future__ import annotations

from dimsum.tasks.base import ControlCode, HubWords, Option, TaskDefinition, Wording


def _size_of(pair: Wording) -> str | None:
    if not pair.target:
        return None
    return "tiny" if pair.compression < 0.6 else "brief"


def _code_of(pair: Wording) -> str:
    return f"{_size_of(pair)}-headline"


HEADLINE = TaskDefinition(
    name="headline",
    noun="headline",
    plural="headlines",
    verb="head",
    verbs="heads",
    meaning="The target could stand above the source in a newspaper",
    rules={"compression": {"min": 0.1, "max": 0.95}, "entail_forward": {"min": 0.1}},
    bounds={"compression": {"min": 0.1, "max": 0.95}},
    directions=("forward",),
    codes=tuple(
        ControlCode(
            f"{size}-headline",
            f"a {size} headline",
            f"Write a {size} headline for the sentence.",
            {"size": size},
        )
        for size in ("tiny", "brief")
    ),
    code_of=_code_of,
    options=(Option("size", ("tiny", "brief"), _size_of),),
    instruction="Write a headline for the sentence.",
    hub=HubWords("summarization", "summarization", "headline-generation", "headlines"),
    colours=("#5b3fa0", "#b8a4ea"),
)
