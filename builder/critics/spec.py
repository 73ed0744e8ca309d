"""How a critic of our own making reads a pair: `critic.json` beside its weights."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from builder.errors import BuilderError

SPEC_FILE = "critic.json"
SECOND_WEIGHTS = "second.safetensors"
MAX_TOKENS = 512


class CriticSpec(BaseModel):
    """A critic's description.

    Attributes:
        base: reference of the model that an adapter sits on.
        template: text with {premise} and {hypothesis} for a causal model; None for a model whose
            tokenizer takes pairs.
        layers: how many of the base's first layers are kept; None keeps all.
        adapter: the weights are LoRA over the base.
        frozen_embeddings: the word embeddings are the base's and not among the weights.
        second: another critic in the same folder, its weights in `SECOND_WEIGHTS`; the two are an
            ensemble.
        alone_below: where the second's P(entailment) is below it, its score alone counts and
            this one, the slower, is not asked.
    """

    model_config = ConfigDict(extra="ignore")

    base: str
    template: str | None = None
    max_tokens: int = MAX_TOKENS
    layers: int | None = None
    adapter: bool = False
    frozen_embeddings: bool = False
    second: CriticSpec | None = None
    alone_below: float = Field(0.0, ge=0, le=1)

    @property
    def over_base(self) -> bool:
        """Whether the folder holds no whole model; the tokenizer is the base's then."""
        return self.adapter or self.frozen_embeddings


def read_spec(folder: Path) -> CriticSpec | None:
    """The critic's own description, or None for a plain model.

    Raises:
        BuilderError: a description that cannot be read.
    """
    path = folder / SPEC_FILE
    if not path.is_file():
        return None
    try:
        return CriticSpec.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BuilderError(
            f"{path} is not a critic's description", hint="copy the critic again, or train it again"
        ) from error
