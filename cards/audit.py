"""What a card may say of an audit: what readers found in these very rows."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cards.rows import Count, Fact, Name, Sha256, Share


class AuditShare(Fact):
    """The share of pairs with a yes, and its 95% interval; None where none was judged."""

    value: Share | None
    low: Share
    high: Share


class AuditGroup(Fact):
    """Some of the released rows.

    Attributes:
        by: what they have in common; `released` for all of them.
        name: of the task or the control code.
        rows: that there are, as estimated where the sample was not drawn by them.
        read: of them.
        shares: question -> yes by every reader.
    """

    by: Literal["released", "task", "control"]
    name: str
    rows: Count
    read: Count
    shares: dict[Name, AuditShare]


class AuditAgreement(Fact):
    """Krippendorff's alpha (nominal) of a question; None where there was one answer only."""

    question: Name
    value: float | None
    low: float | None = None
    high: float | None = None


class AuditFacts(Fact):
    """An audit of a release.

    Attributes:
        audit: its name.
        rows: digest of the ids of the released rows that it is of.
        read: released pairs that every reader judged.
        intervals: how they were computed.
    """

    audit: Name
    rows: Sha256
    readers: Annotated[int, Field(ge=1)]
    read: Count
    groups: Annotated[tuple[AuditGroup, ...], Field(min_length=1)]
    agreement: tuple[AuditAgreement, ...]
    intervals: str
