"""The experiment with students, from a finished `dimsum distill` to docs/experiments/student.md.

    python scripts/reproduce/student.py RUN --work FOLDER --suite FILE --teacher REF --critic REF

Lets `dimsum evaluate` judge the students of RUN on every set of the suite, and on D0's own held-out
pairs, and writes the page from the files that these commands left. What is there already is not
done again, so the same command goes on after an interruption.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parent))

from student_page import Sources, format_page

from builder.cli import run as command
from dimsum.data.dataset import read_rows
from dimsum.files import open_whole_file
from dimsum.spec import read_spec

PAGE = Path(__file__).parents[2] / "docs" / "experiments" / "student.md"


def parse_arguments(texts: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of `dimsum distill`")
    parser.add_argument("--work", type=Path, required=True, help="folder of the evaluations")
    parser.add_argument("--suite", type=Path, required=True, help="of `dimsum evaluate --suite`")
    parser.add_argument("--teacher", required=True, help="the teacher, for its prompts")
    parser.add_argument("--critic", required=True, help="judges entailment")
    parser.add_argument("--rerank-critic", help="chooses among samples; another than --critic")
    parser.add_argument("--rerank", type=int, default=8)
    parser.add_argument("--beams", type=int, help="also by beam search")
    parser.add_argument("--controls", type=int, default=100, help="sources of control accuracy")
    parser.add_argument("--teacher-sample", type=int, default=100)
    parser.add_argument("--corpus", type=Path, help="run of D0 if it is not RUN/round-0")
    parser.add_argument("--reuse", type=Path, help="--output of an earlier --suite")
    parser.add_argument("--bertscore", default="auto")
    parser.add_argument("--readings", type=Path, help="readers' answers, see student_page.py")
    parser.add_argument("--notes", type=Path, help="prose on what was not reached, and why")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--device")
    parser.add_argument("-o", "--output", type=Path, default=PAGE)
    return parser.parse_args(texts)


def run_command(words: list[str]) -> None:
    """Run a command of ours; a failure ends the script with its exit code."""
    print("dimsum " + " ".join(words), file=sys.stderr)
    code = command(words)
    if code:
        sys.exit(code)


def write_own_suite(wanted: argparse.Namespace) -> Path:
    """A suite of D0's pairs that no student was trained on, a set for each task."""
    folder: Path = wanted.work / "held-out"
    folder.mkdir(parents=True, exist_ok=True)
    data = str(find_data(wanted))
    rows = [row for split in ("validation", "test") for row in read_rows(data, split)]
    sets = {}
    for task in dict.fromkeys(row["task"] for row in rows):
        own = [row for row in rows if row["task"] == task]
        with open_whole_file(folder / f"{task}.jsonl") as stream:
            stream.writelines(
                json.dumps({"source": row["source"], "refs": [row["target"]]}) + "\n" for row in own
            )
        if len(own) > 1:
            sets[f"held-out {task}"] = {"data": f"{task}.jsonl", "task": task}
    with open_whole_file(folder / "suite.yaml") as stream:
        stream.write(yaml.safe_dump({"sets": sets}))
    return folder / "suite.yaml"


def find_data(wanted: argparse.Namespace) -> Path:
    """The released folder of D0."""
    corpus: Path = wanted.corpus or wanted.run / "round-0"
    settings = json.loads((corpus / "run.json").read_text(encoding="utf-8"))
    return corpus / str(settings["config"]["name"])


def evaluate(wanted: argparse.Namespace, suite: Path, output: Path, further: list[str]) -> Path:
    """The students, the newest first, on every set of a suite."""
    words = ["evaluate"]
    names = []
    for path in sorted(wanted.run.glob("student-*"), reverse=True):
        words.append(str(path))
        names += ["--name", f"M{path.name.rpartition('-')[2]}"]
    words += [*names, "--suite", str(suite), "-o", str(output), "--critic", wanted.critic]
    words += ["--bertscore", wanted.bertscore, "--dtype", wanted.dtype]
    for baseline in ("copy", "lead"):
        words += ["--baseline", baseline]
    if wanted.device:
        words += ["--device", wanted.device]
    run_command([*words, *further])
    return output


def main(texts: list[str] | None = None) -> None:
    wanted = parse_arguments(texts)
    wanted.work.mkdir(parents=True, exist_ok=True)
    if read_spec(wanted.run / "student-1") is None:
        sys.exit(f"{wanted.run} has no student-1; run `dimsum distill` first")
    further = ["--teacher", wanted.teacher, "--teacher-sample", str(wanted.teacher_sample)]
    further += ["--matched", "--rerank", str(wanted.rerank)]
    further += ["--beams", str(wanted.beams)] if wanted.beams else []
    further += ["--rerank-critic", wanted.rerank_critic] if wanted.rerank_critic else []
    further += ["--controls", str(wanted.controls)]
    further += ["--reuse", str(wanted.reuse)] if wanted.reuse else []
    judged = evaluate(wanted, wanted.suite, wanted.work / "judged", further)
    own = evaluate(wanted, write_own_suite(wanted), wanted.work / "own", [])
    sources = Sources(
        corpora=[
            *([wanted.corpus] if wanted.corpus else []),
            *sorted(wanted.run.glob("round-*"), key=lambda path: path.name),
        ],
        students=sorted(wanted.run.glob("student-*")),
        judged=judged,
        own=own,
        readings=wanted.readings,
        notes=wanted.notes.read_text(encoding="utf-8").strip() if wanted.notes else "",
    )
    with open_whole_file(wanted.output) as stream:
        stream.write(format_page(sources))
    print(wanted.output)


if __name__ == "__main__":
    main()
