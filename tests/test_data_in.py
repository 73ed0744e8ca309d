"""What users hand to the commands, and what each command makes of it."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from pathlib import Path
from typing import Any

import pytest

from builder.cli import run

WORDS = ["oil", "onions", "garlic", "basil", "eggs", "cream", "flour", "rice", "beans", "salt"]
MARK = b"\xef\xbb\xbf"


def pair(number: int, **more: Any) -> dict[str, Any]:
    first, second = WORDS[number % 10], WORDS[(number * 7 + 3) % 10]
    source = f"Heat the {first} in a pan, add the {second}, and stir for {number} minutes."
    target = f"Warm {first} with {second}, stirring for {number} minutes in a pan."
    return {"source": source, "target": target, **more}


def lines(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


class Command:
    """Runs commands of the line and gives their document, or what they say of a mistake."""

    def __init__(self, capfd: pytest.CaptureFixture[str], student: Path) -> None:
        self.capfd, self.student = capfd, student

    def __call__(self, *arguments: Any) -> tuple[int, str, str]:
        self.capfd.readouterr()
        code = run([str(one) for one in arguments])
        return (code, *self.capfd.readouterr())

    def document(self, *arguments: Any) -> dict[str, Any]:
        code, out, err = self(*arguments, "--json")
        assert code == 0, err
        found: dict[str, Any] = json.loads(out)
        return found

    def plan(self, data: Path, *more: str) -> dict[str, Any]:
        train = ("train", data, "--student", self.student, "--preset", "embedded")
        return self.document(*train, "--plan", "--steps", "0", *more)

    def refused(self, *arguments: Any) -> list[str]:
        code, out, err = self(*arguments)
        assert (code, out) == (2, ""), err
        return err.splitlines()


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str], toy_t5: Path) -> Command:
    return Command(capfd, toy_t5)


def split_folders(folder: Path) -> dict[str, Path]:
    """Folders of 6 training rows and 3 others, as people name them."""
    layouts = {
        "words": ("train.jsonl", "val.jsonl", "test.jsonl"),
        "hub": ("train-00000-of-00001.jsonl", "val-00000-of-00001.jsonl"),
        "ends": ("recipes_train.jsonl", "recipes_test.jsonl"),
        "dev": ("TRAIN.JSONL", "dev.JSONL"),
        "folders": ("train/part-0.jsonl", "validation/part-0.jsonl", "test/part-0.jsonl"),
        "eval": ("train.jsonl", "eval.jsonl"),
        "own": ("rows.jsonl",),
    }
    for name, (first, *others) in layouts.items():
        rows = [pair(n) for n in range(6)]
        if name == "own":
            rows += [pair(n, split=word) for n, word in enumerate(["test", "dev", "val_matched"])]
        put(folder / name / first, lines(rows))
        for number, other in enumerate(others):
            put(folder / name / other, lines([pair(10 + number * 3 + n) for n in range(3)]))
    return {name: folder / name for name in layouts}


def test_a_held_out_split_is_never_planned_or_trained_on(command: Command, tmp_path: Path) -> None:
    for name, folder in split_folders(tmp_path).items():
        assert command.plan(folder)["pairs"] == 6, name
    for held in ("words/val.jsonl", "ends/recipes_test.jsonl", "folders/test"):
        said = command.refused(
            *("train", tmp_path / held, "--student", command.student, "--preset", "embedded"),
            *("-o", tmp_path / "s"),
        )
        assert "has nothing to train on: by its name it is" in said[0]
        assert said[1].startswith("Hint:  a held-out split is never trained on")
        assert len(said) == 2
    assert not (tmp_path / "s").exists()


def test_a_training_says_which_rows_it_passed_over(command: Command, tmp_path: Path) -> None:
    folder = split_folders(tmp_path)["words"]
    code, out, err = command(
        *("train", folder, "--student", command.student, "--preset", "embedded"),
        *("-o", tmp_path / "s", "--json", "--set", "epochs=1", "--set", "sample_pairs=0"),
        *("--set", "prompt=instruction_first"),
    )
    assert code == 0, err
    assert "not trained on: 3 test rows and 3 validation rows" in err.splitlines()
    data = json.loads(out)["data"]
    assert (data["train"], data["validation"]) == (6, 3)
    assert data["other_splits"] == {"validation": 3, "test": 3}


def test_a_folder_above_the_data_says_nothing(command: Command, tmp_path: Path) -> None:
    rows = lines([pair(n) for n in range(6)])
    for place in ("dev/pairs.jsonl", "test/project/pairs.jsonl", "val/a/train/pairs.jsonl"):
        path = put(tmp_path / "home" / place, rows)
        assert command.plan(path)["pairs"] == 6
        assert command.plan(path.parent)["pairs"] == 6
    put(tmp_path / "corpus/train/pairs.jsonl", rows)
    beside = put(tmp_path / "corpus/dev/pairs.jsonl", rows)
    for held in (beside, beside.parent):
        assert "it is validation (1)" in command.refused("train", held, "-o", tmp_path / "s")[0]


def test_every_command_reads_the_same_rows_of_the_same_files(
    command: Command, tmp_path: Path, toy_critic: Path
) -> None:
    rows = [pair(n) for n in range(4)]
    table = "source,target\n" + "".join(f'"{r["source"]}","{r["target"]}"\n' for r in rows)
    contents = {
        "mark.jsonl": MARK + lines(rows),
        "blank.JSONL": b"\n  \r\n" + lines(rows),
        "a.jsonl.gz": gzip.compress(lines(rows)),
        "a.CSV": MARK + b"\n \n" + table.encode(),
        "b.csv.GZ": gzip.compress(table.encode()),
        "c.tsv": table.replace('","', '"\t"').replace("source,", "source\t").encode(),
        "d.json": json.dumps(rows).encode(),
        "e.csv": table.replace("\n", "\r").encode(),
    }
    for name, content in contents.items():
        path = put(tmp_path / name, content)
        assert command.plan(path)["pairs"] == 4, name
        assert command.document("stats", path)["corpora"][0]["rows"] == 4, name
        judged = ("evaluate", "--data", path, "--task", "paraphrase", "--bertscore", "none")
        assert command.document(*judged, "--baseline", "copy")["examples"] == 4, name
        audit = command.document("audit", "draw", path, "-o", tmp_path / f"audit-{name}", "-n", 4)
        assert (audit["dropped"], len(audit["items"])) == ({}, 2), name
        code, out, err = command("generate", command.student, path, "--task", "paraphrase")
        assert (code, len(out.splitlines())) == (0, 4), err


BAD = [
    (None, "null"),
    (7, "number"),
    (True, "boolean"),
    ({"a": 1}, "object"),
    ("\ud83d", "half_surrogate"),
]


def test_what_is_no_text_is_counted_by_every_command(command: Command, tmp_path: Path) -> None:
    reasons = {reason: 1 for _, reason in BAD}
    rows = [pair(n) for n in range(4)] + [{**pair(5), "target": value} for value, _ in BAD]
    path = put(tmp_path / "a.jsonl", lines(rows))
    assert command.plan(path)["dropped"] == reasons
    assert command.document("stats", path)["corpora"][0]["dropped"] == reasons
    judged = ("evaluate", "--data", path, "--task", "paraphrase", "--bertscore", "none")
    assert command.document(*judged, "--baseline", "copy")["dropped"] == reasons
    audit = command.document("audit", "draw", path, "-o", tmp_path / "audit")
    assert audit["dropped"] == reasons
    assert "1 null (first: line 5, column 'target')" in command("stats", path)[2]
    turned = [{"source": row["target"], "id": n} for n, row in enumerate(rows)]
    path = put(tmp_path / "b.jsonl", lines(turned))
    code, out, err = command("generate", command.student, path, "--task", "paraphrase")
    found = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [row["id"] for row in found] == list(range(9))
    assert [row.get("dropped") for row in found[4:]] == [reason for _, reason in BAD]
    assert [row["output"] for row in found[4:]] == [None] * 5
    assert "rows without an output: 1 null (first: line 5, column 'source')" in err
    empty = [pair(1), {**pair(2), "target": []}, {**pair(3), "target": ["One.", None, "Two."]}]
    unseen = {**pair(4), "target": "\u200b\u00a0"}
    path = put(tmp_path / "lists.jsonl", lines([*empty, unseen]))
    plan = command.plan(path)
    assert (plan["pairs"], plan["dropped"]) == (3, {"empty": 2, "null": 1})
    judged = ("evaluate", "--data", path, "--task", "paraphrase", "--bertscore", "none")
    found = command.document(*judged, "--baseline", "copy")
    assert (found["examples"], found["dropped"]) == (2, {"empty": 2, "null": 1})
    audit = command.document("audit", "draw", path, "-o", tmp_path / "listed", "--known", 0)
    assert audit["dropped"] == {"empty": 2, "null": 1}
    assert len(json.loads((tmp_path / "listed/private/key.json").read_text())["pairs"]) == 3
    assert command.document("task", "check", "paraphrase", path)["dropped"] == audit["dropped"]
    found = command.document("stats", path)["corpora"][0]
    assert (found["rows"], found["dropped"]) == (4, {"empty": 1, "null": 1})
    many = [{**pair(4), "target": ["One.", None, " ", 5, ["x"]]}, {**pair(5), "target": [5, None]}]
    path = put(tmp_path / "many.jsonl", lines([*many, *[pair(n) for n in range(6, 9)]]))
    judged = ("evaluate", "--data", path, "--task", "paraphrase", "--bertscore", "none")
    found = command.document(*judged, "--baseline", "copy")
    kinds = {"null": 1, "empty": 1, "number": 2, "list": 1}
    assert (found["examples"], found["dropped"]) == (4, kinds)


def test_labels_of_examples_are_words(command: Command, toy_critic: Path, tmp_path: Path) -> None:
    good = {"premise": "A man eats soup.", "hypothesis": "A man eats.", "label": "entailment"}
    rows = [good] * 3 + [{**good, "premise": None}, {**good, "label": "-"}]
    rows += [{**good, "hypothesis": " \u200b"}]
    path = put(tmp_path / "nli.jsonl", MARK + lines(rows))
    found = command.document("critic", "evaluate", toy_critic, path)["data"][0]
    assert (found["n"], found["dropped"]) == (3, {"null": 1, "no_label": 1, "empty": 1})
    path = put(tmp_path / "ints.jsonl", lines([good, {**good, "label": 1}]))
    said = command.refused("critic", "evaluate", toy_critic, path)
    assert "line 2, column 'label': 1 is no label" in said[0]
    for name in ("dev.jsonl", "snli_test.jsonl"):
        held = put(tmp_path / name, lines([good]))
        said = command.refused("critic", "train", held, "-o", tmp_path / "critic")
        assert "has nothing to train on" in said[0]
    assert not (tmp_path / "critic").exists()


def test_where_compares_text_with_text_in_every_command(command: Command, tmp_path: Path) -> None:
    rows = [pair(n, lang="no" if n % 2 else "en", id=f"{n:03}", ok=n < 4) for n in range(10)]
    path = put(tmp_path / "a.jsonl", lines(rows))
    judged = ("evaluate", "--data", path, "--task", "paraphrase", "--bertscore", "none")
    for condition, count in (("lang=no", 5), ("id=007", 1), ("ok=true", 4)):
        assert command.plan(path, "--where", condition)["pairs"] == count
        where = ("--where", condition)
        assert command.document("stats", path, *where)["corpora"][0]["rows"] == count
        assert command.document(*judged, "--baseline", "copy", *where)["examples"] == count
    train = ("train", path, "--student", command.student, "--preset", "embedded", "--plan")
    for asked in (("stats", path), (*judged, "--baseline", "copy"), train):
        said = command.refused(*asked, "--where", "id=7")
        assert "has no row with id=7" in said[0]
        assert said[1].startswith("Hint:  id has 000 (1), 001 (1)")


@pytest.mark.parametrize(
    ("name", "content", "message", "hint"),
    [
        ("a.csv", b"source,target\nok,caf\xe9\n", "line 2, column 7, is not UTF-8", "latin-1"),
        ("b.csv", b"source;target\nA, b;c\n", "line 2, has 2 cells", "separated by semicolons"),
        ("c.csv", b"source;target\nA;c\n", "has no column 'source'", "separated by semicolons"),
        ("d.csv", "source,target\n".encode("utf-16"), "is UTF-16 text", "save it as UTF-8"),
        ("e.jsonl", gzip.compress(lines([pair(1)]), mtime=0), "is gzipped", "ends in .gz"),
        ("f.csv", b"PK\x03\x04\x14", "is a ZIP archive or a spreadsheet", "unpack it"),
        ("g.jsonl", b'{"source": "a"}\n', "has no column 'target'; found source", "columns"),
        ("h.csv", b"source,target\n", "it is empty", ""),
        ("i.csv", b'"source";"target"\n"A; b";"c"\n', "line 1, cannot", "separated by semicolons"),
        ("j.csv", "source,target\n".encode("utf-32"), "is UTF-32 text", "save it as UTF-8"),
        ("k.csv", "source\n".encode("utf-16-le"), "column 2, holds a zero byte", "UTF-16"),
        ("l.jsonl.gz", lines([pair(1)]), "is not gzipped", "does not end in .gz"),
        ("m.jsonl", b'{"source": ' + b"[" * 100_000, "too deep in each other", "one JSON object"),
        ("n.jsonl", b'{"source": ' + b"9" * 5_000 + b"}", "too many digits", "one JSON object"),
        ("q.jsonl", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS", "git lfs pull"),
        ("r.parquet", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS", "git lfs pull"),
        ("s.parquet", gzip.compress(b"PAR1", mtime=0), "is gzipped", "ends in .gz"),
        ("t.jsonl", b'{"source": "a", "source": "b"}\n', "line 1, has two columns 'source'", "own"),
        ("u.json", b'[{"source": "a", "source": "b"}]', "has two columns 'source'", "own name"),
        ("v.csv", bz2.compress(lines([pair(1)])), "is packed by bzip2", "gzip"),
        ("w.jsonl", lzma.compress(lines([pair(1)])), "is packed by xz", "gzip"),
        ("x.csv", b"\x28\xb5\x2f\xfd\x24", "is packed by zstd", "gzip"),
        ("y.csv", b"SQLite format 3\x00", "is a database of SQLite", "export the table"),
        ("z.csv", b"<!DOCTYPE html>\n<html>\n", "is a web page", "fetch the file itself"),
        ("a.jsonl", b"PAR1\x15", "is a parquet file", "ends in .parquet"),
        ("b.parquet", b"PAR1\x15\x00", "cannot be read", "damaged"),
        ("o.csv", b" source ,target\nA,b\n", "found ' source ', target", "name the columns"),
    ],
)
def test_what_cannot_be_read_is_refused_in_the_same_words(
    name: str, content: bytes, message: str, hint: str, command: Command, tmp_path: Path
) -> None:
    path = put(tmp_path / name, content)
    judged = ("evaluate", "--data", path, "--task", "paraphrase", "--baseline", "copy")
    for asked in (
        ("train", path, "--student", command.student, "--preset", "embedded", "--plan"),
        ("stats", path),
        (*judged, "--bertscore", "none"),
        ("audit", "draw", path, "-o", tmp_path / "audit"),
    ):
        said = command.refused(*asked)
        assert message in said[0]
        assert name in said[0]
        assert hint in " ".join(said[1:])
        assert len(said) <= 2


def test_a_link_that_leads_nowhere_is_named_by_every_command(
    command: Command, tmp_path: Path
) -> None:
    train = ("--student", command.student, "--preset", "embedded", "-o", tmp_path / "s")
    judged = ("--task", "summary", "--baseline", "copy", "--bertscore", "none")
    put(tmp_path / "half/train-00000-of-00002.jsonl", lines([pair(n) for n in range(6)]))
    for name in ("link", "link.jsonl", "half/train-00001-of-00002.jsonl"):
        (tmp_path / name).symlink_to(tmp_path / "nowhere")
    for name in ("link", "link.jsonl", "half"):
        path = tmp_path / name
        for asked in (
            ("train", path, *train),
            ("stats", path),
            ("evaluate", "--data", path, *judged),
            ("audit", "draw", path, "-o", tmp_path / "audit"),
            ("generate", command.student, path, "--task", "summary"),
            ("critic", "evaluate", "embedded:critic", path),
        ):
            said = command.refused(*asked)
            if name == "half" and asked[0] == "generate":
                continue  # it takes no folder
            assert "a link that leads nowhere" in said[-1], asked
            assert name in " ".join(said), asked
    texts = put(tmp_path / "a.txt", b"One two three.\n")
    code, out, err = command("generate", tmp_path / "link", texts, "--task", "summary")
    assert (code, out) == (1, "")
    assert "a link that leads nowhere" in err
    assert not (tmp_path / "s").exists()


def test_an_output_for_every_row(command: Command, tmp_path: Path) -> None:
    cells = [f'"Heat the oil,\nthen say ""hot"" {n} times."' for n in range(5)]
    path = put(tmp_path / "quoted.csv", ("source\n" + "\n".join(cells) + "\n").encode())
    target = tmp_path / "o.jsonl"
    generate = ("generate", command.student)
    assert command(*generate, path, "--task", "summary", "-o", target)[0] == 0
    written = [json.loads(line) for line in target.read_text().splitlines()]
    assert [row["source"] for row in written] == [
        f'Heat the oil,\nthen say "hot" {n} times.' for n in range(5)
    ]
    path = put(tmp_path / "lines.txt", MARK + b"Heat the oil.\n\n  \nAdd the onions.\n")
    out = command(*generate, path, "--task", "summary")[1].split("\n")
    assert [bool(line) for line in out] == [True, False, False, True, False]
    empty = {"e.txt": b"", "e.jsonl": b"", "e.csv": b"", "m.txt": MARK, "m.csv": MARK}
    for name, content in empty.items():
        target = tmp_path / f"{name}.jsonl"
        assert (
            command(*generate, put(tmp_path / name, content), "--task", "summary", "-o", target)
            == (
                0,
                "",
                command.capfd.readouterr().err,
            )
            or target.read_bytes() == b""
        )
        assert target.read_bytes() == b""


def test_outputs_are_judged_in_any_form(command: Command, tmp_path: Path) -> None:
    rows = [pair(n) for n in range(4)]
    data = put(tmp_path / "a.jsonl", lines(rows))
    texts = [row["target"] for row in rows]
    outputs = {
        "o.txt": "\n".join(texts).encode(),
        "o.jsonl": lines([{"output": text} for text in texts]),
        "o.csv": ("id,output\n" + "".join(f'{n},"{t}"\n' for n, t in enumerate(texts))).encode(),
    }
    for name, content in outputs.items():
        put(tmp_path / name, content)
        found = command.document(
            *("evaluate", "--data", data, "--task", "paraphrase", "--bertscore", "none"),
            *("--outputs", f"mine={tmp_path / name}"),
        )
        assert found["systems"]["mine"]["metrics"]["rougeL"]["value"] == 100, name
    bad = put(tmp_path / "bad.jsonl", lines([{"output": 3}] * 4))
    said = command.refused(
        *("evaluate", "--data", data, "--task", "paraphrase", "--bertscore", "none"),
        *("--outputs", f"mine={bad}"),
    )
    assert "line 1, column 'output', is no text: number" in said[0]
