"""The licence of what was made, computed from the licences of what went in.

The rule is the cautious one: the result asks at least what each input asks. Where two inputs ask
for what cannot both be had, or one is unknown, the answer is `other` and says why; it is never
a guess, and it is no legal advice.
"""

from __future__ import annotations

from collections.abc import Sequence

from cards.facts import DatasetFacts, Fact, ModelFacts
from cards.hub_values import LICENCES

#: From the one that asks nothing to the one that asks most: notices, no endorsement, patents.
_PERMISSIVE = (
    "cc0-1.0",
    "pddl",
    "unlicense",
    "wtfpl",
    "zlib",
    "cdla-permissive-2.0",
    "isc",
    "mit",
    "postgresql",
    "ncsa",
    "bsd",
    "bsd-2-clause",
    "bsd-3-clause",
    "apache-2.0",
)
_ATTRIBUTION = ("odc-by", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0")
_NON_COMMERCIAL = ("cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0")
#: Within a family, what is under an older version may be shared under the newest named.
_SHARE_ALIKE: tuple[tuple[str, ...], ...] = (
    ("cc-by-sa-3.0", "cc-by-sa-4.0"),
    ("cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0"),
    ("gpl-3.0",),
    ("agpl-3.0",),
    ("odbl",),
    ("cdla-sharing-1.0",),
)
_NO_DERIVATIVES = frozenset({"cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0"})
_UNNAMED = frozenset({"unknown", "other", "cc", ""})


class LicenceInput(Fact):
    """One thing that went in, and the licence it came under (None: nobody knows)."""

    what: str
    licence: str | None


class Licence(Fact):
    """A computed licence.

    Attributes:
        id: the Hub's identifier.
        reason: in a sentence.
        warnings: to be shown beside it; not empty when `id` is `other`.
    """

    id: str
    reason: str
    warnings: tuple[str, ...] = ()


def list_inputs(facts: DatasetFacts | ModelFacts) -> tuple[LicenceInput, ...]:
    """All that went into a dataset or a model, in the order of the facts."""
    named: list[LicenceInput] = []
    if isinstance(facts, ModelFacts):
        named.append(_make_model_input(facts.base.role, facts.base.reference, facts.base.licence))
        dataset = facts.dataset
        named.append(LicenceInput(what=f"dataset {dataset.title}", licence=dataset.licence))
    named += [_make_model_input(m.role, m.reference, m.licence) for m in facts.models]
    named += [LicenceInput(what=f"{t.name} ({t.use})", licence=t.licence) for t in facts.texts]
    return tuple(dict.fromkeys(named))


def _make_model_input(role: str, reference: str, licence: str | None) -> LicenceInput:
    return LicenceInput(what=f"{role} {reference}", licence=licence)


def find_licence(inputs: Sequence[LicenceInput]) -> Licence:
    """Computes the licence of a work from those of its inputs.

    Args:
        inputs: all that went in; with none, nothing is known and the answer is `other`.

    Returns:
        The most demanding of the inputs' licences where one meets them all, else `other`.
    """
    if not inputs:
        return _make_other("nothing is recorded of what went in")
    unknown = [i.what for i in inputs if (i.licence or "").lower() in _UNNAMED]
    if unknown:
        return _make_other(f"the licence of {_list(unknown)} is not known")
    strange = [f"{i.what} ({i.licence})" for i in inputs if (i.licence or "") not in LICENCES]
    if strange:
        return _make_other(f"no licence of the Hub is named by {_list(strange)}")
    by_id: dict[str, list[str]] = {}
    for item in inputs:
        by_id.setdefault(item.licence or "", []).append(item.what)
    return _combine(by_id)


def _combine(by_id: dict[str, list[str]]) -> Licence:
    ids = set(by_id)
    sealed = ids & _NO_DERIVATIVES
    if sealed:
        whats = [what for i in sorted(sealed) for what in by_id[i]]
        return _make_other(f"{_list(whats)} may not be built upon ({_list(sorted(sealed))})")
    free, named = set(_PERMISSIVE), set(_ATTRIBUTION)
    families = {family for family in _SHARE_ALIKE if ids & set(family)}
    shared = {i for family in families for i in family}
    bound = ids - free - named - set(_NON_COMMERCIAL) - shared
    if bound:
        whats = [f"{what} ({i})" for i in sorted(bound) for what in by_id[i]]
        return _make_other(f"{_list(whats)} has terms of its own that reach what is made with it")
    non_commercial = ids & set(_NON_COMMERCIAL)
    if families:
        return _combine_share_alike(families, non_commercial, by_id)
    for ladder in (_NON_COMMERCIAL, _ATTRIBUTION, _PERMISSIVE):
        present = [i for i in ladder if i in ids]
        if present:
            return _find(present[-1], by_id)
    raise AssertionError(f"no rule for {sorted(ids)}")


def _combine_share_alike(
    families: set[tuple[str, ...]], non_commercial: set[str], by_id: dict[str, list[str]]
) -> Licence:
    """Share-alike: the result must be under that licence, so there can be only one of them."""
    if len(families) > 1:
        clash = sorted(i for family in families for i in family if i in by_id)
        return _make_other(f"{_list(clash)} each ask that the result be under them alone")
    (family,) = families
    newest = [i for i in family if i in by_id][-1]
    if non_commercial and not newest.startswith("cc-by-nc-sa"):
        return _make_other(
            f"{_list(sorted(non_commercial))} forbids the commercial use that {newest} grants"
        )
    return _find(newest, by_id)


def _find(licence: str, by_id: dict[str, list[str]]) -> Licence:
    others = sorted(set(by_id) - {licence})
    reason = f"asked for by {_list(by_id[licence])}"
    if others:
        reason += f"; compatible with {_list(others)} of the other inputs"
    return Licence(id=licence, reason=reason)


def _make_other(why: str) -> Licence:
    return Licence(
        id="other",
        reason=why,
        warnings=(f"No licence could be computed: {why}. Ask before you use or share this.",),
    )


def _list(items: Sequence[str]) -> str:
    if len(items) == 1:
        return items[0]
    return ", ".join(items[:-1]) + " and " + items[-1]
