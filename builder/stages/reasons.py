"""Every reason for which a stage rejects a row, in words; show, report and card read them here.

A reason is the name of a measure whose bound was broken, or one of `REASONS`; after the decisions
the task stands before it, as in `summary.near_duplicate`.
"""

from __future__ import annotations

from collections.abc import Mapping

REASONS = {
    "after_a_dropped_sentence": "an earlier sentence of the continuation was dropped",
    "context_too_long": "the sentences before it are longer than a context may be",
    "enough_of_its_context": "earlier sentences of its context are enough for the round",
    "entailment_below_floor": "the direction scored first stayed below the floor",
    "forbidden": "it holds a text that the domain forbids",
    "impossible_keywords": "the keywords contradict each other or what is banned",
    "in_another_release": "worded almost as a row of the release in duplicates.against",
    "in_the_earlier_corpus": "an earlier round released the same pair",
    "joins_two_splits": "it would connect pairs of different splits",
    "more_than_asked_for": "run.pairs other pairs of its task come before it by id",
    "near_duplicate": "worded almost as another pair of the corpus",
    "newline": "a line break inside",
    "no_first_sentence": "there was no free sentence to take keywords from",
    "no_keywords": "no keyword was found in the sentence that gives them",
    "no_task": "the configuration has rules for no task",
    "enough_deletions": "its context has as many shortened sentences as were asked for",
    "enough_eased": "its context has as many sentences in easier words as were asked for",
    "enough_orders": "its context has as many reordered sentences as were asked for",
    "out_of_memory": "not even a single one fitted into memory",
    "prompt_unusable": "longer than the teacher's positions",
    "prior_beyond_most": "its context has enough pairs that are likelier to be valid",
    "prior_too_low": "unlikely to be valid by the measures that need no critic",
    "repeated": "the same sentence was drawn before from this context",
    "repeats_in_context": "says what another pair of its context says",
    "sampled_out": "the continuation had given its contexts already",
    "too_early": "before the first sentence that may follow a context",
    "too_late": "after the last sentence that may follow a context",
    "too_long": "longer than a sentence may be",
    "too_short": "shorter than a sentence may be",
    "too_short_to_rewrite": "fewer words than a sentence needs to be rewritten",
    "unfinished": "no full stop, question or exclamation mark at its end",
    "unprintable": "characters that nobody can read",
    "unlikely_deletion": "the teacher finds the sentence or what is left of it too unlikely",
    "unlikely_words": "the teacher finds the sentence or its easier words too unlikely",
    "unlikely_order": "the teacher finds the sentence or its other order too unlikely",
    "unsatisfied_keywords": "decoding ended before all keywords were in the sentence",
}


def explain_reason(reason: str, measures: Mapping[str, str]) -> str:
    """A reason in words, empty where nobody knows it.

    Args:
        measures: meaning of each measure by its name.
    """
    task, _, name = reason.rpartition(".")
    if name in measures:
        return f"closest to being a {task}, but: {measures[name]}" if task else measures[name]
    return REASONS.get(name, "")
