"""BERTScore by bert-score, and BERT-iBLEU made of it.

Source: Zhang et al. (2020); Niu et al. (2021) for BERT-iBLEU with beta 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dimsum.devices import pick_device
from dimsum.errors import ModelError
from dimsum.hub import pin
from dimsum.loading import check_model, count_positions
from dimsum.metrics.bleu import sentence_bleu
from dimsum.metrics.measured import Measured, measure_mean
from dimsum.models import hush_transformers, make_public_name, resolve

BETA = 4.0
USUAL = "roberta-large"
OFFLINE = "embedded:minilm-l6"
MAX_TOKENS = 512


class BertScore:
    """bert-score's scorer with a named model, loaded once.

    Attributes:
        signature: library, version, model, layer and what is not done.
    """

    def __init__(self, reference: str, batch_size: int = 64) -> None:
        """Load a model.

        Args:
            reference: a model reference, or "auto": roberta-large where it can be had, else the
                embedded MiniLM.

        Raises:
            ModelError: it cannot be loaded.
        """
        from bert_score import BERTScorer
        from bert_score.utils import model2layers
        from transformers import AutoConfig

        name = choose(reference)
        check_model(name, "encoder", role="scorer")
        resolved = resolve(name)
        try:
            with hush_transformers():
                layers = model2layers.get(name)
                if layers is None:
                    layers = AutoConfig.from_pretrained(resolved.path).num_hidden_layers
                self.scorer: Any = BERTScorer(
                    model_type=resolved.path,
                    num_layers=layers,
                    device=str(pick_device()),
                    batch_size=batch_size,
                    use_fast_tokenizer=True,
                )
        except Exception as error:
            raise ModelError(
                f"{make_public_name(name)} cannot score: {error}",
                hint="name another with --bertscore",
            ) from error
        tokenizer = self.scorer._tokenizer
        room = count_positions(self.scorer._model.config, tokenizer)
        tokenizer.model_max_length = min(room, MAX_TOKENS)
        cut = f", texts cut at {room} tokens" if room < MAX_TOKENS else ""
        self.batch_size = batch_size
        self.signature = (
            f"bert-score {version('bert-score')}, {make_public_name(name)}, layer {layers}, F1, "
            f"no idf, not rescaled{cut}"
        )

    def f1(self, outputs: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
        """F1 of each output against its best reference; an empty output has 0."""
        found = [0.0] * len(outputs)
        said = [i for i, output in enumerate(outputs) if output.strip()]
        if said:
            scores = self.scorer.score(
                [outputs[i] for i in said],
                [[r or "." for r in references[i]] for i in said],
                batch_size=self.batch_size,
            )[2]
            for i, score in zip(said, scores.tolist(), strict=True):
                found[i] = score
        return found

    def measure(self, outputs: Sequence[str], references: Sequence[Sequence[str]]) -> Measured:
        """BERTScore F1, 0 to 100, the best of several references."""
        values = [100 * score for score in self.f1(outputs, references)]
        return measure_mean("bertscore", values, f"{self.signature}, best reference, mean x 100")

    def bert_ibleu(
        self, outputs: Sequence[str], sources: Sequence[str], beta: float = BETA
    ) -> Measured:
        """BERT-iBLEU, 0 to 100, of each output against its source, averaged."""
        meaning = self.f1(outputs, [[source] for source in sources])
        copied = sentence_bleu(outputs, sources)
        values = [100 * bert_ibleu(k, c, beta) for k, c in zip(meaning, copied, strict=True)]
        about = f"BERT-iBLEU, beta {beta:g}, sentence BLEU by sacrebleu {version('sacrebleu')}"
        return measure_mean("bert_ibleu", values, f"{about}; {self.signature}; mean x 100")


def bert_ibleu(bertscore: float, self_bleu: float, beta: float = BETA) -> float:
    """Weighted harmonic mean of meaning kept and words changed, 0 to 1.

    (beta + 1) / (beta / BERTScore(source, output) + 1 / (1 - BLEU(source, output)))
    """
    changed = 1.0 - self_bleu
    if bertscore <= 0 or changed <= 0:
        return 0.0
    return (beta + 1) / (beta / bertscore + 1 / changed)


def choose(reference: str) -> str:
    """The model that is meant; "auto" asks the Hub and its cache once."""
    if reference != "auto":
        return str(Path(reference)) if Path(reference).is_dir() else reference
    try:
        pin(resolve(USUAL))
    except ModelError:
        return OFFLINE
    return USUAL
