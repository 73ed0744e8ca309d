"""Rounds of self-distillation on toy models, as one run that resumes."""

from __future__ import annotations

import importlib.util
import json
import math
import shutil
import sys
from collections import Counter
from itertools import groupby
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from builder import distill as rounds
from builder import writing
from builder.cli import run
from builder.config import parse_config
from builder.distill import DistillConfig, Distilled, distill, load_distill
from builder.errors import ConfigError
from builder.report.gather import gather
from builder.stages import rewrites as stage_of_rewrites
from builder.stages import sentences
from builder.stages.order import ROUND_STAGES, count_units
from builder.stages.placement import Membership
from builder.statistics.funnel import count_funnel
from builder.store import Output, Run
from builder.writing import sample_rows
from dimsum import Student
from dimsum.evaluation import teacher as asking
from dimsum.files import hash_file
from dimsum.spec import Generation
from dimsum.tasks.summary import SUMMARY
from tests.student_toys import toy_pairs, write_jsonl
from tests.toys import toy_config

SCRIPT = Path(__file__).parents[2] / "scripts/reproduce/student.py"
ASKED = ("faithful", "fluent", "main_point", "valid")
STUDENT = {
    "precision": "float32",
    "epochs": 1,
    "batch_size": 4,
    "micro_batch": 4,
    "learning_rate": 0.003,
    "evaluations": 1,
    "sample_pairs": 0,
    "validation_share": 0.2,
    "max_target_tokens": 100,
}


@pytest.fixture(scope="module")
def document(toy_teacher: Path, toy_critic: Path) -> dict[str, Any]:
    found = toy_config(toy_teacher, toy_critic)
    found["rules"]["paraphrase"]["rouge_l"] = {"max": 0.9}
    return found


@pytest.fixture(scope="module")
def settings(
    document: dict[str, Any], toy_teacher: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A YAML of rounds whose corpus begins from a file beside it."""
    folder = tmp_path_factory.mktemp("config")
    # In float32, where a search finds the same texts whether weights are packed or not.
    corpus = {**document, "teacher": {**document["teacher"], "dtype": "float32"}}
    (folder / "corpus.yaml").write_text(yaml.safe_dump(corpus))
    nested = {
        "corpus": "corpus.yaml",
        "student": {"from": "paper", "student": str(toy_teacher), **STUDENT},
        "rewriting": {
            "per_context": 3,
            "samples": 3,
            "sampling": {"temperature": 1.0, "max_new_tokens": 24, "no_repeat_ngram": 0},
            "batch_size": 64,
        },
        "later_corpora": {"duplicates": {"within": "control"}},
        "later_students": {"learning_rate": 0.001},
    }
    path = folder / "rounds.yaml"
    path.write_text(yaml.safe_dump(nested))
    return path


@pytest.fixture(scope="module")
def config(settings: Path) -> DistillConfig:
    return load_distill(str(settings))


@pytest.fixture(scope="module")
def done(config: DistillConfig, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Distilled]:
    folder = tmp_path_factory.mktemp("rounds") / "run"
    return folder, distill(config, folder, device="cpu")


def hashes(folder: Path) -> dict[str, str]:
    return {
        p.relative_to(folder).as_posix(): hash_file(p) for p in sorted(folder.rglob("*.parquet"))
    }


def test_the_round_is_released_with_the_corpus(done: tuple[Path, Distilled]) -> None:
    _, found = done
    assert [path.name for path in found.students] == ["student-1", "student-2"]
    first, second = (Run.open(path) for path in found.corpora)
    before, after = first.read("splits", 0).to_pylist(), second.read("splits", 0).to_pylist()
    by_round = Counter(row["round"] for row in after)
    assert by_round[0] == len(before)
    assert by_round[1] > 0
    old = {row["id"]: row for row in after if row["round"] == 0}
    assert old == {row["id"]: row for row in before}
    assert len({row["id"] for row in after}) == len(after)
    steps = count_funnel(second, parse_config(second.header()["config"]))
    assert [step.stage for step in steps] == [stage.name for stage in ROUND_STAGES if stage.counted]
    known = {step.stage: step for step in steps}
    codes = len(Student.from_pretrained(found.students[0]).spec.codes)
    assert known["rewrites"].entered == known["sentences"].kept * codes * 3
    order = ["rewrites", "pairs", "scores", "decisions", "duplicates", "near_duplicates"]
    for earlier, later in zip(order, [*order[1:], "placement"], strict=True):
        assert known[later].entered == known[earlier].kept
    assert known["splits"].kept == known["placement"].kept + len(before)
    facts = json.loads((found.datasets[1] / "provenance/facts.json").read_text())
    assert facts["run"]["rounds"] == 2
    assert {model["role"] for model in facts["models"]} >= {"teacher", "student", "critic"}
    assert "were written by a student" in facts["summary"]


def test_nothing_leaks_between_splits(done: tuple[Path, Distilled]) -> None:
    _, found = done
    split_of: dict[str, str] = {}
    for row in Run.open(found.corpora[1]).read("splits", 0).to_pylist():
        for side in ("source", "target"):
            assert split_of.setdefault(row[side], row["split"]) == row["split"]


def test_every_row_says_where_it_comes_from(done: tuple[Path, Distilled]) -> None:
    _, found = done
    first, second = (Run.open(path) for path in found.corpora)
    config = parse_config(first.header()["config"])
    contexts = {
        row["context_id"]: (row["continuation_id"], row["sentences"])
        for shard in range(count_units("contexts", config))
        for row in first.read("contexts", shard).to_pylist()
    }
    seen = Counter()
    for run_ in (first, second):
        rows = run_.read("splits", 0).to_pylist()
        origins = run_.read("splits", 0, "origins").to_pylist()
        for row, origin in zip(rows, origins, strict=True):
            seen[row["round"]] += 1
            assert origin["id"] == row["id"]
            context = row["context_id"].rpartition("-r1-")[0] or row["context_id"]
            assert (origin["continuation_id"], origin["context_sentences"]) == contexts[context]
    assert seen[1] > 0


def test_commands_read_a_round(
    done: tuple[Path, Distilled], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _, found = done
    folder = tmp_path / "round"
    shutil.copytree(found.corpora[1], folder)
    rows = Run.open(folder).read("splits", 0).num_rows
    assert run(["show", str(folder), "--json"]) == 0
    steps = {step["stage"]: step for step in json.loads(capfd.readouterr().out)}
    assert steps["splits"]["kept"] == rows
    for stage in ("sentences", "rewrites", "pairs", "placement"):
        assert run(["show", str(folder), "--rejects", "--stage", stage, "--json"]) == 0
        shown = json.loads(capfd.readouterr().out)
        rejected = sum(steps[stage]["rejected"].values())
        assert len(shown) == min(20, rejected)
    assert run(["show", str(folder), "--rejects", "--stage", "contexts"]) == 2
    assert "no stage is called 'contexts'" in capfd.readouterr().err

    assert run(["report", str(folder), "-o", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").stat().st_size > 10_000
    page = gather(folder)
    lengths = next(one for one in page.breakdowns if one.name == "length")
    origins = Run.open(folder).read("splits", 0, "origins").to_pylist()
    counted = Counter(row["context_sentences"] for row in origins)
    assert {line.name: line.pairs for line in lengths.rows} == {
        str(length): count for length, count in counted.items()
    }
    assert {line.candidates for line in lengths.rows} == {None}

    measured = tmp_path / "stats.json"
    words = ["stats", str(folder), "--measures", "diversity", "-o", str(measured), "--quiet"]
    assert run(words) == 0
    assert json.loads(measured.read_text())["corpora"][0]["rows"] == rows
    capfd.readouterr()

    change = ["rescore", str(folder), "--set", "rules.paraphrase.rouge_l.max=0.4", "--json"]
    assert run(change) == 0
    moved = json.loads(capfd.readouterr().out)["moved"]
    assert moved > 0
    fewer = Run.open(folder).read("splits", 0).to_pylist()
    earlier = Run.open(found.corpora[0]).read("splits", 0).num_rows
    assert Counter(row["round"] for row in fewer)[0] == earlier
    assert rows - moved <= len(fewer) < rows
    assert all(row["rouge_l"] <= 0.4 for row in fewer if row["round"] and row["task"] != "summary")

    shutil.rmtree(folder / "dimsum_plus")
    assert run(["release", str(folder), "--json"]) == 0
    released = Path(json.loads(capfd.readouterr().out)["dataset"])
    facts = json.loads((released / "provenance/facts.json").read_text())
    assert sum(split["rows"] for split in facts["configs"][0]["splits"]) == len(fewer)


def test_rows_obey_the_same_rules(done: tuple[Path, Distilled]) -> None:
    _, found = done
    run = Run.open(found.corpora[1])
    config = parse_config(run.header()["config"])
    for shard in range(count_units("decisions", config)):
        for row in run.read("decisions", shard).to_pylist():
            for measure, bound in config.rules[row["task"]].items():
                assert bound.holds(row[measure])


def test_the_second_student_goes_on_from_the_first(done: tuple[Path, Distilled]) -> None:
    _, found = done
    first, second = (Student.from_pretrained(path).spec for path in found.students)
    assert second.training["from"] == "student-1"
    assert second.training["where"] == {"round": 1}
    assert second.base == first.base
    rates = [spec.training["recipe"]["learning_rate"] for spec in (first, second)]
    assert rates == [0.003, 0.001]
    rows = Run.open(found.corpora[1]).read("splits", 0).to_pylist()
    mine = [row for row in rows if row["round"] == 1 and row["split"] == "train"]
    data = second.training["data"]
    validation = [row for row in rows if row["round"] == 1 and row["split"] == "validation"]
    held = 0 if validation else data["validation"]
    assert data["train"] + held == len(mine)


def test_again_has_nothing_to_do_and_a_cut_run_ends_the_same(
    done: tuple[Path, Distilled],
    config: DistillConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, found = done
    stamps = {p: p.stat().st_mtime_ns for p in folder.rglob("*.parquet")}
    assert distill(config, folder, device="cpu") == found
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*.parquet")} == stamps
    calls = []

    def cut(*arguments: Any, **more: Any) -> list[list[str]]:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return sample_rows(*arguments, **more)

    monkeypatch.setattr(writing, "sample_rows", cut)
    with pytest.raises(KeyboardInterrupt):
        distill(config, tmp_path / "cut", device="cpu")
    monkeypatch.undo()
    assert (tmp_path / "cut/round-1/rewrites/00000.json").is_file()
    assert not (tmp_path / "cut/round-1/rewrites/00001.json").is_file()
    again = distill(config, tmp_path / "cut", device="cpu")
    assert hashes(tmp_path / "cut") == hashes(folder)
    texts = ["The dog sleeps near the river.", "Mary sings."]
    one, other = (Student.from_pretrained(path[-1]) for path in (found.students, again.students))
    assert one.paraphrase(texts) == other.paraphrase(texts)


def test_rounds_of_other_settings_are_refused_and_nothing_is_replaced(
    done: tuple[Path, Distilled], settings: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder, _ = done
    before = hashes(folder)
    for change, stage in (("corpus.seed=5", "contexts"), ("rewriting.samples=4", "rewrites")):
        start = ["distill", str(settings), "-o", str(folder), "--device", "cpu", "--quiet"]
        assert run([*start, "--set", change]) == 2
        message = capfd.readouterr().err
        assert f"of {stage}" in message
        assert "--again" not in message
        assert "--output" in message
    assert hashes(folder) == before


def test_models_of_later_parts_are_looked_at_before_the_first_corpus(
    settings: Path,
    toy_critic: Path,
    toy_t5: Path,
    toy_llama: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    mute = tmp_path / "mute"
    shutil.copytree(toy_critic, mute)
    about = json.loads((mute / "config.json").read_text())
    about["id2label"] = {str(i): f"LABEL_{i}" for i in range(3)}
    about["label2id"] = {f"LABEL_{i}": i for i in range(3)}
    (mute / "config.json").write_text(json.dumps(about))
    learns = ["student.objective.kind=gkd", "student.objective.lambda=1"]
    rewarded = [f"student.objective.teacher={settings.parent}/none", *learns]
    unlike = "no label of the critic says entailment"
    for changes, said in (
        ([f"student.objective.teacher={toy_t5}", *learns], "is a seq2seq model"),
        ([f"student.objective.teacher={toy_llama}", *learns], "the vocabularies of the teacher"),
        (rewarded, f"no model at {settings.parent}/none"),
        ([f"later_corpora.critic.model={mute}"], unlike),
        ([f"student.objective.reward.critic={mute}", *learns], unlike),
        ([f"later_students.objective.teacher={toy_t5}", *learns], "is a seq2seq model"),
    ):
        if changes[0].startswith("student.objective.reward"):
            teacher = load_distill(str(settings)).student.student
            changes = [f"student.objective.teacher={teacher}", *changes]
        if changes[0].startswith("later_students"):
            changes = [changes[0], "later_students.objective.kind=gkd"]
        command = ["distill", str(settings), "-o", str(tmp_path / "run"), "--device", "cpu"]
        for change in changes:
            command += ["--set", change]
        assert run(command) in (1, 2), changes
        assert said in capfd.readouterr().err, changes
        assert not (tmp_path / "run").exists(), changes


def test_a_finished_run_is_taken_as_it_is(
    done: tuple[Path, Distilled], settings: Path, tmp_path: Path
) -> None:
    _, found = done
    before = hashes(found.corpora[0])
    own = (f"corpus={found.corpora[0]}", "rounds=0")
    result = distill(load_distill(str(settings), own), tmp_path / "mine", device="cpu")
    assert result.corpora == [found.corpora[0]]
    assert hashes(found.corpora[0]) == before
    assert not (tmp_path / "mine/round-0").exists()
    with pytest.raises(ConfigError, match="no finished run of a teacher"):
        load_distill(str(settings), (f"corpus={found.corpora[1]}",))
    # With values of one's own a run is what another corpus begins from.
    other = load_distill(str(settings), (*own, "corpus.seed=3"))
    assert other.finished is None
    there = parse_config(Run.open(found.corpora[0]).header()["config"])
    assert other.corpus == there.model_copy(update={"seed": 3})


def test_a_pair_between_two_splits_belongs_to_none() -> None:
    membership = Membership(
        [
            {"continuation_id": "toy-1-0", "source": "a", "target": "b", "split": "test"},
            {"continuation_id": "toy-2-0", "source": "c", "target": "d", "split": "train"},
        ]
    )
    pair = {"continuation_id": "toy-1-0", "source": "x", "target": "y"}
    assert membership.split_of(pair) == "test"
    assert membership.split_of({**pair, "target": "c"}) is None
    new = {"continuation_id": "toy-2-0", "source": "x", "target": "y"}
    assert membership.split_of(new) == "train"
    membership.add(new, "train")
    assert membership.split_of(pair) is None
    assert (
        membership.split_of({"continuation_id": "toy-9", "source": "p", "target": "q"}) == "train"
    )


def test_from_the_command_line(
    settings: Path,
    done: tuple[Path, Distilled],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    folder, found = done
    start = ["distill", str(settings), "-o", str(folder), "--device", "cpu", "--json"]
    assert run(start) == 0
    result = json.loads(capfd.readouterr().out)
    assert result["students"] == [str(path) for path in found.students]

    def stop(*arguments: Any, **named: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(rounds, "build", stop)
    assert run(start) == 130
    assert "Go on with: dimsum" in capfd.readouterr().err


def script() -> Any:
    spec = importlib.util.spec_from_file_location("reproduce_student", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_the_experiment_is_written_from_what_commands_wrote(
    done: tuple[Path, Distilled],
    toy_teacher: Path,
    toy_critic: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(asking, "GENERATION", Generation(max_new_tokens=8))
    monkeypatch.setattr(sys, "path", list(sys.path))
    rows = toy_pairs(24, seed=7)
    summary = [{"source": r["source"], "refs": [r["target"]]} for r in rows]
    pairs = [{"s1": r["source"], "s2": r["target"], "label": i % 2} for i, r in enumerate(rows)]
    write_jsonl(tmp_path / "first.jsonl", summary)
    write_jsonl(tmp_path / "second.jsonl", pairs)
    (tmp_path / "suite.yaml").write_text(
        "sets:\n"
        "  first: {data: first.jsonl, task: summary, limit: 6}\n"
        "  second: {data: second.jsonl, task: paraphrase, where: {label: 1}, limit: 6}\n"
    )
    readings = [
        {"set": "first", "row": row, "system": system, "readers": [dict.fromkeys(ASKED, yes)] * 2}
        for row in range(4)
        for system, yes in (("M2", row != 3), ("lead", row == 0))
    ]
    write_jsonl(tmp_path / "readings.jsonl", readings)
    notes = tmp_path / "notes.md"
    notes.write_text("The models are toys.\n")
    words = [str(done[0]), "--work", str(tmp_path / "work"), "--device", "cpu"]
    words += ["--suite", str(tmp_path / "suite.yaml"), "--notes", str(notes)]
    words += ["--teacher", str(toy_teacher), "--critic", str(toy_critic), "--dtype", "float32"]
    words += ["--rerank-critic", str(toy_critic), "--rerank", "2", "--beams", "2"]
    words += ["--bertscore", "none", "--teacher-sample", "1", "--controls", "2"]
    words += ["--readings", str(tmp_path / "readings.jsonl")]
    target = tmp_path / "student.md"
    script().main([*words, "-o", str(target)])
    text = target.read_text()
    for head in ("Corpus", "Training", "What was to be reached", "first", "second", "Control"):
        assert f"## {head}\n" in text
    report = json.loads((tmp_path / "work/judged/first.json").read_text())
    others = ["teacher zero-shot", "teacher few-shot", "copy", "lead"]
    for name in ("M2", "M1", "M2, best of 2 and 2 beams", *others):
        value = report["systems"][name]["metrics"]["rougeL"]["value"]
        assert f"| {name} | {value:.2f} [" in text
    assert json.loads((tmp_path / "work/judged/second.json").read_text())["examples"] == 6
    assert "| first: M2, best of 2 and 2 beams above teacher" in text
    assert "| first | M2 | 4 | 75.0% [19.4%, 99.4%]" in text  # scipy.stats.beta.ppf by hand
    assert "| first | M2 - lead | 2 | 0 | 0.2500 |" in text  # 1 / 2 ** 2
    for task in ("summary", "paraphrase"):
        written_ = (tmp_path / f"work/held-out/{task}.jsonl").read_text().splitlines()
        assert f"### held-out {task}\n" in text
        assert f"- {json.loads(written_[0])['source']}\n" in text
    assert "### first" not in text
    assert rows[0]["source"] not in text
    assert "## Why, and what was tried\n\nThe models are toys.\n" in text
    assert "`round.rewriting.samples = 3`" in text
    assert str(tmp_path) not in text
    stamp = (tmp_path / "work/judged/first.json").stat().st_mtime_ns
    script().main([*words, "-o", str(target)])
    assert (tmp_path / "work/judged/first.json").stat().st_mtime_ns == stamp
    assert target.read_text() == text
    capfd.readouterr()


def test_the_sources_of_pairs_may_be_rewritten_and_short_ones_left_out(
    done: tuple[Path, Distilled],
) -> None:
    first = Run.open(done[1].corpora[0])
    later = parse_config(Run.open(done[1].corpora[1]).header()["config"])
    assert later.round is not None
    pairs = pq.read_table(first.read_finished("duplicates", 0)).to_pylist()
    sources = sorted({row["source"] for row in pairs})
    lengths = sorted(len(source.split()) for source in sources)
    assert lengths[0] < lengths[-1], "toy sources of different lengths"

    def chosen(least: int) -> Output:
        how = later.round.rewriting.model_copy(  # type: ignore[union-attr]
            update={"sentences": "sources", "per_context": 99, "least_words": least}
        )
        config = later.model_copy(
            update={"round": later.round.model_copy(update={"rewriting": how})}  # type: ignore[union-attr]
        )
        work: Any = SimpleNamespace(config=config, files=sentences.STAGE.files(config, 0))
        return sentences.make(work)

    assert sorted(chosen(0).table["source"].to_pylist()) == sources
    found = chosen(lengths[-1])
    assert set(found.table["source"].to_pylist()) < set(sources)
    assert all(len(text.split()) == lengths[-1] for text in found.table["source"].to_pylist())
    assert found.rejected["too_short_to_rewrite"] == len(sources) - found.table.num_rows


def test_a_source_keeps_what_the_teacher_thought_of_it(done: tuple[Path, Distilled]) -> None:
    """A rule on the source's log-probability holds in a round; a rewrite has none that is known."""
    first, second = (Run.open(path) for path in done[1].corpora)
    drawn = {
        (row["context_id"], row["sentence"]): row["logprob"]
        for row in pq.read_table(first.read_finished("candidates", 0)).to_pylist()
    }
    rewrites = pq.read_table(second.read_finished("rewrites", 0))
    for row in rewrites.to_pylist():
        assert row["logprob"] == drawn[row["context_id"].split("-r1-")[0], row["source"]] < 0
    found = stage_of_rewrites._make_candidates(rewrites).to_pylist()
    for _, group in groupby(found, key=lambda row: row["context_id"]):
        source, *written = group
        origin = source["context_id"].split("-r1-")[0]
        assert source["logprob"] == drawn[origin, source["sentence"]]
        assert written and all(math.isnan(row["logprob"]) for row in written)


def test_a_round_takes_all_texts_of_a_beam_search(
    done: tuple[Path, Distilled], settings: Path, tmp_path: Path
) -> None:
    """Those of a search within the lengths of each code, and no samples."""
    document = yaml.safe_load(settings.read_text())
    known = Student.from_pretrained(done[1].students[0], device="cpu").spec.codes
    codes = [known[0], known[-1]]
    unknown = next(code for code in SUMMARY.code_names if code not in known)
    how = {**document["rewriting"], "samples": 0, "beams": 3, "codes": [*codes, unknown]}
    document |= {"corpus": str(done[1].corpora[0]), "rewriting": how}
    path = tmp_path / "rounds.yaml"
    path.write_text(yaml.safe_dump(document))
    found = distill(load_distill(str(path)), tmp_path / "run", device="cpu")
    second = Run.open(found.corpora[1])
    config = parse_config(second.header()["config"])
    assert config.round is not None
    student = Student.from_pretrained(found.students[0], device="cpu", dtype="float32")
    search = config.round.rewriting.sampling.model_copy(update={"beams": 3})
    bounded = 0
    for shard in range(count_units("rewrites", config)):
        asked = pq.read_table(second.read_finished("sentences", shard)).to_pylist()
        rows = pq.read_table(second.read_finished("rewrites", shard)).to_pylist()
        rows += second.read("rewrites", shard, "rejects").to_pylist()
        assert {row["control"] for row in rows} == set(codes)
        for code in codes:
            bounds = stage_of_rewrites.find_lengths(config.definitions, code)
            sources = [row["source"] for row in asked]
            written = student.write(
                sources, code, n=3, sample=False, generation=search, compression=bounds,
                batch_size=config.round.rewriting.batch_size,
            )  # fmt: skip
            expected = [Counter(set(texts)) for texts in written]
            bounded += bool(bounds)
            for row, counts in zip(asked, expected, strict=True):
                mine = [r for r in rows if r["context_id"] == row["context_id"]]
                assert Counter(r["target"] for r in mine if r["control"] == code) == counts
    assert bounded


def test_a_round_writes_something(settings: Path) -> None:
    with pytest.raises(Exception, match="give samples, beams, or both"):
        load_distill(str(settings), ("rewriting.samples=0",))
