"""The student: a sequence-to-sequence or causal model that summarises and paraphrases.

student = Student.from_pretrained("runs/student")
student.summarize("The minister said on Monday that ...", length="short")
student.paraphrase(["One sentence.", "Another."], n=3)
student.rewrite("One sentence.", task="summary", style="extractive")
student.paraphrase("One sentence.", syntax="What is to be built like this?")
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, cast, overload

from dimsum.bounded import Bounds
from dimsum.data.values import is_blank
from dimsum.decoding import write_rows
from dimsum.devices import pick_device, pick_dtype
from dimsum.errors import ModelError, UsageError
from dimsum.files import give_usual_modes, write_json
from dimsum.hub import find_models
from dimsum.loading import count_positions
from dimsum.models import hush_transformers, make_public_name, resolve
from dimsum.opening import adds_bos, open_model, read_description
from dimsum.prompts import PromptFormat, join_lines
from dimsum.spec import SPEC_FILE, Generation, StudentSpec
from dimsum.syntax.control import Refusal, find_trees
from dimsum.tasks.paraphrase import PARAPHRASE
from dimsum.tasks.summary import SUMMARY
from dimsum.writing import BATCH_SIZE

DType = Literal["auto", "float32", "bfloat16"]
Many = list[str] | tuple[str, ...]

LEAST_SOURCE = 4
"""Tokens of a source that a student must have room for."""


class Writer(Protocol):
    """What can take the place of transformers' `generate` behind a causal student."""

    def __call__(
        self,
        student: Student,
        rows: list[list[int]],
        *,
        n: int,
        seed: int | None,
        batch_size: int,
        generation: Generation,
        on_tokens: Callable[[int], None],
    ) -> list[list[str]]:
        """The first lines of n outputs for each row of tokens; no seed: greedy ones."""


class Student:
    """One face over both architectures.

    Attributes:
        spec: its prompt format, control vocabulary, generation settings and training facts.
        cut: how many sources of the last call were longer than the student takes and lost their
            end.
        note: one line on the model, its device and its dtype.
        writer: writes instead of transformers' `generate`; None as a rule.
    """

    def __init__(self, model: Any, tokenizer: Any, spec: StudentSpec, note: str = "") -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.spec = spec
        self.note = note
        self.cut = 0
        self.writer: Writer | None = None

    @classmethod
    def from_pretrained(
        cls, reference: str | Path, *, device: str | None = None, dtype: DType = "auto"
    ) -> Student:
        """Load a student, or any model that is to become one.

        Args:
            reference: a folder, a Hub id with an optional `@revision`, a `.gguf` file or
                `embedded:NAME`.
            device: cuda, mps or cpu; None takes the first of them that is there.
            dtype: "auto" is bfloat16 where this machine multiplies it faster than float32; a T5
                runs in either, never in float16.

        Raises:
            UsageError: a reference of no known form, or a model that generates no text.
            ModelError: a model that is missing, corrupt or cannot be fetched.
        """
        find_models(str(reference))
        resolved = resolve(str(reference))
        where = pick_device(device)
        kind = pick_dtype(where, dtype)
        model, tokenizer, architecture = open_model(resolved, kind)
        spec = read_description(resolved)
        if spec is None:
            spec = StudentSpec(
                architecture=architecture,
                prompts=PromptFormat.default(architecture),
                base=make_public_name(str(reference)),
            )
        room = count_positions(model.config, tokenizer)
        if architecture == "causal":  # the output takes positions of the same context
            room -= spec.generation.max_new_tokens
        spec.max_source_tokens = min(spec.max_source_tokens, room)
        note = f"{reference} on {where.type} in {str(kind).removeprefix('torch.')}"
        student = cls(model.to(where).eval(), tokenizer, spec, note)
        student.check_room(str(reference))
        return student

    def check_room(self, name: str) -> None:
        """Refuse a model whose positions do not even hold its own prompts.

        Raises:
            ModelError: with both numbers.
        """
        prompts = [self.spec.prompts.render("", code) for code in self.spec.prompts.instructions]
        longest = max(map(len, self._ids(prompts, ends=True)), default=0)
        if self.spec.max_source_tokens < longest + LEAST_SOURCE:
            has = count_positions(self.model.config, self.tokenizer)
            raise ModelError(
                f"{name} takes {has} positions: too few for its prompts of up to {longest} tokens, "
                f"a sentence and an output of {self.spec.generation.max_new_tokens}",
                hint="take a model with more positions",
            )

    def save(self, folder: Path) -> None:
        """Write weights (safetensors), tokenizer and `student.json`.

        Plain transformers opens the folder too; it reads everything but `student.json`.
        """
        folder.mkdir(parents=True, exist_ok=True)
        with hush_transformers():
            self.model.save_pretrained(folder)
            self.tokenizer.save_pretrained(folder)
        give_usual_modes(folder)
        write_json(folder / SPEC_FILE, self.spec.model_dump(mode="json"))

    @overload
    def summarize(self, text: str, length: str | None = None, style: str | None = None) -> str: ...
    @overload
    def summarize(
        self, text: Many, length: str | None = None, style: str | None = None
    ) -> list[str]: ...
    def summarize(
        self, text: str | Many, length: str | None = None, style: str | None = None
    ) -> str | list[str]:
        """Summaries of one sentence or of many.

        Args:
            text: a sentence, or a list of them.
            length: "short" (under half of the source's characters), "long" or None.
            style: "abstractive" (new words), "extractive" (the source's own) or None. What is
                None is taken as the training data had it most often.

        Raises:
            UsageError: a code that the student does not know.
        """
        found = self.rewrite(text, task=SUMMARY.name, length=length, style=style)
        return cast("str | list[str]", found)

    def paraphrase(
        self, text: str | Many, n: int = 1, *, seed: int = 0, syntax: str | Many | None = None
    ) -> str | list[str] | list[list[str]]:
        """Paraphrases of one sentence or of many; as `rewrite`."""
        return self.rewrite(text, task=PARAPHRASE.name, n=n, seed=seed, syntax=syntax)

    def rewrite(
        self,
        text: str | Many,
        task: str,
        n: int = 1,
        *,
        seed: int = 0,
        syntax: str | Many | None = None,
        **options: str | None,
    ) -> str | list[str] | list[list[str]]:
        """Targets of any task that the student knows, for one sentence or for many.

        Args:
            text: a sentence, or a list of them.
            task: its name.
            n: how many of each; one is decoded greedily, several are sampled.
            seed: of the sampling.
            syntax: an exemplar, whose tree the output is to have, or a tree in brackets; one for
                all texts, or one for each.
            options: of the task, such as `length="short"` of a summary. What is left open or None
                is taken as the training data had it most often.

        Returns:
            for one sentence a text (n = 1) or a list of n; for many, a list of these.

        Raises:
            UsageError: a task, an option or a value that the student does not know; a student
                that knows no trees; or a syntax that is no tree, of another parser, without a
                parse, or far longer than its text.
        """
        code = self.spec.code_for(task, options)
        texts = [text] if isinstance(text, str) else text
        trees = None if syntax is None else self.trees(texts, syntax)
        found = self.write(texts, code, n=n, seed=seed, trees=trees)
        if isinstance(text, str):
            return found[0][0] if n == 1 else found[0]
        return [outputs[0] for outputs in found] if n == 1 else found

    def trees(self, sources: Sequence[str], syntax: str | Many) -> list[str]:
        """The tree that each source is asked to be written in, as prompts show it.

        Args:
            syntax: as `rewrite` takes it.

        Raises:
            UsageError: as `rewrite`.
        """
        asked = [syntax] * len(sources) if isinstance(syntax, str) else list(syntax)
        if len(asked) != len(sources):
            raise UsageError(
                f"{len(sources)} sources but {len(asked)} exemplars or trees",
                hint="give one for all sources, or one for each",
            )
        trees = []
        for found in find_trees(self.spec.prompts.known_syntax(), sources, asked):
            if isinstance(found, Refusal):
                raise found.error
            trees.append(found)
        return trees

    def write(
        self,
        sources: Sequence[str],
        code: str | Sequence[str],
        *,
        trees: Sequence[str] | None = None,
        n: int = 1,
        sample: bool | None = None,
        seed: int = 0,
        batch_size: int = BATCH_SIZE,
        generation: Generation | None = None,
        compression: tuple[float, float] | None = None,
        on_tokens: Callable[[int], None] = lambda tokens: None,
    ) -> list[list[str]]:
        """Outputs for each source under a control code (a task's name without codes).

        Args:
            sources: sentences; line breaks become spaces, and one without words has empty outputs.
            code: one for all, or one for each.
            trees: of what is to be written for each source, as `trees` gives them; empty: any.
            n: outputs of each source; not sampled, they are the likeliest of the beams.
            sample: None samples only when n > 1.
            seed: of the sampling; equal calls give equal outputs.
            batch_size: outputs that are written together.
            generation: other settings than the student's own.
            compression: share of its source's characters that each output has, which is not
                sampled then: the least, and the most, which is not reached.
            on_tokens: called, as it goes, with how many tokens were written.

        Raises:
            UsageError: an unknown control code.
            DimsumError: not enough memory for a single source.
        """
        wanted = [code] * len(sources) if isinstance(code, str) else list(code)
        if len(wanted) != len(sources):
            raise UsageError(
                f"{len(sources)} sources but {len(wanted)} control codes",
                hint="give one code for all sources, or one for each",
            )
        for one in set(wanted):
            self.spec.check_code(one)
        if n < 1:
            raise UsageError(
                "at least one output of each source must be asked for",
                hint="give a number of 1 or more",
            )
        said = [index for index, source in enumerate(sources) if not is_blank(source)]
        shown = None if trees is None else [trees[i] for i in said]
        rows = self.encode([sources[i] for i in said], [wanted[i] for i in said], shown)
        outputs = [[""] * n for _ in sources]
        if not rows:
            return outputs
        bounds = compression and [Bounds.of(sources[i], compression) for i in said]
        found = self.continue_rows(
            rows,
            n=n,
            sample=sample,
            seed=seed,
            batch_size=batch_size,
            generation=generation,
            bounds=bounds,
            on_tokens=on_tokens,
        )
        for index, texts in zip(said, found, strict=True):
            outputs[index] = texts
        return outputs

    def continue_rows(
        self,
        rows: list[list[int]],
        *,
        n: int = 1,
        sample: bool | None = None,
        seed: int = 0,
        batch_size: int = BATCH_SIZE,
        generation: Generation | None = None,
        bounds: Sequence[Bounds] | None = None,
        on_tokens: Callable[[int], None] = lambda tokens: None,
    ) -> list[list[str]]:
        """What the model writes after each row of tokens; the arguments are those of `write`.

        Args:
            bounds: of what follows each row, which is not sampled then.
        """
        sampled = bounds is None and (n > 1 if sample is None else sample)
        settings = generation or self.spec.generation
        write: Writer = partial(write_rows, bounds=bounds)
        if self.writer is not None and bounds is None and (sampled or settings.beams == 1):
            write = self.writer
        return write(
            self,
            rows,
            n=n,
            seed=seed if sampled else None,
            batch_size=batch_size,
            generation=settings,
            on_tokens=on_tokens,
        )

    def encode(
        self, sources: Sequence[str], codes: Sequence[str], trees: Sequence[str] | None = None
    ) -> list[list[int]]:
        """Prompt tokens of each source; a source that is too long loses its end, counted in `cut`.

        Returns:
            token ids, with the special tokens that the architecture's prompts carry.
        """
        texts = [join_lines(source) for source in sources]
        shown = list(trees or [""] * len(texts))
        asked = zip(texts, codes, shown, strict=True)
        rows = self._ids([self.spec.prompts.render(*one) for one in asked], ends=True)
        most = self.spec.max_source_tokens
        self.cut = 0
        for i, ids in enumerate(rows):
            if len(ids) > most:
                self.cut += 1
                rows[i] = self._shorten(texts[i], codes[i], shown[i], len(ids) - most)
        return rows

    def _shorten(self, text: str, code: str, tree: str, excess: int) -> list[int]:
        """Prompt tokens of a source that loses at least `excess` tokens of its end."""
        ids = self._ids([text])[0]
        while ids:
            ids = ids[: max(0, len(ids) - excess)]
            shorter = self.tokenizer.decode(ids, skip_special_tokens=True)
            prompt = self.spec.prompts.render(join_lines(shorter), code, tree)
            row = self._ids([prompt], ends=True)[0]
            if len(row) <= self.spec.max_source_tokens:
                return row
            excess = 1
        raise UsageError(
            "the student's longest source is shorter than its own instruction",
            hint="take a model with more positions, or raise max_source_tokens",
        )

    def encode_target(self, target: str) -> list[int]:
        """Target tokens with the end of sequence, as training wants them and generation ends."""
        text = self.spec.prompts.target_prefix + join_lines(target)
        ids = self._ids([text])[0]
        return [*ids, self.tokenizer.eos_token_id]

    def chat_turn(self, content: str) -> str:
        """A user's turn in the model's chat template, and all that comes before its answer.

        Raises:
            UsageError: a model without a chat template.
        """
        if self.spec.architecture != "causal" or not self.tokenizer.chat_template:
            raise UsageError(
                f"{self.spec.base or 'the model'} has no chat template",
                hint="--set prompt=instruction_last, or another student",
            )
        turn: str = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
        )
        if adds_bos(self.tokenizer):  # it stands in the template already
            turn = turn.removeprefix(self.tokenizer.bos_token)
        return turn

    def tokens_of(self, prompts: Sequence[str], *, whole: bool = False) -> list[list[int]]:
        """Tokens of texts that follow no prompt format of the student's own.

        Args:
            prompts: longer ones lose their beginning.
            whole: the text already has its special tokens, as a rendered chat has.
        """
        rows = self._ids(prompts, ends=not whole)
        return [ids[-self.spec.max_source_tokens :] for ids in rows]

    def _ids(self, texts: Sequence[str], *, ends: bool = False) -> list[list[int]]:
        """Token ids; `ends` adds the end of sequence that an encoder's input carries."""
        if not texts:
            return []
        found = self.tokenizer(list(texts), add_special_tokens=False, verbose=False)
        rows: list[list[int]] = found["input_ids"]  # what is too long is counted by who asked
        if not ends:
            return rows
        if self.spec.architecture == "seq2seq":
            return [[*ids, self.tokenizer.eos_token_id] for ids in rows]
        bos = self.tokenizer.bos_token_id
        return [[bos, *ids] for ids in rows] if adds_bos(self.tokenizer) else rows
