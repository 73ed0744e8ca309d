"""What a student reads: one instruction line that names the control code, then the sentence.

Source: the prompts of arXiv 2305.16635 v1 have this shape, one wording for each of the five control
codes. A student trained without codes reads one wording for each task instead.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from dimsum.errors import UsageError

Architecture = Literal["seq2seq", "causal"]

CONTROLLED = {
    "short-abstractive": "Write a short summary of the sentence in new words.",
    "short-extractive": "Write a short summary of the sentence in its own words.",
    "long-abstractive": "Write a long summary of the sentence in new words.",
    "long-extractive": "Write a long summary of the sentence in its own words.",
    "paraphrase": "Write a paraphrase of the sentence.",
}
"""Instruction of each control code."""
UNCONTROLLED = {
    "summary": "Write a summary of the sentence.",
    "paraphrase": "Write a paraphrase of the sentence.",
}
"""Instruction of each task, for students trained without codes."""


class PromptFormat(BaseModel):
    """How a request and a source become a prompt; saved with every student.

    Attributes:
        instructions: request (a control code or, without codes, a task) to its line.
        template: text with {instruction} and {source}.
        target_prefix: stands before the target in training; a causal model's answer is a
            continuation, so it begins with a space.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    instructions: dict[str, str]
    template: str
    target_prefix: str = ""

    @model_validator(mode="after")
    def _whole(self) -> PromptFormat:
        for part in ("{instruction}", "{source}"):
            if self.template.count(part) != 1:
                raise ValueError(f"template needs {part} once")
        if not self.template.startswith("{instruction}"):
            raise ValueError("template must begin with {instruction}")
        if len(set(self.instructions.values())) != len(self.instructions):
            raise ValueError("two requests have the same instruction")
        return self

    @classmethod
    def default(cls, architecture: Architecture, *, control: bool = True) -> PromptFormat:
        """The format that students are trained with."""
        instructions = dict(CONTROLLED if control else UNCONTROLLED)
        if architecture == "seq2seq":
            return cls(instructions=instructions, template="{instruction}\nSentence: {source}")
        return cls(
            instructions=instructions,
            template="{instruction}\nSentence: {source}\nAnswer:",
            target_prefix=" ",
        )

    @property
    def control(self) -> bool:
        """Whether requests are control codes."""
        return "summary" not in self.instructions

    def render(self, source: str, request: str) -> str:
        """The prompt of a source.

        Raises:
            UsageError: a request that the format has no instruction for.
        """
        if request not in self.instructions:
            raise UsageError(
                f"the student does not know the control code {request!r}",
                hint=f"it knows {', '.join(self.instructions)}",
            )
        before, after = self._around()
        return self.instructions[request] + before + source + after

    def parse(self, prompt: str) -> tuple[str, str]:
        """The (request, source) that a prompt was rendered from.

        Raises:
            UsageError: a text that is no prompt of this format.
        """
        before, after = self._around()
        for request, line in self.instructions.items():
            head = line + before
            if prompt.startswith(head) and prompt.endswith(after):
                inner = prompt[len(head) :]
                return request, inner[: len(inner) - len(after)]
        raise UsageError("the text is not a prompt of this student")

    def _around(self) -> tuple[str, str]:
        """The fixed text between instruction and source, and after the source."""
        before, _, after = self.template.removeprefix("{instruction}").partition("{source}")
        return before, after


def one_line(text: str) -> str:
    """A sentence as students read and write it: no line breaks, single spaces."""
    return " ".join(text.split())
