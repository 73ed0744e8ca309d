"""The teacher, asked for the task: several prompts, without and with examples, plain and as chat.

The best variant is chosen by the very metric it is judged by, on examples that are not judged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dimsum.prompts import join_lines
from dimsum.spec import Generation
from dimsum.student import Student
from dimsum.tasks.base import TeacherPrompts

GENERATION = Generation(max_new_tokens=60, no_repeat_ngram=0)
SHOTS = 4


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to ask: which question, how many examples before it, plain text or chat."""

    question: int
    shots: int
    chat: bool

    @property
    def name(self) -> str:
        """Such as few-shot, question 2, chat."""
        kind = f"{self.shots}-shot" if self.shots else "zero-shot"
        return f"{kind}, question {self.question + 1}, {'chat' if self.chat else 'plain'}"


def list_variants(teacher: Student, prompts: TeacherPrompts, *, shots: int) -> list[Variant]:
    """All ways to ask with so many examples; chat where the teacher has a template for it."""
    chats = (False, True) if teacher.tokenizer.chat_template else (False,)
    return [Variant(q, shots, chat) for q in range(len(prompts.questions)) for chat in chats]


def make_prompt(teacher: Student, prompts: TeacherPrompts, variant: Variant, source: str) -> str:
    """The text that the teacher is to go on with."""
    question, cue = prompts.questions[variant.question]
    examples = prompts.exemplars[: variant.shots]
    if not variant.chat:
        blocks = [f"{question.format(source=s)}\n{cue} {t}" for s, t in examples]
        return "\n\n".join([*blocks, f"{question.format(source=source)}\n{cue}"])
    turns = []
    for s, t in examples:
        turns.append({"role": "user", "content": f"{question.format(source=s)}\n{cue}"})
        turns.append({"role": "assistant", "content": t})
    turns.append({"role": "user", "content": f"{question.format(source=source)}\n{cue}"})
    text: str = teacher.tokenizer.apply_chat_template(
        turns, add_generation_prompt=True, tokenize=False
    )
    return text


def write_answers(
    teacher: Student,
    prompts: TeacherPrompts,
    variant: Variant,
    sources: Sequence[str],
    batch_size: int = 16,
) -> list[str]:
    """Greedy answers, the first line of each, without quotes around it."""
    found = _continue(teacher, prompts, variant, sources, batch_size)
    return [outputs[0] for outputs in found]


def write_samples(
    teacher: Student,
    prompts: TeacherPrompts,
    variant: Variant,
    sources: Sequence[str],
    n: int,
    batch_size: int = 16,
) -> list[list[str]]:
    """So many sampled answers for each source, cleaned as the greedy ones are."""
    return _continue(teacher, prompts, variant, sources, batch_size, n=n, sample=True)


def write_beams(
    teacher: Student,
    prompts: TeacherPrompts,
    variant: Variant,
    sources: Sequence[str],
    n: int,
    batch_size: int = 16,
) -> list[list[str]]:
    """The n likeliest answers of a beam search for each source, cleaned as the greedy ones are."""
    return _continue(teacher, prompts, variant, sources, batch_size, n=n, beams=n)


def _continue(
    teacher: Student,
    prompts: TeacherPrompts,
    variant: Variant,
    sources: Sequence[str],
    batch_size: int,
    *,
    n: int = 1,
    sample: bool = False,
    beams: int = 1,
) -> list[list[str]]:
    found = teacher.continue_rows(
        _encode_rows(teacher, prompts, variant, sources),
        n=n,
        sample=sample,
        batch_size=batch_size,
        generation=GENERATION.model_copy(update={"beams": beams}),
    )
    return [[clean(output) for output in outputs] for outputs in found]


def _encode_rows(
    teacher: Student, prompts: TeacherPrompts, variant: Variant, sources: Sequence[str]
) -> list[list[int]]:
    texts = [make_prompt(teacher, prompts, variant, join_lines(source)) for source in sources]
    return teacher.tokens_of(texts, whole=variant.chat)


def clean(text: str) -> str:
    """An answer without the quotation marks that some models put around it."""
    text = text.strip()
    for opening, closing in (('"', '"'), ("“", "”"), ("'", "'")):
        if len(text) > 2 and text.startswith(opening) and text.endswith(closing):
            return text[1:-1].strip()
    return text


def choose_variant(
    teacher: Student,
    prompts: TeacherPrompts,
    sources: Sequence[str],
    *,
    shots: int,
    score: Callable[[Sequence[str]], float],
    say: Callable[[str], None] = lambda line: None,
) -> tuple[Variant, dict[str, float]]:
    """The variant with the highest score, and the scores of all.

    Args:
        score: of outputs for the sources, in order.
    """
    tried: dict[Variant, float] = {}
    for variant in list_variants(teacher, prompts, shots=shots):
        tried[variant] = score(write_answers(teacher, prompts, variant, sources))
        say(f"teacher, {variant.name}: {tried[variant]:.2f}")
    chosen = max(tried, key=lambda variant: tried[variant])
    return chosen, {variant.name: value for variant, value in tried.items()}
