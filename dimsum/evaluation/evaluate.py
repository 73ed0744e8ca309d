"""Systems judged side by side: metrics with intervals, paired tests, one JSON document."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from dimsum.evaluation.data import Example
from dimsum.evaluation.measure import Critic, measure
from dimsum.metrics import bootstrap
from dimsum.metrics.control import measure_control
from dimsum.metrics.measured import Array, Measured
from dimsum.tasks import TaskDefinition

if TYPE_CHECKING:
    from dimsum.metrics.bertscore import BertScore


@dataclass(frozen=True)
class System:
    """A system by its outputs.

    Attributes:
        facts: what it is: a model's reference and control code, a prompt, a definition.
        control: its control accuracy, where that was measured.
        asked: all that its outputs depend on beside the examples; empty for what costs nothing.
        against: systems that it is tested against, beside the first against it.
    """

    name: str
    outputs: Sequence[str]
    facts: Mapping[str, Any] = field(default_factory=dict)
    control: Mapping[str, Any] = field(default_factory=dict)
    asked: Mapping[str, Any] = field(default_factory=dict)
    against: Sequence[str] = ()


def evaluate(
    systems: Sequence[System],
    examples: Sequence[Example],
    *,
    bertscore: BertScore | None = None,
    critic: Critic | None = None,
    resamples: int = bootstrap.RESAMPLES,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Judge systems on the same examples.

    Returns:
        a JSON-able document: `examples`, `references` (a source), for each system its facts and
        metrics (value, low, high, n, signature), `signatures` by metric, and `paired`: the first
        system against each other one in every metric that has a better end, and each system against
        those that it names.

    Raises:
        UsageError: a system without one output for each example.
    """
    weights = bootstrap.draw_resamples(len(examples), resamples)
    measured: dict[str, dict[str, Measured]] = {}
    for system in systems:
        say(f"measuring {system.name}")
        measured[system.name] = measure(
            system.outputs, examples, bertscore=bertscore, critic=critic
        )
    # A system is in many tests; what a metric is on every resample is found once.
    again = {
        system: {name: bootstrap.resample_values(one, weights) for name, one in found.items()}
        for system, found in measured.items()
    }
    first = systems[0].name
    tests = [(first, system.name) for system in systems[1:]]
    tests += [(system.name, other) for system in systems[1:] for other in system.against]
    paired = [
        {"a": a, "b": b, "metric": name, **asdict(one)}
        for a, b in tests
        for name in measured[first]
        if measured[first][name].better
        for one in [
            bootstrap.compare_values(
                measured[a][name], measured[b][name], again[a][name], again[b][name]
            )
        ]
    ]
    return {
        "examples": len(examples),
        "references": sum(len(example.references) for example in examples) / len(examples),
        "systems": {
            system.name: {
                "facts": dict(system.facts),
                "metrics": {
                    name: _show(one, again[system.name][name])
                    for name, one in measured[system.name].items()
                },
            }
            for system in systems
        },
        "signatures": {name: one.signature for name, one in measured[first].items()},
        "better": {name: one.better for name, one in measured[first].items()},
        "intervals": bootstrap.SIGNATURE.replace(str(bootstrap.RESAMPLES), str(resamples)),
        "paired": paired,
    }


def _show(one: Measured, values: Array) -> dict[str, Any]:
    low, high = bootstrap.find_percentiles(values)
    return {
        "value": one.value,
        "low": low,
        "high": high,
        "n": one.n,
        "signature": one.signature,
    }


def measure_control_accuracy(
    known: Sequence[str],
    sources: Sequence[str],
    task: TaskDefinition,
    write: Callable[[Sequence[str], str], Sequence[str]],
) -> dict[str, Any]:
    """How well a student obeys: every source under every code of the task that it knows.

    Args:
        known: the codes that it knows.
        write: its outputs for some sources under a code, one each.

    Returns:
        shares of outputs that are what was asked for, in each option of the task and in all, over
        all codes and for each; the number of sources; empty for a task without options, or a
        student without codes.
    """
    optional = {code.name for code in task.codes if code.options}
    codes = [code for code in known if code in optional]
    if not codes:
        return {}
    by_code: dict[str, Any] = {}
    texts: list[str] = []
    asked: list[str] = []
    for code in codes:
        outputs = list(write(sources, code))
        by_code[code] = measure_control(sources, outputs, [code] * len(sources), [task])
        texts += outputs
        asked += [code] * len(sources)
    everything = measure_control(list(sources) * len(codes), texts, asked, [task])
    return {"sources": len(sources), **everything, "by_code": by_code}
