"""The YAML of rounds: nested settings that begin from others, and faults in them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from builder.cli import run
from builder.config import RewritingConfig, load_config
from builder.distill import load_distill
from builder.errors import ConfigError
from dimsum.errors import UsageError
from dimsum.training.recipe import load_recipe


def test_the_preset_is_one_round_of_the_small_models() -> None:
    found = load_distill("embedded")
    openings = found.corpus.contexts.openings
    more = (f"contexts.openings={openings}", "duplicates.within=control")
    alone = load_config("embedded", more)
    further = found.corpus.candidates.methods[len(alone.candidates.methods) :]
    assert [method.kind for method in further] == ["shortened"]
    methods = (*alone.candidates.methods, *further)
    candidates = alone.candidates.model_copy(update={"methods": methods})
    assert found.corpus == alone.model_copy(update={"candidates": candidates})
    assert openings > load_config("embedded").contexts.openings
    assert found.student.student == load_recipe("embedded").student
    assert found.later_corpora == found.corpus
    assert (found.rounds, found.finished) == (1, None)


def test_what_the_rounds_leave_out_is_as_in_the_paper() -> None:
    paper = RewritingConfig()
    how = paper.sampling
    assert (how.temperature, how.top_p, paper.samples) == (0.7, 0.9, 10)
    found = load_distill("embedded").rewriting.sampling
    assert (found.temperature, found.top_p) == (1.0, how.top_p)  # at 0.7 mostly copies


def test_null_takes_a_rule_away_that_the_settings_begin_from() -> None:
    assert "new_roles" in load_config("embedded").rules["summary"]
    found = load_config("embedded", ("rules.summary.new_roles=null",)).rules["summary"]
    assert set(found) == set(load_config("embedded").rules["summary"]) - {"new_roles"}


def test_codes_that_no_task_knows_are_refused() -> None:
    with pytest.raises(ConfigError, match="'short' is no control code of the corpus' tasks"):
        load_distill("embedded", ('rewriting.codes=["short"]',))


def test_values_are_merged_with_what_they_begin_from(tmp_path: Path) -> None:
    own = tmp_path / "rounds.yaml"
    own.write_text(
        "corpus: {from: embedded, seed: 3, rules: {summary: {compression: {max: 0.5}}}}\n"
        "student: {from: embedded, learning_rate: 0.01}\n"
        "later_corpora: {duplicates: {within: control}}\n"
        "later_students: {epochs: 2}\n"
    )
    found = load_distill(str(own))
    changes = ("seed=3", "rules.summary.compression.max=0.5")
    assert found.corpus == load_config("embedded", changes)
    assert found.corpus.rules["summary"]["compression"].min == 0.1
    assert found.later_corpora == load_config("embedded", (*changes, "duplicates.within=control"))
    assert found.student == load_recipe("embedded", ("learning_rate=0.01",))
    assert found.later_students == load_recipe("embedded", ("learning_rate=0.01", "epochs=2"))


def test_values_on_the_command_line_reach_into_the_nested_settings() -> None:
    preset = load_distill("embedded")
    assert preset.later_students is not None
    changes = ("corpus.seed=3", "student.epochs=2", "rewriting.sampling.temperature=0.5")
    found = load_distill("embedded", (*changes, "later_students.learning_rate=0.1"))
    assert found.corpus == preset.corpus.model_copy(update={"seed": 3})
    assert found.student == preset.student.model_copy(update={"epochs": 2})
    later = {"learning_rate": 0.1, "epochs": preset.later_students.epochs}
    assert found.later_students == found.student.model_copy(update=later)
    assert found.rewriting.sampling.temperature == 0.5
    other = load_distill("embedded", ("corpus.seed=3", "corpus.from=news"))
    openings = f"contexts.openings={preset.corpus.contexts.openings}"
    same = ("seed=3", openings, "duplicates.within=control")
    news = load_config("news", same)
    assert other.corpus == news.model_copy(update={"candidates": preset.corpus.candidates})
    whole = load_distill("embedded", ("corpus.seed=3", "corpus=news"))
    assert whole.corpus == load_config("news")


def test_files_are_found_from_the_folder_of_what_names_them(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/openings.txt").write_text("Once upon a time\n")
    domains = "domains: [{name: tales, kind: file, file: openings.txt}]"
    corpus = load_config("embedded").model_dump(mode="json", exclude={"domains"})
    (tmp_path / "deep/corpus.yaml").write_text(f"{yaml.safe_dump(corpus)}{domains}\n")
    own = tmp_path / "rounds.yaml"
    own.write_text("corpus: deep/corpus.yaml\nstudent: embedded\n")
    assert load_distill(str(own)).corpus.domains[0].file == tmp_path / "deep/openings.txt"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("sample=3", "unknown key sample"),
        ("rewriting.sample=3", "unknown key rewriting.sample; did you mean 'samples'"),
        ("rewriting.sampling.top_p=2", "rewriting.sampling.top_p: "),
        ("corpus.duplicates.withn=control", "unknown key corpus.duplicates.withn; did you mean"),
        ("later_corpora.duplicates.withn=x", "unknown key later_corpora.duplicates.withn; did"),
        ("student.epoch=1", "unknown key student.epoch; did you mean 'epochs'"),
        ("later_students.epochs=0", "later_students.epochs: "),
        ("corpus.from=3", "corpus: from is a name or a path, not 3"),
        ("corpus=nowhere.yaml", "no settings at nowhere.yaml"),
        ("corpus=3", "corpus: "),
        ("corpus=", "corpus: "),
    ],
)
def test_faults_are_named_before_anything_runs(
    change: str, message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    assert run(["distill", "embedded", "-o", str(folder), "--set", change]) == 2
    assert message in capfd.readouterr().err
    assert not folder.exists()


def test_settings_that_are_not_there(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["distill", str(tmp_path / "nowhere.yaml")]) == 2
    assert "no settings at" in capfd.readouterr().err
    (tmp_path / "rounds.yaml").write_text("student: embedded\n")
    with pytest.raises(UsageError, match="corpus is missing"):
        load_distill(str(tmp_path / "rounds.yaml"))
