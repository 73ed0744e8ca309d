"""Students of text under each objective, from one smaller student, as JSON for distillation.py.

    python scripts/reproduce/distillation_text.py --teacher STUDENT --data DATASET \
        --round ROUND --judge FILE --work FOLDER --code short-extractive -o text.json

The teacher loses the layers of least influence. A model that is cut so writes nothing that can be
read, so it first learns the teacher's distributions on what the teacher wrote in a round of
`dimsum distill`, or without `--round` on what it now writes greedily for the data's sources, and
from there on under each objective for as many steps. With `--start` the objectives begin from a
smaller student that is there. All are judged on the same sources, with entailment by a critic that
gave no reward. What is there already is not done again. `--arms` names the objectives, all by
default; with `--train-only` nothing is judged.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from builder.cli import run as command
from builder.critics.spec import SECOND_WEIGHTS, SPEC_FILE
from builder.judges import load_entailment_critic
from builder.models import resolve
from dimsum.data.dataset import read_rows
from dimsum.data.files import read_file_rows
from dimsum.evaluation.data import Example
from dimsum.evaluation.evaluate import System, evaluate
from dimsum.files import open_whole_file, write_json
from dimsum.spec import read_spec
from dimsum.student import Student
from dimsum.tasks.paraphrase import PARAPHRASE
from dimsum.tasks.summary import SUMMARY

CRITIC = "embedded:critic"
BASES = ("cross-entropy", "supervised KD")
"""What on-policy distillation is tested against."""
ON_POLICY = {"objective": "on-policy-kd"}
REWARD = {"objective.reward.alpha": 0.5, "objective.reward.samples": 2}


def list_arms(betas: list[float]) -> dict[str, dict[str, Any]]:
    """Settings of each objective by its name on the page."""
    found: dict[str, dict[str, Any]] = {
        BASES[0]: {},
        "SeqKD": {"objective": "seqkd"},
        BASES[1]: {"objective": "supervised-kd"},
        "ImitKD": {"objective": "imitkd"},
    }
    for beta in betas:
        name = f"on-policy, beta {beta:g}"
        found[name] = {**ON_POLICY, "objective.beta": beta}
        found[f"{name}, reward"] = {**found[name], **REWARD}
    return found


def parse_arguments(texts: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--teacher", required=True, help="a trained student")
    parser.add_argument("--data", required=True, help="what it was trained on")
    parser.add_argument("--round", type=Path, help="of dimsum distill by the teacher")
    parser.add_argument("--judge", type=Path, required=True, help="JSONL with source and refs")
    parser.add_argument("--code", default="short-extractive", help="control code of the judging")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--layers", type=int, default=15)
    parser.add_argument("--pairs", type=int, default=400, help="training pairs, by a hash")
    parser.add_argument("--written", type=int, help="texts to start on, by a hash")
    parser.add_argument("--start", help="a smaller student that the objectives begin from")
    parser.add_argument("--start-rate", type=float, default=3e-4)
    parser.add_argument("--epochs", type=int, default=1, help="of each objective")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--tokens", type=int, default=40, help="of a sampled output, at most")
    parser.add_argument("--temperature", type=float, default=1.0, help="of the sampling")
    parser.add_argument("--limit", type=int, default=300, help="sources that are judged")
    parser.add_argument("--betas", type=float, nargs="*", default=[0.1, 0.5, 0.9])
    parser.add_argument("--critic", default=CRITIC, help="of two models: the second rewards")
    parser.add_argument("--build", default="embedded", help="of the reward's measures")
    parser.add_argument("--sample", type=int, default=16, help="validation sources of a reward")
    parser.add_argument("--arms", nargs="*", metavar="NAME", help="objectives, as the page says")
    parser.add_argument("--train-only", action="store_true", help="judge nothing yet")
    parser.add_argument("-o", "--output", type=Path, required=True)
    return parser.parse_args(texts)


def read_written(folder: Path) -> Iterator[dict[str, str]]:
    """What the teacher wrote in a round: each new text, and each sentence that it copied, once."""
    copied: set[str] = set()
    for file in sorted((folder / "rewrites").glob("*.parquet")):
        for row in read_file_rows(file):
            source, target, task = row["source"], row["target"], PARAPHRASE.name
            if target == source and source in copied:
                continue
            if target == source:
                copied.add(source)
            elif row.get("reason"):
                continue  # said before, or cut off
            if target == source or row["control"] in SUMMARY.code_names:
                task = SUMMARY.name
            yield {"source": source, "target": target, "task": task}


def write_texts(teacher: str, data: str, most: int | None) -> Iterator[dict[str, str]]:
    """What a teacher writes greedily for the data's sources under the data's control codes."""
    rows = list(read_rows(data, "train"))
    tasks = {row["control"]: row["task"] for row in rows}
    asked = [(source, code) for source in {row["source"] for row in rows} for code in tasks]
    asked = sorted(asked, key=lambda one: sha256(" ".join(one).encode()).digest())[:most]
    student = Student.from_pretrained(teacher, device="cpu")
    written = student.write([source for source, _ in asked], [code for _, code in asked])
    for (source, code), texts in zip(asked, written, strict=True):
        if texts[0]:
            yield {"source": source, "target": texts[0], "task": tasks[code]}


def train(
    wanted: argparse.Namespace, student: str, name: str, settings: dict[str, Any], data: str = ""
) -> Path:
    """A student in the work folder; a failure ends the script with its exit code."""
    folder: Path = wanted.work / name.replace(" ", "-").replace(",", "")
    if (folder / "student.json").is_file():
        return folder
    spec = read_spec(Path(wanted.teacher))
    assert spec is not None
    recipe = spec.training["recipe"]
    values = {
        "tasks": json.dumps(recipe["tasks"]),
        "prompt": recipe.get("prompt", "instruction_first"),
        "control": recipe["control"],
        "learning_rate": wanted.learning_rate,
        "batch_size": wanted.batch,
        "micro_batch": wanted.batch,
        "max_pairs": "null" if data else wanted.pairs,
        "max_source_tokens": recipe["max_source_tokens"],
        "max_target_tokens": recipe["max_target_tokens"],
        "validation_pairs": 32,
        "epochs": wanted.epochs,
        "evaluations": 2,
        "sample_pairs": wanted.sample if "objective.reward.alpha" in settings else 0,
        **settings,
    }
    if "objective" in settings:
        values["objective.teacher"] = wanted.teacher
    if settings.get("objective") == "on-policy-kd" or settings.get("objective") == "imitkd":
        values["objective.sampling.max_new_tokens"] = wanted.tokens
        values["objective.sampling.temperature"] = wanted.temperature
    if "objective.reward.alpha" in settings:
        values |= {
            "objective.reward.critic": wanted.critic,
            "objective.reward.build": wanted.build,
        }
    words = ["train", data or wanted.data, "--student", student, "-o", str(folder), "--quiet"]
    # An objective's name comes before what differs from it.
    for key, value in sorted(values.items(), key=lambda item: item[0] != "objective"):
        words += ["--set", f"{key}={value}"]
    print("dimsum " + " ".join(words), file=sys.stderr)
    if code := command(words):
        sys.exit(code)
    return folder


def find_held_out_critic(wanted: argparse.Namespace) -> str:
    """The first model of the ensemble alone, which gave no reward."""
    folder: Path = wanted.work / "held-out-critic"
    if not (folder / SPEC_FILE).is_file():
        whole = Path(resolve(wanted.critic).path)
        without = shutil.ignore_patterns(SPEC_FILE, SECOND_WEIGHTS, "README.md")
        shutil.copytree(whole, folder, ignore=without, dirs_exist_ok=True)
        document = json.loads((whole / SPEC_FILE).read_text(encoding="utf-8"))
        write_json(folder / SPEC_FILE, {**document, "second": None, "alone_below": 0.0})
    return str(folder)


def write(folder: str | Path, sources: list[str], code: str) -> tuple[list[str], dict[str, Any]]:
    """Greedy outputs, and what writing them cost."""
    student = Student.from_pretrained(folder, device="cpu")
    tokens = 0

    def count(more: int) -> None:
        nonlocal tokens
        tokens += more

    began = time.process_time()
    texts = [one[0] for one in student.write(sources, code, on_tokens=count)]
    seconds = time.process_time() - began
    return texts, {
        "parameters": sum(p.numel() for p in student.model.parameters()),
        "tokens_a_second": tokens / seconds,
        "training_seconds": student.spec.training.get("seconds_of_last_start"),
        "steps": student.spec.training.get("steps"),
        "reward": student.spec.training.get("reward"),
    }


def make_start(wanted: argparse.Namespace) -> tuple[Path, int]:
    """The smaller student that the objectives begin from, and how many texts it learnt from."""
    small, wrote = wanted.work / "small", wanted.work / "written.jsonl"
    if not small.is_dir() and command(
        [
            *("shrink", wanted.teacher, "--layers", str(wanted.layers), "-o", str(small)),
            *("--data", wanted.data),
        ]
    ):
        sys.exit(1)
    if not wrote.is_file():
        rows = (
            read_written(wanted.round)
            if wanted.round
            else write_texts(wanted.teacher, wanted.data, wanted.written)
        )
        lines = [json.dumps(row) + "\n" for row in rows]
        if wanted.written:
            lines = sorted(lines, key=lambda line: sha256(line.encode()).digest())[: wanted.written]
        with open_whole_file(wrote) as stream:
            stream.writelines(lines)
    settings = {
        "objective": "supervised-kd",
        "learning_rate": wanted.start_rate,
        "schedule": "linear",
        "warmup": 0.05,
        "epochs": 1,
    }
    start = train(wanted, str(small), "start", settings, str(wrote))
    return start, len(wrote.read_text(encoding="utf-8").splitlines())


def main(texts: list[str] | None = None) -> None:
    wanted = parse_arguments(texts)
    wanted.work.mkdir(parents=True, exist_ok=True)
    start, written = (wanted.start, 0) if wanted.start else make_start(wanted)
    students: dict[str, str | Path] = {}
    for name, settings in list_arms(wanted.betas).items():
        if wanted.arms is None or name in wanted.arms:
            students[name] = train(wanted, str(start), name, settings)
    if wanted.train_only:
        return
    students = {"teacher": wanted.teacher, "start": start, **students}
    lines = wanted.judge.read_text(encoding="utf-8").splitlines()[: wanted.limit]
    rows = [json.loads(line) for line in lines]
    examples = [Example(row["source"], tuple(row["refs"])) for row in rows]
    sources = [one.source for one in examples]
    systems = []
    for name, folder in students.items():
        outputs, facts = write(folder, sources, wanted.code)
        bases = tuple(base for base in BASES if base in students)
        against = bases if name.startswith("on-policy") else ()
        systems.append(System(name, outputs, facts, against=against))
    found = evaluate(systems, examples, critic=load_entailment_critic(find_held_out_critic(wanted)))
    assert wanted.code in SUMMARY.code_names
    kept = ("layers", "pairs", "epochs", "batch", "learning_rate", "start_rate", "code")
    found["of"] = {name: getattr(wanted, name) for name in kept}
    found["of"]["written"] = written
    write_json(wanted.output, found)
    print(wanted.output)


if __name__ == "__main__":
    main()
