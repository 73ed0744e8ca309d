"""The teacher, asked for the task: several prompts, without and with examples, plain and as chat.

The best variant is chosen by the very metric it is judged by, on examples of the very data: that
favours the teacher, and is meant to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dimsum.prompts import one_line
from dimsum.spec import Generation
from dimsum.student import Student
from dimsum.tasks import Task

GENERATION = Generation(max_new_tokens=60, no_repeat_ngram=0)
SHOTS = 4

QUESTIONS: dict[Task, tuple[tuple[str, str], ...]] = {
    "summary": (
        ("Summarize the sentence in a few words.\nSentence: {source}", "Summary:"),
        ("Shorten the sentence. Keep only its main point.\nSentence: {source}", "Shorter:"),
        ("{source}", "TL;DR:"),
    ),
    "paraphrase": (
        ("Paraphrase the sentence.\nSentence: {source}", "Paraphrase:"),
        ("Say the same in different words.\nSentence: {source}", "Different words:"),
        ("{source}", "In other words,"),
    ),
}
"""Question and the cue that the answer follows."""

EXEMPLARS: dict[Task, tuple[tuple[str, str], ...]] = {
    "summary": (
        (
            "The city council voted late on Tuesday to close the old bridge to lorries after "
            "engineers found cracks in two of its pillars.",
            "The council closed the old bridge to lorries because of cracks.",
        ),
        (
            "Heavy snow, which fell through the night across most of the north, left more than "
            "3,000 homes without power.",
            "Snow left 3,000 homes without power.",
        ),
        (
            "The company, which makes parts for bicycles and employs about 400 people, said that "
            "it would open a second factory next spring.",
            "The bicycle parts maker will open a second factory.",
        ),
        (
            "A retired teacher who had bought a single ticket at her local shop won the largest "
            "prize in the history of the lottery.",
            "A retired teacher won the lottery's largest prize.",
        ),
    ),
    "paraphrase": (
        (
            "The minister resigned on Monday after a week of protests.",
            "Following a week of protests, the minister stepped down on Monday.",
        ),
        (
            "Scientists have discovered a new species of frog in the rainforest.",
            "A frog species unknown until now was found in the rainforest by researchers.",
        ),
        (
            "The museum will stay closed until the roof has been repaired.",
            "Until its roof is mended, the museum remains shut.",
        ),
        (
            "Prices of coffee rose sharply because of the bad harvest.",
            "The poor harvest caused coffee to become much dearer.",
        ),
    ),
}


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


def variants(teacher: Student, task: Task, *, shots: int) -> list[Variant]:
    """All ways to ask with so many examples; chat where the teacher has a template for it."""
    chats = (False, True) if teacher.tokenizer.chat_template else (False,)
    return [Variant(q, shots, chat) for q in range(len(QUESTIONS[task])) for chat in chats]


def prompt(teacher: Student, task: Task, variant: Variant, source: str) -> str:
    """The text that the teacher is to go on with."""
    question, cue = QUESTIONS[task][variant.question]
    examples = EXEMPLARS[task][: variant.shots]
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


def answers(
    teacher: Student, task: Task, variant: Variant, sources: Sequence[str], batch_size: int = 16
) -> list[str]:
    """Greedy answers, the first line of each, without quotes around it."""
    prompts = [prompt(teacher, task, variant, one_line(source)) for source in sources]
    rows = teacher.tokens_of(prompts, whole=variant.chat)
    found = teacher.continued(rows, batch_size=batch_size, generation=GENERATION)
    return [cleaned(texts[0]) for texts in found]


def cleaned(text: str) -> str:
    """An answer without the quotation marks that some models put around it."""
    text = text.strip()
    for opening, closing in (('"', '"'), ("“", "”"), ("'", "'")):
        if len(text) > 2 and text.startswith(opening) and text.endswith(closing):
            return text[1:-1].strip()
    return text


def best(
    teacher: Student,
    task: Task,
    sources: Sequence[str],
    *,
    shots: int,
    score: Callable[[Sequence[str]], float],
    sample: int,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[Variant, dict[str, float]]:
    """The variant with the highest score on the first sources, and the scores of all.

    Args:
        score: of outputs for the first `sample` sources, in order.
    """
    tried: dict[Variant, float] = {}
    for variant in variants(teacher, task, shots=shots):
        tried[variant] = score(answers(teacher, task, variant, sources[:sample]))
        say(f"teacher, {variant.name}: {tried[variant]:.2f}")
    chosen = max(tried, key=lambda variant: tried[variant])
    return chosen, {variant.name: value for variant, value in tried.items()}
