"""Students and their data on a Hub: revisions, and what a student says of itself."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from dimsum import Student
from tests.builder.hub.conftest import api
from tests.builder.hub.test_clients import fresh
from tests.loophub import LoopHub
from tests.student_toys import toy_pairs, write_jsonl

READ = """
import json, sys
from dimsum import Student
from dimsum.errors import DimsumError
from dimsum.data.dataset import read_rows
old, new = (list(read_rows(name, "train")) for name in ("acme/pairs@first", "acme/pairs"))
student = Student.from_pretrained("acme/student", device="cpu", dtype="float32")
try:
    list(read_rows("acme/nothing", "train"))
except DimsumError as error:
    missing = error.message
print(json.dumps({
    "old": len(old), "new": len(new), "columns": list(new[0]),
    "validation": len(list(read_rows("acme/pairs", "validation"))),
    "trained": student.spec.trained, "missing": missing,
    "text": student.paraphrase("The dog sleeps."),
}))
"""


def test_data_at_a_revision_and_a_student_with_its_codes(
    hub: LoopHub, toy_t5: Path, tmp_path: Path
) -> None:
    client = api(hub)
    client.create_repo("acme/pairs", repo_type="dataset")
    for count in (5, 9):
        folder = tmp_path / f"pairs-{count}"
        folder.mkdir()
        write_jsonl(folder / "train.jsonl", toy_pairs(count))
        client.upload_folder(repo_id="acme/pairs", repo_type="dataset", folder_path=folder)
        if count == 5:
            client.create_tag("acme/pairs", repo_type="dataset", tag="first")
    student = Student.from_pretrained(toy_t5, device="cpu", dtype="float32")
    student.spec.trained = {"paraphrase": 4}
    student.save(tmp_path / "student")
    client.create_repo("acme/student")
    client.upload_folder(repo_id="acme/student", folder_path=tmp_path / "student")
    done = fresh(hub, tmp_path / "home", [sys.executable, "-c", READ])
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert (found["old"], found["new"], found["validation"]) == (5, 9, 0)
    assert found["columns"] == ["source", "target", "task"]
    assert found["trained"] == {"paraphrase": 4}
    assert found["text"] == student.paraphrase("The dog sleeps.")
    assert "the dataset acme/nothing could not be loaded" in found["missing"]
