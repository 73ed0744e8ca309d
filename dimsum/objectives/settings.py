"""What a training minimises, as settings: cross-entropy, or a divergence from a teacher."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from dimsum.objectives.reward_settings import Reward
from dimsum.sampling import MaxNewTokens, Sampling, Temperature, TopP
from dimsum.settings import FROM, PathInFile, Settings, suggest_word


class CrossEntropy(Settings):
    """The pairs' targets, learnt by their likelihood."""

    kind: Literal["cross_entropy"] = Field("cross_entropy", description="of the targets")
    smoothing: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of a token's probability that is spread over the vocabulary "
        "(label smoothing, arXiv 1512.00567)",
    )
    weight_column: str = Field(
        "",
        description="column of the data with how much a pair counts, over their mean, such as "
        "validity; empty: all alike",
    )


class OwnSampling(Sampling):
    """How the student samples what it is then trained on; the numbers are arXiv 2306.13649's."""

    temperature: Temperature = Field(
        1.0, description="divides the student's logits; not the loss's"
    )
    top_p: TopP = Field(1.0, description="mass of the nucleus; 1: from the whole distribution")
    max_new_tokens: MaxNewTokens = Field(64, description="of one output, its end included")


class PassRate(Settings):
    """Weights of examples, p^a (1 - p)^b, p being the share of accepted samples of a prompt."""

    a: float = Field(1.0, ge=0, description="power of the rate of accepted samples")
    b: float = Field(1.0, ge=0, description="power of the rate of the others")


class TokenWeights(Settings):
    """Which positions of a target count, and how much."""

    share: float = Field(
        1.0, gt=0, le=1, description="of a target's tokens, those the student is least sure of"
    )
    entropy_difference: bool = Field(
        False, description="weigh a token by sigmoid(H_student - H_teacher)"
    )
    standardise_top: int | None = Field(
        None,
        ge=2,
        description="compare z-scores of the teacher's so many largest logits; empty: no",
    )
    pass_rate: PassRate | None = Field(
        None,
        description="weigh an example by how many of the student's samples are accepted "
        "(reward.accept): {a: 1, b: 1}; empty: no",
    )


class GKD(Settings):
    """Generalised knowledge distillation, arXiv 2306.13649.

    The loss is the mean over the target tokens of a step of a divergence between the teacher's and
    the student's next-token distributions, on given targets and on sequences of the student's own.
    """

    kind: Literal["gkd"] = Field("gkd", description="a divergence from a teacher")
    teacher: str = Field(description="reference of the model to learn from, of the same vocabulary")
    loss: Literal["divergence", "cross_entropy"] = Field(
        "divergence", description="cross_entropy: of the targets; with sequence_level that is SeqKD"
    )
    beta: float = Field(0.5, ge=0, le=1, description="0: forward KL, 1: reverse KL, between: JSD")
    normalisation: Literal["scaled", "printed"] = Field(
        "scaled",
        description="of a JSD: as printed, or scaled by 1/(beta(1-beta)) to end in both KLs",
    )
    on_policy: float = Field(
        1.0, ge=0, le=1, alias="lambda", description="share of sequences that the student samples"
    )
    draw: Literal["sequence", "batch"] = Field(
        "sequence",
        description="what is drawn to be sampled: each sequence, or a step's batch whole",
    )
    temperature: Temperature = Field(
        1.0, description="of the loss, both sides; sampling has its own"
    )
    sequence_level: bool = Field(
        False, description="the teacher writes the targets, once, before the training"
    )
    teacher_logits: PathInFile | None = Field(
        None, description="folder of `dimsum teacher-logits`: no teacher is in memory then"
    )
    sampling: OwnSampling = OwnSampling()
    weights: TokenWeights = TokenWeights()
    reward: Reward | None = Field(None, description="of the student's own outputs; empty: none")

    @model_validator(mode="after")
    def _consistent(self) -> GKD:
        if self.loss == "cross_entropy":
            if self.on_policy:
                raise ValueError(
                    "cross_entropy on the student's own outputs teaches nothing: set lambda to 0"
                )
            if not self.sequence_level:
                raise ValueError(
                    "the loss cross_entropy has no use for a teacher without sequence_level; the "
                    "kind cross_entropy needs none"
                )
            if self.weights != TokenWeights():
                raise ValueError("weights are of a divergence; with cross_entropy leave them out")
            if self.reward is not None:
                raise ValueError("a reward goes with a divergence; with cross_entropy leave it out")
        if self.teacher_logits is not None:
            if self.on_policy or self.sequence_level or self.loss == "cross_entropy":
                raise ValueError(
                    "teacher_logits are of given targets: lambda must be 0, sequence_level false "
                    "and the loss divergence"
                )
            if self.weights.model_copy(update={"share": 1.0}) != TokenWeights():
                raise ValueError("with teacher_logits the only weight that can be set is share")
        self._check_reward()
        return self

    def _check_reward(self) -> None:
        reward, rate = self.reward, self.weights.pass_rate
        if reward is None:
            if rate is not None:
                raise ValueError(
                    "weights.pass_rate needs a reward, which says what is accepted; with "
                    "reward.alpha 1 it does nothing else"
                )
            return
        if not self.on_policy and (reward.alpha < 1 or rate is None):
            raise ValueError(
                "a reward is of outputs that the student samples: set lambda above 0, or leave the "
                "reward out"
            )
        if rate is not None and reward.samples < 2:
            raise ValueError(
                "one sample of a prompt is accepted or not and gives no rate: set reward.samples "
                "to 2 or more for weights.pass_rate"
            )
        if reward.alpha < 1 and (self.sampling.top_p < 1 or self.sampling.no_repeat_ngram):
            raise ValueError(
                "the gradient of a reward is that of the whole distribution: leave sampling.top_p "
                "at 1 and sampling.no_repeat_ngram at 0"
            )

    @property
    def samples_own(self) -> bool:
        """Whether the student samples at every step."""
        return self.on_policy > 0 or self.weights.pass_rate is not None

    @property
    def needs_logits(self) -> bool:
        """Whether the teacher is asked at every step."""
        return self.loss == "divergence"


PRESETS: dict[str, dict[str, Any]] = {
    "supervised-kd": {"beta": 0.0, "lambda": 0.0},
    "imitkd": {"beta": 0.0, "lambda": 0.5},
    "on-policy-kd": {"beta": 0.0, "lambda": 1.0},
    "seqkd": {"loss": "cross_entropy", "lambda": 0.0, "sequence_level": True},
}
"""Methods by the numbers that arXiv 2306.13649, section 3, knows them by."""


KINDS: dict[str, type[Settings]] = {"cross_entropy": CrossEntropy, "gkd": GKD}


def _choose(value: Any) -> Any:
    """`NAME`, `{from: NAME, ...}` or `{kind: KIND, ...}` become settings of their kind."""
    if isinstance(value, Settings):
        return value
    own = dict(value) if isinstance(value, Mapping) else {FROM: value}
    name = own.pop(FROM, None)
    if name is not None and name not in KINDS:
        _refuse_unknown(name, [*KINDS, *PRESETS])
        own = {**PRESETS[name], **own}
        name = "gkd"
    kind = own.setdefault("kind", name or "gkd")
    _refuse_unknown(kind, list(KINDS))
    return KINDS[kind].model_validate(own)


def _refuse_unknown(name: Any, known: list[str]) -> None:
    if name not in known:
        near = suggest_word(str(name), known)
        raise ValueError(f"no objective is called {name!r}{near}; there are {', '.join(known)}")


Objective = Annotated[CrossEntropy | GKD, BeforeValidator(_choose)]
