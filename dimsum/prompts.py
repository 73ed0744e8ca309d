"""What a student reads: one instruction line that names the control code, then the sentence.

Source: the prompts of arXiv 2305.16635 v1 have this shape, one wording for each control code. A
student trained without codes reads one wording for each task instead. The instruction may also
stand last, right before the answer, and both inside the turn of a user, for a base that was trained
on chats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dimsum.errors import UsageError
from dimsum.syntax.control import SyntaxControl
from dimsum.tasks import TaskDefinition
from dimsum.tasks.registry import DEFAULT

Architecture = Literal["seq2seq", "causal"]
PromptShape = Literal["instruction_first", "instruction_last", "chat"]
"""Where the instruction stands; `chat`: last, in a user's turn of the base's chat template."""

INSTRUCTION_LAST = "Sentence: {source}\n{instruction}"
PLAIN: dict[str, PromptShape] = {
    "{instruction}\nSentence: {source}": "instruction_first",
    INSTRUCTION_LAST: "instruction_last",
}
"""Templates without a chat, and what they are called."""
ANSWER = "\nAnswer:"
"""Behind a plain template of a causal model."""


class CodeDescription(BaseModel):
    """What an instruction asks for, saved with the student: nobody needs the task's definition.

    Attributes:
        task: its name.
        options: of the task, and the value of each; empty where there is nothing to choose.
        meaning: in the words of a card.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    options: dict[str, str] = Field(default_factory=dict)
    meaning: str = ""


class PromptFormat(BaseModel):
    """How a control code and a source become a prompt; saved with every student.

    Attributes:
        instructions: control code to its line. A student trained without control codes has one
            code for each task, the name of the task.
        codes: what each control code asks for.
        control: whether the codes are those of the tasks' definitions.
        syntax: how the tree of what is to be written stands behind the source; None: the student
            knows no trees.
        template: text with {instruction} and {source}, in either order.
        target_prefix: stands before the target in training; a causal model's answer is a
            continuation, so it begins with a space.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    instructions: dict[str, str]
    template: str
    target_prefix: str = ""
    codes: dict[str, CodeDescription] = Field(default_factory=dict)
    control: bool = True
    syntax: SyntaxControl | None = None

    @model_validator(mode="before")
    @classmethod
    def _described(cls, values: Any) -> Any:
        """Students of the first format say only their instructions; all are of shipped tasks."""
        if isinstance(values, dict) and "requests" in values:  # as earlier versions wrote it
            values = {"codes" if k == "requests" else k: v for k, v in values.items()}
        if not isinstance(values, dict) or "codes" in values or "instructions" not in values:
            return values
        names = set(values["instructions"])
        with_codes = not names & {task.name for task in DEFAULT if len(task.codes) > 1}
        known = describe_codes(DEFAULT, control=with_codes)
        found = {
            name: known.get(name, CodeDescription(task=name)) for name in values["instructions"]
        }
        return {"control": with_codes, **values, "codes": found}

    @model_validator(mode="after")
    def _whole(self) -> PromptFormat:
        for part in ("{instruction}", "{source}"):
            if self.template.count(part) != 1:
                raise ValueError(f"template needs {part} once")
        if len(set(self.instructions.values())) != len(self.instructions):
            raise ValueError("two control codes have the same instruction")
        if set(self.codes) != set(self.instructions):
            raise ValueError("codes and instructions differ")
        return self

    @classmethod
    def default(
        cls,
        architecture: Architecture,
        *,
        control: bool = True,
        tasks: Sequence[TaskDefinition] = DEFAULT,
        shape: PromptShape = "instruction_first",
        chat: Callable[[str], str] | None = None,
    ) -> PromptFormat:
        """The format that students are trained with, for their tasks.

        Args:
            chat: with the shape of that name: a user's turn, and all of the base's chat template
                that comes before the answer to it.
        """
        causal = architecture == "causal"
        if shape == "chat":
            assert chat is not None
            template = chat(INSTRUCTION_LAST)
        else:
            template = next(text for text, name in PLAIN.items() if name == shape)
            template += ANSWER if causal else ""
        return cls(
            instructions={
                name: line
                for task in tasks
                for name, line in (
                    ((code.name, code.instruction) for code in task.codes)
                    if control
                    else ((task.name, task.instruction),)
                )
            },
            template=template,
            target_prefix=" " if causal and shape != "chat" else "",
            codes=describe_codes(tasks, control=control),
            control=control,
        )

    @property
    def shape(self) -> PromptShape:
        """Where its instruction stands."""
        return PLAIN.get(self.template.removesuffix(ANSWER), "chat")

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks that there is an instruction for."""
        return tuple(dict.fromkeys(self.codes[name].task for name in self.instructions))

    def render(self, source: str, code: str, tree: str = "") -> str:
        """The prompt of a source.

        Args:
            tree: of what is to be written, as `SyntaxControl.shown` gives it; empty: any.

        Raises:
            UsageError: a control code that the format has no instruction for, or a tree for a
                student that knows none.
        """
        if code not in self.instructions:
            raise UsageError(
                f"the student does not know the control code {code!r}",
                hint=f"it knows {', '.join(self.instructions)}",
            )
        before, after = self._around(self.instructions[code])
        if tree:
            source = self.known_syntax().behind(source, tree)
        return before + source + after

    def known_syntax(self) -> SyntaxControl:
        """How trees stand in prompts.

        Raises:
            UsageError: the student knows no trees.
        """
        if self.syntax is None:
            raise UsageError(
                "the student was trained without trees, so its syntax cannot be asked for",
                hint="train one with --set syntax.height=3, or leave the syntax out",
            )
        return self.syntax

    def parse(self, prompt: str) -> tuple[str, str]:
        """The (control code, source) that a prompt was rendered from, without its tree.

        Raises:
            UsageError: a text that is no prompt of this format.
        """
        for code, line in self.instructions.items():
            before, after = self._around(line)
            inner = len(prompt) - len(before) - len(after)
            if inner >= 0 and prompt.startswith(before) and prompt.endswith(after):
                source = prompt[len(before) :][:inner]
                return code, source if self.syntax is None else self.syntax.split(source)[0]
        raise UsageError(
            "the text is not a prompt of this student",
            hint="prompts are those that its own format makes",
        )

    def _around(self, instruction: str) -> tuple[str, str]:
        """What stands before the source and after it under an instruction."""
        before, _, after = self.template.partition("{source}")
        return (
            before.replace("{instruction}", instruction),
            after.replace("{instruction}", instruction),
        )


def describe_codes(tasks: Sequence[TaskDefinition], *, control: bool) -> dict[str, CodeDescription]:
    """What each control code asks for."""
    if not control:
        return {t.name: CodeDescription(task=t.name, meaning=_describe_one(t.noun)) for t in tasks}
    return {
        code.name: CodeDescription(task=task.name, options=dict(code.options), meaning=code.meaning)
        for task in tasks
        for code in task.codes
    }


def _describe_one(noun: str) -> str:
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def join_lines(text: str) -> str:
    """A sentence as students read and write it: no line breaks, single spaces."""
    return " ".join(text.split())
