"""Whether an output is what its control code asked for."""

from __future__ import annotations

from collections.abc import Sequence

from dimsum.controls import make_wording
from dimsum.tasks import TaskDefinition


def measure_control(
    sources: Sequence[str],
    outputs: Sequence[str],
    codes: Sequence[str],
    tasks: Sequence[TaskDefinition],
) -> dict[str, float | None]:
    """Shares of outputs that are what their codes ask for, in each option and in all of them.

    Args:
        codes: control codes; those without options, or of another task, are left out.
        tasks: whose codes are judged.

    Returns:
        by the name of each option (of a summary, `length` and `style`) and `control` (all options
        of the code), each 0 to 1; None where no code asks for it.
    """
    known = {code.name: (task, code) for task in tasks for code in task.codes if code.options}
    hits: dict[str, list[bool]] = {option.name: [] for task in tasks for option in task.options}
    both: list[bool] = []
    for source, output, name in zip(sources, outputs, codes, strict=True):
        if name not in known:
            continue
        task, code = known[name]
        pair = make_wording(source, output)
        found = {
            option.name: option.value_of(pair) == code.options[option.name]
            for option in task.options
            if option.name in code.options
        }
        for option, hit in found.items():
            hits[option].append(hit)
        both.append(all(found.values()))
    return {name: _measure_share(some) for name, some in {**hits, "control": both}.items()}


def _measure_share(hits: Sequence[bool]) -> float | None:
    return sum(hits) / len(hits) if hits else None
