"""What is not on this machine while the Hub does not answer is said within seconds."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dimsum import network

PAIRS = [{"source": f"One two three four {n}.", "target": "One two."} for n in range(4)]
LABELLED = [{"premise": "One two.", "hypothesis": "Two.", "label": "entailment"}]
SUITE = "sets: {a: {data: pairs.jsonl, task: summary}}"
NO_DATA = "sets: {a: {data: pairs.csv, task: summary}}"
KD = "--set objective.kind=gkd --set objective.teacher=some/model --set objective.lambda=0"

COMMANDS = f"""
generate some/model texts.txt --task summary
generate embedded:nosuch texts.txt --task summary --rerank 4 --critic some/model -o o.txt
train pairs.jsonl --student some/model --preset embedded -o a
train pairs.jsonl --student some/model --preset embedded --plan
train pairs.jsonl --student embedded:nosuch --preset embedded -o b {KD}
teacher-logits pairs.jsonl --student some/model --preset embedded -o c {KD}
distill embedded -o d --set student.student=some/model
evaluate some/model --data pairs.jsonl --task summary
evaluate --baseline copy --data pairs.jsonl --task summary --critic some/model
evaluate some/model --suite suite.yaml -o e
build embedded -o f --set teacher.model=some/model
build embedded -o g --set critic.model=some/model
sweep embedded --over seed=1,2 --set teacher.model=some/model -o h
shrink some/model --layers 2 -o i
critic evaluate some/model nli.jsonl
critic train nli.jsonl -o j --set base=some/model
"""
RUN = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "transformers"):
            raise AssertionError(f"{name} is imported before the Hub was asked")

sys.meta_path.insert(0, Refuse())
from builder.cli import run
for line in sys.stdin:
    print(run(line.split()), file=sys.stderr)
"""


def _run(lines: str, folder: Path, **more: str) -> list[str]:
    (folder / "texts.txt").write_text("One two three.\n")
    for name, rows in (("pairs", PAIRS), ("nli", LABELLED)):
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text)
    (folder / "suite.yaml").write_text(SUITE)
    (folder / "nodata.yaml").write_text(NO_DATA)
    kept = {k: v for k, v in os.environ.items() if k != "HF_HUB_OFFLINE"}
    environment = {**kept, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(folder / "hf")}
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input=lines.strip() + "\n",
        text=True,
        capture_output=True,
        cwd=folder,
        env={**environment, "PYTHONPATH": os.pathsep.join(sys.path), **more},
        check=True,
    )
    return done.stderr.splitlines()


def test_a_model_out_of_reach_is_refused_before_torch_is_imported(tmp_path: Path) -> None:
    said = _run(COMMANDS, tmp_path)
    assert said[0] == "http://127.0.0.1:9 does not answer; only what is cached is used"
    refusal = [
        "Error: the model some/model is not in the Hub's cache, and http://127.0.0.1:9 does not "
        "answer.",
        "Hint:  nor does a folder of that name lie here; check its name and the network",
        "1",
    ]
    assert said[1:] == refusal * len(COMMANDS.strip().splitlines())


def test_data_is_looked_at_before_the_hub_is_asked(tmp_path: Path) -> None:
    lines = [line.replace(".jsonl", ".csv") for line in COMMANDS.strip().splitlines()]
    lines = [line for line in lines if ".csv" in line]
    lines.append("evaluate some/model --suite nodata.yaml -o e")
    for text in _run("\n".join(lines), tmp_path):
        assert "answer" not in text
        assert (
            text == "2"
            or text.endswith(("no file at pairs.csv.", "no file at nli.csv."))
            or (text == "Hint:  give a folder, a file or a Hub id")
        )


def test_who_said_that_the_hub_is_not_to_be_asked(tmp_path: Path) -> None:
    lines = "generate some/model texts.txt --task summary\nstats some/data"
    for text in _run(lines, tmp_path, HF_HUB_OFFLINE="1")[::3]:
        assert text.endswith("is not in the Hub's cache, and HF_HUB_OFFLINE is set.")


def test_a_server_that_accepts_and_says_nothing_is_given_up_in_time(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        began = time.monotonic()
        assert network.answers(url) is False
        assert time.monotonic() - began < 4
    assert capfd.readouterr().err == f"waiting for {url} ...\n"


def test_a_hub_that_does_not_answer_is_found_out_in_time(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    network.prefer_cache_when_offline()
    assert constants.HF_HUB_OFFLINE is True
    assert capfd.readouterr().err == (
        "http://127.0.0.1:9 does not answer; only what is cached is used\n"
    )
    monkeypatch.setattr(network, "_ask", lambda url: time.sleep(30))
    monkeypatch.setattr(network, "PATIENCE", 0.05)
    monkeypatch.setattr(network, "TIMEOUT", 0.2)
    assert network.answers("http://slow.example") is False
    assert capfd.readouterr().err == "waiting for http://slow.example ...\n"
