"""Recipes of critics: YAML in, a checked `CriticRecipe` out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from dimsum.settings import Presets, Settings, load

PRESETS = Presets("builder", ("critic", "critic-encoder"))


class CriticRecipe(Settings):
    """Everything that decides a training besides the examples; kept in `critic.json`."""

    base: str = Field(description="model reference of the base")
    start: str | None = Field(
        None,
        description="critic to go on from instead of a new head; of the same base and shape; of "
        "two in one folder, the one over this base",
    )
    method: Literal["lora", "full"] = Field("lora", description="adapters, or all weights")
    template: str | None = Field(
        "{premise}\nTherefore: {hypothesis}\nTrue?", description="null: the tokenizer takes pairs"
    )
    layers: int | None = Field(None, ge=1, description="keep only the base's first layers")
    frozen_layers: int = Field(0, ge=0, description="LoRA sits on the layers above these")
    lora_rank: int = Field(16, ge=1, description="of the adapters' matrices")
    frozen_embeddings: bool = Field(False, description="method full: keep the base's own")
    dropout: float | None = Field(None, ge=0, lt=1, description="null: what the base has")
    epochs: int = Field(1, ge=1, description="passes over the examples")
    batch_size: int = Field(32, ge=1, description="examples of one step")
    learning_rate: float = Field(4e-4, gt=0, description="the highest; it falls to 0")
    warmup: float = Field(0.05, ge=0, le=1, description="share of the steps")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="that it computes in; auto: bfloat16 where this machine is faster at it"
    )
    max_tokens: int = Field(128, ge=8, description="of premise and hypothesis, read at once")
    repeat: dict[str, int] = Field({}, description="times that examples of a source are seen")
    limit: dict[str, int] = Field({}, description="examples of a source that are used at most")
    seed: int = Field(0, description="of the new head and of the order")
    compile: bool = Field(False, description="torch.compile each layer; needs a C++ compiler")

    @model_validator(mode="after")
    def _template_whole(self) -> CriticRecipe:
        if self.template is not None:
            try:
                self.template.format(premise="", hypothesis="")
            except (KeyError, IndexError, ValueError) as error:
                raise ValueError("template may only hold {premise} and {hypothesis}") from error
            if "{premise}" not in self.template or "{hypothesis}" not in self.template:
                raise ValueError("template needs {premise} and {hypothesis}")
        return self


def load_recipe(source: str | Path = "critic", overrides: Iterable[str] = ()) -> CriticRecipe:
    """A preset or a YAML file with `a.b=c` overrides; by default the embedded critic's recipe.

    Raises:
        UsageError: as in `dimsum.settings.load`.
    """
    return load(CriticRecipe, source, overrides, presets=PRESETS)
