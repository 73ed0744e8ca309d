"""Publishing as it should go: once, whole, and nothing the second time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from huggingface_hub import constants

from builder.cli import run
from builder.errors import BuilderError, ConfigError, GateError
from builder.hub.errors import MovedError
from builder.hub.local import name_companion
from builder.hub.manifest import MANIFEST, list_release_files, write_manifest
from builder.hub.plan import COMMIT_LIMIT
from builder.hub.verify import verify
from cards.facts import ModelFacts
from cards.render import render_card
from dimsum.files import hash_file
from tests.builder.hub.conftest import FAST, REPO, TOKEN, api, publish, publisher
from tests.builder.hub.releases import ROWS, make_dataset
from tests.cards.examples import model_facts
from tests.loophub import LoopHub

both_ways = pytest.mark.usefixtures("way")


@pytest.fixture(autouse=True)
def by_lfs(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Plain LFS, where a test does not go both ways."""
    if "way" not in request.fixturenames:
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)


def on_disk(folder: Path) -> dict[str, str]:
    return {name: hash_file(path) for name, path in list_release_files(folder).items()}


def on_hub(hub: LoopHub, **where: str) -> dict[str, str]:
    tree = hub.tree(REPO, **where)
    del tree[".gitattributes"]
    return tree


def commits(hub: LoopHub) -> int:
    """Commits on main but the one that the repository begins with."""
    return len(hub.repo(REPO).history("main")) - 1


@both_ways
def test_one_commit_with_the_bytes_of_the_folder(hub: LoopHub, folder: Path) -> None:
    result = publish(hub, folder, tag="v1.0.0")
    assert on_hub(hub) == on_disk(folder) == on_hub(hub, revision="v1.0.0")
    assert commits(hub) == 1
    assert result.new
    assert result.commit == hub.repo(REPO).refs["refs/tags/v1.0.0"]
    state = json.loads(next(folder.parent.glob("dimsum_plus.publish/*.json")).read_text())
    assert set(state["steps"]) == {
        "linted", "repository", "uploaded", "verified", "visible", "tagged"
    }  # fmt: skip
    assert TOKEN not in json.dumps(state)


@both_ways
def test_the_second_time_nothing_is_done(hub: LoopHub, folder: Path) -> None:
    first = publish(hub, folder, tag="v1.0.0")
    hub.reset()
    again = publish(hub, folder, tag="v1.0.0")
    assert (again.new, again.commit, again.digest) == (False, first.commit, first.digest)
    assert commits(hub) == 1
    assert {entry.method for entry in hub.log} == {"GET"}


@both_ways
def test_what_is_stale_goes_in_the_same_commit(hub: LoopHub, folder: Path) -> None:
    publish(hub, folder)
    fewer = {key: 5 for key in ROWS if key[0] == "summary"} | {("paraphrase", "train"): 2}
    make_dataset(folder, fewer, word="second")
    publish(hub, folder, tag="v2")
    assert on_hub(hub) == on_disk(folder)
    assert commits(hub) == 2


@both_ways
def test_a_large_release_goes_through_a_pull_request(hub: LoopHub, folder: Path) -> None:
    make_dataset(folder)
    result = publish(hub, folder, limit=3, tag="v1")
    assert result.pull_request == 1
    assert hub.repo(REPO).pulls[1].status == "merged"
    assert on_hub(hub) == on_disk(folder) == on_hub(hub, revision="v1")
    assert commits(hub) == 1
    assert len(hub.repo(REPO).history("refs/pr/1")) > 3
    assert not publish(hub, folder, limit=3, tag="v1").new


def test_more_files_than_one_commit_holds(hub: LoopHub, folder: Path) -> None:
    for number in range(COMMIT_LIMIT):
        (folder / f"provenance/note-{number:03}.md").write_text(f"{number}\n")
    write_manifest(folder)
    preview = publisher(hub, folder).preview()
    assert (preview.plan.pull_request, preview.plan.commits) == (True, 2)
    assert publish(hub, folder).pull_request == 1
    assert on_hub(hub) == on_disk(folder)
    assert commits(hub) == 1


def test_each_card_names_the_other(hub: LoopHub, folder: Path, tmp_path: Path) -> None:
    publish(hub, folder, companion="acme/rewriter@v2")
    for _ in range(2):
        card = hub.blob(hub.tree(REPO)["README.md"]).read_text()
        assert "[DimSum+ student, small](https://huggingface.co/acme/rewriter)" in card
        assert not publish(hub, folder).new
    for wrong in ("no address", "a/b/c", "acme/"):
        with pytest.raises(ConfigError, match="is no address on the Hub"):
            publisher(hub, folder, companion=wrong)

    student = name_companion(model_facts(), "alice/pairs@v3")
    assert isinstance(student, ModelFacts)
    assert (student.dataset.repo_id, student.dataset.revision) == ("alice/pairs", "v3")
    assert {(row.data_id, row.revision) for row in student.results} == {("alice/pairs", "v3")}
    assert "https://huggingface.co/datasets/alice/pairs" in render_card(student)


def test_a_pull_request_left_for_somebody_else(hub: LoopHub, folder: Path) -> None:
    result = publish(hub, folder, create_pr=True)
    assert result.commit is None
    assert result.url.endswith("/discussions/1")
    assert commits(hub) == 0
    assert on_hub(hub, revision="refs/pr/1") == on_disk(folder)
    assert publish(hub, folder, create_pr=True).pull_request == 1
    assert len(hub.repo(REPO).pulls) == 1
    assert publish(hub, folder, limit=3).pull_request == 1
    assert commits(hub) == 1


def test_another_branch(hub: LoopHub, folder: Path) -> None:
    publish(hub, folder)
    make_dataset(folder, word="second")
    publish(hub, folder, revision="next", limit=2)
    assert commits(hub) == 1
    assert on_hub(hub, revision="next") == on_disk(folder) != on_hub(hub)


def test_a_pull_request_of_an_older_folder_is_closed(hub: LoopHub, folder: Path) -> None:
    publish(hub, folder, create_pr=True)
    make_dataset(folder, word="second")
    assert publish(hub, folder, create_pr=True).pull_request == 2
    assert [pull.status for pull in hub.repo(REPO).pulls.values()] == ["closed", "open"]


def test_a_pull_request_on_an_older_main_is_closed(hub: LoopHub, folder: Path) -> None:
    publish(hub, folder, create_pr=True)
    elsewhere = make_dataset(folder.parent / "elsewhere" / "dimsum_plus", word="other")
    publish(hub, elsewhere)
    assert publish(hub, folder, limit=3).pull_request == 2
    assert hub.repo(REPO).pulls[1].status == "closed"
    assert on_hub(hub) == on_disk(folder)


def test_a_private_repository(hub: LoopHub, folder: Path) -> None:
    publish(hub, folder, private=True)
    assert hub.repo(REPO).private
    assert not publish(hub, folder).new
    with pytest.raises(BuilderError, match="is private, not public"):
        publish(hub, folder, private=False)


def test_a_dry_run_does_nothing(hub: LoopHub, folder: Path) -> None:
    before = on_disk(folder)
    preview = publisher(hub, folder).preview()
    assert (preview.plan.commits, preview.new) == (1, True)
    assert len(preview.plan.added) == len(on_disk(folder))
    assert 'load_dataset("acme/dimsum_plus")' in preview.card
    assert not hub.repos
    assert on_disk(folder) == before
    assert not (folder.parent / "dimsum_plus.publish").exists()

    publish(hub, folder)
    make_dataset(folder, {("summary", "train"): 7}, word="second", version="2.0.0")
    preview = publisher(hub, folder, limit=4).preview()
    assert preview.plan.pull_request
    assert "data/paraphrase/train-00000-of-00001.parquet" in preview.plan.deleted
    assert "-Version `1.0.0`." in preview.card.replace(" Its", "\n Its")
    assert {entry.method for entry in hub.log[-3:]} <= {"GET", "HEAD"}


def test_a_dry_run_needs_no_login(
    hub: LoopHub, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", hub.endpoint)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(folder.parent / "no-token"))
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    assert run(["publish", str(folder), REPO, "--dry-run", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["new_repository"] is True
    assert hub.log and not any(entry.token for entry in hub.log)
    assert run(["publish", str(folder), REPO, "--yes"]) == 1
    assert "hf auth login" in capfd.readouterr().err
    assert not hub.repos
    make_dataset(folder, title="[More Information Needed]", tags=("",))
    assert run(["publish", str(folder), REPO, "--dry-run", "--json"]) == 3
    out, err = capfd.readouterr()
    assert json.loads(out)["refused"] in err
    assert any(line.startswith("error: README.md") for line in json.loads(out)["findings"])


def test_a_dry_run_refuses_what_the_publish_would_refuse(hub: LoopHub, folder: Path) -> None:
    publish(hub, folder, tag="v1.0.0")
    same = publisher(hub, folder, tag="v1.0.0", private=False).preview()
    assert same.refused is None and same.plan.empty
    card = folder / "README.md"
    mark = "<!-- written by hand: start -->\n"
    card.write_text(card.read_text().replace(mark, mark + "\n## Errata\n\nNone yet.\n\n"))
    assert publisher(hub, folder).preview().refused is None
    make_dataset(folder, word="second")
    for options, why in (
        ({"tag": "v1.0.0"}, "has a tag v1.0.0 already"),
        ({"private": True}, "is public, not private"),
    ):
        refused = publisher(hub, folder, **options).preview().refused
        with pytest.raises(BuilderError) as raised:
            publish(hub, folder, **options)
        assert refused is not None
        assert refused.message == raised.value.message
        assert why in refused.message


def test_the_version_of_a_release_is_that_of_its_tag(hub: LoopHub, folder: Path) -> None:
    publish(hub, folder, tag="v2.3.0")
    tree = on_hub(hub)
    facts = json.loads(hub.blob(tree["provenance/facts.json"]).read_text())
    assert facts["version"] == "2.3.0"
    assert "Version `2.3.0`." in hub.blob(tree["README.md"]).read_text()
    assert "2.3.0" in (folder / "README.md").read_text()


def test_text_written_by_hand_is_published(hub: LoopHub, folder: Path) -> None:
    card = folder / "README.md"
    mark = "<!-- written by hand: start -->\n"
    card.write_text(card.read_text().replace(mark, mark + "\n## Errata\n\nNone yet.\n\n"))
    publish(hub, folder)
    published = hub.blob(hub.tree(REPO)["README.md"]).read_text()
    assert "## Errata" in published
    assert 'load_dataset("acme/dimsum_plus")' in published


def test_a_changed_file_is_not_published(hub: LoopHub, folder: Path) -> None:
    (folder / "provenance/funnel.json").write_text("{}\n")
    with pytest.raises(GateError, match=r"funnel\.json was changed since"):
        publish(hub, folder)
    assert not hub.repos


def test_a_release_with_errors_is_not_published(hub: LoopHub, folder: Path) -> None:
    make_dataset(folder, title="[More Information Needed]", tags=("",))
    with pytest.raises(GateError, match="not fit to be published"):
        publish(hub, folder)
    assert not hub.repos


@both_ways
def test_two_publishers_at_once(hub: LoopHub, folder: Path) -> None:
    """The other one commits between this one's look at main and its commit."""
    publish(hub, folder)
    mine = make_dataset(folder.parent / "mine" / "dimsum_plus", word="mine")
    theirs = make_dataset(folder.parent / "theirs" / "dimsum_plus", word="theirs")
    other = publisher(hub, theirs)
    hub.fault(r"/commit/main", call=other.run)
    with pytest.raises(MovedError) as caught:
        publish(hub, mine)
    assert "main moved" in caught.value.message
    assert on_hub(hub) == on_disk(theirs)
    publish(hub, mine)
    assert on_hub(hub) == on_disk(mine)
    assert commits(hub) == 3


def test_two_publishers_of_the_same_release(hub: LoopHub, folder: Path) -> None:
    other = publisher(hub, folder)
    hub.fault(r"/commit/main", call=other.run)
    publish(hub, folder)
    assert commits(hub) == 1


def test_somebody_commits_while_the_pull_request_is_filled(hub: LoopHub, folder: Path) -> None:
    publish(hub, folder)
    mine = make_dataset(folder.parent / "mine" / "dimsum_plus", word="mine")
    theirs = make_dataset(folder.parent / "theirs" / "dimsum_plus", word="theirs")
    other = publisher(hub, theirs)
    hub.fault(r"/commit/refs%2Fpr%2F1", call=other.run)
    with pytest.raises(MovedError):
        publish(hub, mine, limit=3)
    assert on_hub(hub) == on_disk(theirs)
    publish(hub, mine, limit=3)
    assert on_hub(hub) == on_disk(mine)


def test_an_existing_tag_is_found_before_anything_is_sent(hub: LoopHub, folder: Path) -> None:
    publish(hub, folder, tag="v1")
    make_dataset(folder, word="second")
    hub.reset()
    with pytest.raises(BuilderError, match="has a tag v1 already"):
        publish(hub, folder, tag="v1")
    assert {entry.method for entry in hub.log} == {"GET"}


def test_options_that_exclude_each_other(hub: LoopHub, folder: Path) -> None:
    with pytest.raises(ConfigError):
        publisher(hub, folder, create_pr=True, tag="v1")
    with pytest.raises(ConfigError):
        publisher(hub, folder, create_pr=True, revision="next")


@both_ways
def test_verify_downloads_no_large_file(hub: LoopHub, folder: Path) -> None:
    publish(hub, folder, tag="v1")
    hub.reset()
    result = verify(REPO, "v1", api=api(hub), retry=FAST)
    assert result.ok
    assert result.files == len(on_disk(folder)) - 1
    assert not any(entry.side == "store" for entry in hub.log)
    result = verify(REPO, folder=folder, api=api(hub), retry=FAST)
    assert result.ok
    assert result.downloaded == 0


def test_verify_finds_what_differs(hub: LoopHub, folder: Path) -> None:
    publish(hub, folder)
    client = api(hub)
    for path, content in (("provenance/funnel.json", b"{}"), ("extra.txt", b"x")):
        client.upload_file(
            path_or_fileobj=content, path_in_repo=path, repo_id=REPO, repo_type="dataset"
        )
    client.delete_file("data/summary/test-00000-of-00001.parquet", REPO, repo_type="dataset")
    for result in (
        verify(REPO, api=client, retry=FAST),
        verify(REPO, folder=folder, api=client, retry=FAST),
    ):
        assert not result.ok
        assert result.missing == ["data/summary/test-00000-of-00001.parquet"]
        assert result.different == ["provenance/funnel.json"]
        assert result.unlisted == ["extra.txt"]
    assert MANIFEST in hub.tree(REPO)
