"""Everything that decides a training besides its data."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import Field, model_validator

from dimsum.errors import UsageError
from dimsum.language import Language
from dimsum.objectives.settings import CrossEntropy, Objective
from dimsum.pairs import Columns
from dimsum.prompts import PromptShape
from dimsum.settings import Presets, Settings, load
from dimsum.tasks import TaskDefinition, find_tasks
from dimsum.tasks.registry import DEFAULT
from dimsum.training.trees import SyntaxTraining

PRESETS = Presets("dimsum", ("paper", "embedded"))
NO_FLOAT16 = ("t5", "mt5", "umt5", "longt5", "switch_transformers", "pop2piano")
"""Model types whose activations overflow float16."""


class Recipe(Settings):
    """A training. The defaults are those of the code of arXiv 2305.16635's first version."""

    student: str = Field("t5-large", description="reference of the model to train")
    tasks: tuple[str, ...] = Field(
        tuple(task.name for task in DEFAULT),
        min_length=1,
        description="what it learns; one of your own is module:name",
    )
    language: Language | None = Field(
        None,
        description="of the pairs, for the card: an ISO 639 code; empty: as detected",
    )
    control: bool = Field(True, description="name the control code in the prompt")
    prompt: PromptShape = Field(
        "instruction_first",
        description="instruction_last: right before the answer; chat: there, in a user's turn of "
        "the base's chat template",
    )
    syntax: SyntaxTraining | None = Field(
        None, description="{height: 3} shows the tree of the target in the prompt; empty: no trees"
    )
    objective: Objective = Field(
        CrossEntropy(),
        description="cross_entropy, or {from: supervised-kd, imitkd, on-policy-kd or seqkd, "
        "teacher: ...} and values that differ, or {kind: gkd, ...}",
    )
    lora_rank: int | None = Field(None, ge=1, description="empty: all weights are trained")
    lora_layers: int | None = Field(
        None, ge=1, description="last layers that LoRA sits on; empty: all of them"
    )
    learning_rate: float = Field(5e-5, gt=0, description="the highest")
    schedule: Literal["constant", "linear", "cosine"] = Field(
        "constant", description="of the learning rate after the warmup"
    )
    warmup: float = Field(0.0, ge=0, lt=1, description="share of the steps")
    weight_decay: float = Field(0.0, ge=0, description="of AdamW")
    adam_epsilon: float = Field(1e-8, gt=0, description="of AdamW")
    clip: float = Field(1.0, gt=0, description="largest norm of the gradient")
    epochs: int = Field(1, ge=1, description="passes over the pairs")
    batch_size: int = Field(64, ge=1, description="pairs of one step, over all devices")
    micro_batch: int = Field(8, ge=1, description="pairs of one pass on one device")
    max_source_tokens: int = Field(512, ge=8, description="prompts longer than this are left out")
    max_target_tokens: int = Field(128, ge=4, description="targets longer than this are left out")
    max_pairs: int | None = Field(None, ge=1, description="training pairs used at most, by a hash")
    balance: float = Field(
        0.0,
        ge=0,
        le=1,
        description="0: each pair once an epoch; towards 1 those of rarer control codes are "
        "repeated, until all codes come equally often",
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="auto: bfloat16 where this machine is faster at it"
    )
    gradient_checkpointing: bool = Field(False, description="less memory, more time")
    evaluations: int = Field(4, ge=1, description="times an epoch is stopped to validate and save")
    patience: int | None = Field(
        None, ge=1, description="validations without a better loss that end the training early"
    )
    validation_share: float = Field(
        0.05, gt=0, lt=0.5, description="held out where the data has no validation split"
    )
    validation_pairs: int = Field(2000, ge=1, description="validated on at most")
    sample_pairs: int = Field(64, ge=0, description="validation sources written for, for metrics")
    seed: int = Field(999, ge=0, description="of the order and the dropout")

    @model_validator(mode="after")
    def _divisible(self) -> Recipe:
        if self.batch_size % self.micro_batch:
            raise ValueError(
                f"batch_size {self.batch_size} is no multiple of micro_batch {self.micro_batch}"
            )
        find_tasks(self.tasks)
        if self.lora_layers and not self.lora_rank:
            raise ValueError("lora_layers needs a lora_rank")
        return self

    @property
    def weight_column(self) -> str:
        """Column of the data with how much a pair counts; empty: all count alike."""
        return self.objective.weight_column if isinstance(self.objective, CrossEntropy) else ""

    def columns(self, named: Columns) -> Columns:
        """The columns that a training by this recipe reads.

        Args:
            named: those of source, target and task.
        """
        tree = self.syntax.column if self.syntax else named.syntax
        return replace(named, syntax=tree, weight=self.weight_column)

    @property
    def definitions(self) -> tuple[TaskDefinition, ...]:
        """Of its tasks, in order."""
        return find_tasks(self.tasks)


def load_recipe(source: str = "paper", overrides: tuple[str, ...] = ()) -> Recipe:
    """A preset or a YAML file with `a.b=c` overrides.

    Raises:
        UsageError: an unreadable file, an unknown key, a value out of range.
    """
    return load(Recipe, source, overrides, presets=PRESETS)


def check_precision(recipe: Recipe, model_type: str, device: str) -> None:
    """Refuse a precision that the model or the device cannot train in.

    Raises:
        UsageError: float16 for T5, whose activations overflow it, or off a CUDA device.
    """
    if recipe.precision != "float16":
        return
    if model_type in NO_FLOAT16:
        raise UsageError(
            f"{model_type} does not train in float16: its activations overflow and the loss "
            "becomes NaN",
            hint="use precision bfloat16 or float32",
        )
    if device != "cuda":
        raise UsageError(
            f"float16 training needs a CUDA device, this is {device}",
            hint="use precision auto, bfloat16 or float32",
        )
