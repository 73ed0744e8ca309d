"""The three tasks beyond the paper's: their sources, their measures, and what their rules take."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from builder.config import PRESETS, Bound, load_config, parse_config
from builder.measures.base import Batch
from builder.measures.passage import MEASURE as PASSAGE
from builder.measures.registry import SHIPPED as MEASURES
from builder.methods.base import Request
from builder.methods.quoted import QuotedSettings
from builder.methods.quoted import draw as quoted
from builder.stages.pairs import add_contexts, pair_context
from dimsum.errors import UsageError
from dimsum.tasks import task_of
from dimsum.tasks.registry import FURTHER

CANDIDATES = pa.table(
    {
        "context_id": ["a", "a", "b"],
        "context": ["One. Two.", "One. Two.", "Three. Four."],
        "sentence": ["x.", "y.", "z."],
        "method": ["parallel"] * 3,
        "logprob": pa.array([-1.0, -2.0, -3.0], pa.float32()),
    }
)


def test_a_context_stands_before_its_candidates() -> None:
    rows = add_contexts(CANDIDATES).to_pylist()
    assert [row["sentence"] for row in rows] == ["One. Two.", "x.", "y.", "Three. Four.", "z."]
    assert [row["logprob"] for row in rows] == [None, -1.0, -2.0, None, -3.0]
    assert [row["context_id"] for row in rows] == ["a", "a", "a", "b", "b"]
    assert add_contexts(CANDIDATES.slice(0, 0)).num_rows == 0


def test_a_context_is_a_source_and_never_a_target() -> None:
    source, target = pair_context(4)
    pairs = list(zip(source.tolist(), target.tolist(), strict=True))
    expected = {(0, 1), (0, 2), (0, 3)}
    expected |= {(i, j) for i in (1, 2, 3) for j in (1, 2, 3) if i != j}
    assert set(pairs) == expected and len(pairs) == len(expected)
    source, target = pair_context(2)
    assert (source.tolist(), target.tolist()) == ([0], [1])


def test_sentences_are_counted_and_those_that_the_target_is_about() -> None:
    paragraph = "The school was closed on Monday. A fire broke out in the kitchen. Nobody was hurt."
    targets = ["A fire closed the school.", "It rained.", paragraph]
    batch = Batch.of_texts([paragraph] * 3, targets)
    found = PASSAGE.of(batch)
    assert found["source_sentences"].tolist() == [3, 3, 3]
    assert found["target_sentences"].tolist() == [1, 1, 3]
    assert found["sentences_touched"] == pytest.approx([2 / 3, 0, 1])
    assert found["points_back"].tolist() == [0, 1, 0]
    doubled = "The dog sat on the red chair and the cat sat on the red chair."
    apart = "The dog sat on the red chair. The cat sat on the red chair."
    faulty = Batch.of_texts([f"It rained. {doubled}", apart], ["It rained."] * 2)
    assert PASSAGE.of(faulty)["sentence_faults"].tolist() == [1, 0]
    assert MEASURES["form"].of(faulty)["source_faults"].tolist() == [1, 1]
    adding = "The bridge is old. The bridge also has cracks in its pillars. It carries lorries."
    added = Batch.of_texts(
        [adding, adding, adding.replace("also ", ""), "It also rained. Nobody came."],
        ["The bridge is old.", "The old bridge has cracks in its pillars."] * 2,
    )
    assert PASSAGE.of(added)["points_missed"].tolist() == [1, 0, 0, 0]
    same = Batch.of_texts(["It rained. Nobody came."], ["It rained."])
    assert PASSAGE.of(same)["points_back"].tolist() == [0]


def test_a_paragraph_that_turns_is_not_summed_up_by_what_it_turns_from() -> None:
    # The forest is named again, and what is said of it is new.
    forest = "Wolves keep a forest healthy because they eat deer."
    adding = f"{forest} They also keep the forest clean by removing waste."
    added = Batch.of_texts([adding], [forest])
    assert PASSAGE.of(added)["points_missed"].tolist() == [1]
    bridge = "The new bridge is a help to the town."
    turning = f"{bridge} However, the lorries on the bridge wake the town at night."
    straight = f"{bridge} Lorries use the bridge, and the town is quiet at night."
    batch = Batch.of_texts([turning, straight], [bridge, bridge])
    allowed = task_of("paragraph_summary").rules["points_missed"]["max"]
    assert (PASSAGE.of(batch)["points_missed"] <= allowed).tolist() == [False, True]


def test_a_context_of_several_sentences_is_quoted() -> None:
    contexts = ["A cat sat. A dog ran.", "One sentence."]
    asked = Request(contexts, [[], []], 0, 0, None, lambda tokens: None, contexts)  # type: ignore[arg-type]
    found = quoted(QuotedSettings(), asked)
    assert [(one.context, one.text) for one in found] == [(0, "A cat sat."), (0, "A dog ran.")]
    first = quoted(QuotedSettings(most=1), asked)
    assert [(one.context, one.text) for one in first] == [(0, "A cat sat.")]


def test_ease_is_the_difference_of_what_a_reader_can_count() -> None:
    wordfreq = pytest.importorskip("wordfreq")
    source, target = "The men who met us inhabit an edifice.", "The men live in a house."
    found = MEASURES["ease"].of(Batch.of_texts([source, "Anna met 12."], [target, "She ran."]))

    def zipf(word: str) -> float:
        return float(wordfreq.zipf_frequency(word, "en"))

    assert zipf("edifice") < min(map(zipf, ("men", "met", "inhabit")))
    assert found["rarest_gain"][0] == pytest.approx(
        min(map(zipf, ("men", "live", "house"))) - zipf("edifice")
    )
    mean = np.mean([zipf(w) for w in ("men", "live", "house")])
    assert found["mean_gain"][0] == pytest.approx(
        mean - np.mean([zipf(w) for w in ("men", "met", "inhabit", "edifice")])
    )
    # live > in > house > a; inhabit > men > met > us
    assert found["depth_change"][0] == 0
    assert found["words_change"].tolist() == [-2, -1]
    assert found["rarest_gain"][1] == pytest.approx(
        zipf("ran") - zipf("met")
    )  # a name and a number


def test_a_measure_whose_library_is_missing_says_what_to_install() -> None:
    from dataclasses import replace

    from builder.errors import BuilderError

    missing = replace(MEASURES["ease"], libraries=("no_such_library",))
    with pytest.raises(BuilderError, match="needs no_such_library") as refused:
        missing.of(Batch.of_texts(["a"], ["b"]))
    assert refused.value.hint == "pip install no_such_library"


@pytest.mark.parametrize("task", FURTHER, ids=lambda task: task.name)
def test_each_has_a_preset_that_takes_its_rules_and_measures(task: object) -> None:
    name = task.name  # type: ignore[attr-defined]
    assert name in PRESETS.names
    config = load_config(name)
    assert [one.name for one in config.definitions] == [name]
    definition = task_of(name)
    for measure, ends in definition.rules.items():
        assert config.rules[name][measure] == Bound(**ends), measure
    assert set(definition.measures) <= set(config.measures)
    known = {c.name for m in MEASURES.values() for c in m.columns}
    assert {*definition.rules, *definition.bounds} <= known
    assert definition.guide and definition.question


def test_a_context_parts_the_tasks_by_the_number_of_sentences() -> None:
    both = load_config("embedded", ['tasks=["summary", "paragraph_summary"]'])
    assert both.rules["summary"]["source_sentences"].max == 1
    assert both.rules["paragraph_summary"]["source_sentences"].min == 2
    assert both.pairs.bounds["summary"]["source_sentences"].max == 1
    assert "passage" in both.measures
    assert parse_config(both.model_dump(mode="json")) == both
    alone = load_config("embedded")
    assert "source_sentences" not in alone.rules["summary"] and "passage" not in alone.measures


def test_no_rules_and_unknown_measures_are_refused_at_once() -> None:
    with pytest.raises(UsageError, match="the task deletion has no rules"):
        load_config("deletion", ["rules.deletion={}"])
    with pytest.raises(UsageError, match="no measure is called 'sentences_touchd'; did you mean"):
        load_config(
            "paragraph_summary", ["rules={paragraph_summary: {sentences_touchd: {min: 1}}}"]
        )


def test_words_are_exchanged_or_only_left_out() -> None:
    wordfreq = pytest.importorskip("wordfreq")
    source = "The physician met the men in an edifice."
    targets = [
        "The doctor met the men in an edifice.",
        "The physician met the men.",
        source,
        "The doctor met the men.",
    ]

    def zipf(word: str) -> float:
        return float(wordfreq.zipf_frequency(word, "en"))

    found = MEASURES["ease"].of(Batch.of_texts([source] * 4, targets))["exchanged_gain"]
    gone = (zipf("physician") + zipf("edifice")) / 2
    assert found == pytest.approx([zipf("doctor") - zipf("physician"), 0, 0, zipf("doctor") - gone])
