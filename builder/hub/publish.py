"""A release onto the Hub, so that its readers see the old one whole or the new one whole.

A release that fits one commit is one commit, with the deletions of what is stale and with the
parent it was compared with. A larger one is built in a draft pull request, verified there, and
merged. Either way every step is done or found done, so the same command goes on after any failure,
and a second run of it changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, HfApi, get_token
from huggingface_hub.errors import LocalTokenNotFoundError

from builder.errors import BuilderError, ConfigError, GateError
from builder.hub.errors import MovedError, explain_errors
from builder.hub.local import Kind, Release, prepare
from builder.hub.plan import COMMIT_LIMIT, Plan, compare_cards, plan
from builder.hub.remote import Remote
from builder.hub.retry import Retry
from builder.hub.state import State, StateFile
from builder.hub.verify import check_tree
from cards.findings import Finding

Report = Callable[[str], None]


@dataclass(frozen=True)
class Published:
    """What is on the Hub now.

    Attributes:
        repo_id: NS/NAME.
        kind: dataset or model.
        url: of its page, or of the pull request that waits there.
        revision: branch it is on.
        commit: that readers see; None while a pull request waits.
        tag: on that commit.
        digest: one SHA-256 of the release.
        files: of the release.
        new: whether anything changed on the Hub.
        pull_request: that carried it.
    """

    repo_id: str
    kind: Kind
    url: str
    revision: str
    commit: str | None
    tag: str | None
    digest: str
    files: int
    new: bool
    pull_request: int | None

    def as_json(self) -> dict[str, Any]:
        """For a program to read."""
        return asdict(self)


@dataclass(frozen=True)
class Preview:
    """What a publish would do.

    Attributes:
        plan: of it.
        card: the change of the card, as a unified diff.
        findings: of the lint, as lines.
        new: whether the repository is to be made.
        refused: why it would not be done, as far as that can be known before; else None.
    """

    plan: Plan
    card: str
    findings: tuple[str, ...]
    new: bool
    refused: BuilderError | None

    def as_json(self) -> dict[str, Any]:
        """For a program to read."""
        more = {"card": self.card, "findings": list(self.findings), "new_repository": self.new}
        why = self.refused.message if self.refused else None
        return {**self.plan.as_json(), **more, "refused": why}


_NO_REF = re.compile(r"[\s~^:?*\[\\\x00-\x1f\x7f]|\.\.|@\{|//|/\.|^[/.@-]|[/.]$|\.lock(/|$)")
"""What the name of no branch or tag has in it, by git-check-ref-format; nor may it begin with @,
which the addresses here end a name with."""


def check_name(what: str, name: str) -> None:
    """Refuse a name that a branch or a tag cannot have.

    Raises:
        ConfigError: it is such a name.
    """
    if not name or _NO_REF.search(name):
        raise ConfigError(
            f"{name!r} cannot name a {what}", hint="such as v1.0.0: letters, digits, dots, dashes"
        )


class Publisher:
    """One release and one repository.

    Args:
        folder: of the release.
        repo_id: NS/NAME.
        revision: branch to publish to.
        private: whether the repository is to be private; None: as it is, and as the namespace
            makes new ones if it is new.
        tag: to put on the release.
        create_pr: stop at a verified pull request, and let somebody else merge it.
        companion: NS/NAME[@REVISION] of its student or dataset, which the card is to name.
        api: the client, if not a new one with the login's token.
        retry: how to try again.
        report: called with a line at each step.
        limit: operations of one commit.
        anonymous: only `preview` will be asked for, which needs no login where all can be seen.

    Raises:
        BuilderError: not logged in, or what `prepare` raises.
    """

    def __init__(
        self,
        folder: Path,
        repo_id: str,
        *,
        revision: str = "main",
        private: bool | None = None,
        tag: str | None = None,
        create_pr: bool = False,
        companion: str | None = None,
        api: HfApi | None = None,
        retry: Retry | None = None,
        report: Report = lambda _: None,
        limit: int = COMMIT_LIMIT,
        anonymous: bool = False,
    ) -> None:
        if create_pr and revision != "main":
            raise ConfigError(
                "a pull request goes to main", hint="leave out --revision or --create-pr"
            )
        if create_pr and tag:
            raise ConfigError(
                "a pull request has no commit to tag yet",
                hint="merge it, then run the command with --tag and without --create-pr",
            )
        check_name("branch", revision)
        if tag is not None:
            check_name("tag", tag)
        self.folder, self.repo_id, self.revision = folder, repo_id, revision
        self.private, self.tag, self.create_pr = private, tag, create_pr
        self.api, self.retry = api or HfApi(), retry or Retry(report=report)
        self.report, self.limit = report, limit
        with self._explain():
            if not (anonymous or self.api.token or get_token()):
                raise LocalTokenNotFoundError
            self.release: Release = prepare(folder, repo_id, report, companion, tag)
            self.remote = Remote(self.api, repo_id, self.release.kind, self.retry)

    def _explain(self) -> Any:
        return explain_errors(self.repo_id, self.api.token)

    # ------------------------------------------------------------------------------ looking

    def preview(self) -> Preview:
        """What `run` would do; changes nothing, here or there."""
        with self._explain():
            private = self.remote.private()
            exists = private is not None
            made = self._plan(exists)
            card = compare_cards(self.release, self.remote, made)
            found = self.release.lint()
            try:
                self._refuse_errors(found)
                self._refuse_visibility(private)
                if exists:
                    self._check_tag()
                refused = None
            except BuilderError as error:
                refused = error
        findings = tuple(
            f"{finding.level}: {finding.where}: {finding.message} ({finding.rule})"
            for finding in found
        )
        return Preview(made, card, findings, not exists, refused)

    def _plan(self, exists: bool = True) -> Plan:
        base = self.remote.head(self.revision) if exists else None
        if base is None and exists and self.revision != "main":
            base = self.remote.head("main")
        through = True if self.create_pr else None if self.revision == "main" else False
        tree = self.remote.tree(base) if base else {}
        return plan(self.release, base, tree, pull_request=through, limit=self.limit)

    # -------------------------------------------------------------------------------- doing

    def run(self) -> Published:
        """Publishes; the steps in order, each done or found done.

        Raises:
            GateError: the lint found an error.
            MovedError: somebody else committed in between.
            BuilderError: what the Hub said no to, in one line.
        """
        self.release.write()
        self.file = StateFile(
            self.folder,
            State(
                endpoint=self.api.endpoint,
                repo_id=self.repo_id,
                revision=self.revision,
                digest=self.release.digest,
            ),
        )
        self._lint()
        with self._explain():
            self._repository()
            made = self._plan()
            if made.empty:
                self.report("the Hub has this release as it is")
                commit, number = made.base, self._find_pull_request()
            elif made.pull_request:
                number, commit = self._through_pull_request(made)
            else:
                number, commit = None, self._in_one_commit(made)
            if commit is not None:
                self._check(commit)
                self._tag(commit)
        waiting = f"{self.remote.url}/discussions/{number}"
        return Published(
            self.repo_id,
            self.release.kind,
            self.remote.url if commit else waiting,
            self.revision,
            commit,
            self.tag,
            self.release.digest,
            len(self.release.files),
            not made.empty,
            number,
        )

    def _lint(self) -> None:
        findings = self.release.lint()
        for finding in findings:
            self.report(f"{finding.level}: {finding.where}: {finding.message}")
        self._refuse_errors(findings)
        self._step("linted")

    def _refuse_errors(self, findings: Sequence[Finding]) -> None:
        errors = [finding for finding in findings if finding.level == "error"]
        if errors:
            first = f"{errors[0].where}: {errors[0].message}"
            more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
            raise GateError(
                f"the release is not fit to be published: {first}{more}",
                hint=f"`dimsum card lint {self.folder}` lists all; make the release again",
            )

    def _repository(self) -> None:
        private = self.remote.private()
        if private is None:
            self.remote.create(self.private)
        self._refuse_visibility(private)
        if self.revision != "main" and self.remote.head(self.revision) is None:
            self.remote.create_branch(self.revision)
        self._check_tag()
        self._step("repository")

    def _refuse_visibility(self, private: bool | None) -> None:
        """Refuse to publish into a repository that is not as private as was asked for."""
        if None not in (private, self.private) and private != self.private:
            is_now, asked = ("private", "public") if private else ("public", "private")
            raise BuilderError(
                f"{self.repo_id} is {is_now}, not {asked}",
                hint="change that in its settings on the Hub; publishing never does",
            )

    def _check_tag(self) -> None:
        """An existing tag is found out before anything is uploaded."""
        at = self.remote.refs().tags.get(self.tag) if self.tag else None
        if at is None:
            return
        made = plan(self.release, at, self.remote.tree(at))
        if not made.empty:
            raise BuilderError(
                f"{self.repo_id} has a tag {self.tag} already, on another release",
                hint="choose another tag: readers rely on the old one staying where it is",
            )

    def _in_one_commit(self, made: Plan) -> str:
        assert made.base is not None  # the repository was made above
        self.remote.upload(made.additions(), self.revision)
        self._step("uploaded")
        commit = self.remote.commit(
            made.operations(), self.revision, made.base, self._title, self._mark
        )
        self._step("visible", commit=commit)
        return commit

    # ------------------------------------------------------------------- the larger release

    def _find_pull_request(self) -> int | None:
        return self.file.state.pull_request

    def _through_pull_request(self, made: Plan) -> tuple[int, str | None]:
        assert made.base is not None  # the repository was made above
        number = self._pull_request(made.base)
        ref = f"refs/pr/{number}"
        at = self._fill(ref)
        self._step("uploaded")
        check_tree(self.release, self.remote.tree(at), self.repo_id)
        self._step("verified")
        if self.create_pr:
            self.remote.set_status(number, "open")
            return number, None
        # The Hub merges onto whatever main is by then, so it must still be what it was.
        if self.remote.head("main") != made.base:
            raise MovedError("main")
        self.remote.set_status(number, "open")
        self.remote.merge(number)
        commit = self._await_merge(made.base)
        self._step("visible", commit=commit)
        return number, commit

    def _await_merge(self, base: str) -> str | None:
        """The head of main once the merge is there; the Hub may be a moment late."""
        for _ in range(self.retry.attempts):
            commit = self.remote.head("main")
            if commit != base:
                break
            self.retry.sleep(self.retry.first)
        return commit

    def _pull_request(self, base: str) -> int:
        """A pull request of this release on `base`; one on an older base is closed."""
        title = f"{self._title} [{self.release.digest[:16]}]"
        self._close_stale(title)
        for _ in range(2):
            number = self.remote.pull_request(title, self._mark)
            if base in [name for name, _ in self.remote.history(f"refs/pr/{number}")]:
                self._step("repository", pull_request=number)
                return number
            self.remote.set_status(number, "closed")
        raise MovedError("main")

    def _close_stale(self, title: str) -> None:
        """Closes the pull request that carried what this folder held before."""
        number = self._find_pull_request()
        stale = self.remote.details(number) if number is not None else None
        if number and stale and stale.title != title and stale.status in ("draft", "open"):
            self.remote.set_status(number, "closed")

    def _fill(self, ref: str) -> str:
        """Commits what the pull request lacks, in as many commits as it takes."""
        while True:
            at = self.remote.head(ref)
            assert at is not None  # it was found or made above
            rest = plan(self.release, at, self.remote.tree(at), limit=self.limit)
            if rest.empty:
                return at
            operations = rest.operations()[: self.limit]
            additions = [op for op in operations if isinstance(op, CommitOperationAdd)]
            self.remote.upload(additions, ref)
            self.remote.commit(operations, ref, at, self._title, self._mark)
            self.report(f"{len(rest.operations()) - len(operations)} files to go")

    # -------------------------------------------------------------------------- the last steps

    def _check(self, commit: str) -> None:
        check_tree(self.release, self.remote.tree(commit), self.repo_id)
        self._step("visible", "verified", commit=commit)

    def _tag(self, commit: str) -> None:
        if not self.tag:
            return
        # A tag that is there was found to be on these very bytes before anything was done.
        if self.tag not in self.remote.refs().tags:
            self.remote.tag(self.tag, commit)
        self._step("tagged", tag=self.tag)

    @property
    def _title(self) -> str:
        return f"Release {self.release.version}" if self.release.version else "Release"

    @property
    def _mark(self) -> str:
        return f"sha256 of the release: {self.release.digest}"

    def _step(self, *steps: Any, **facts: Any) -> None:
        for step in steps:
            if step not in self.file.state.steps:
                self.report(step)
        self.file.done(*steps, **facts)


def publish(folder: Path | str, repo_id: str, **options: Any) -> Published:
    """Publishes a released folder; the arguments are those of `Publisher`."""
    return Publisher(Path(folder), repo_id, **options).run()
