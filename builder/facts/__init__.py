"""What a run knows about itself, by subject; `dataset_facts` is all of it, for a dataset card."""

from builder.facts.dataset import FUNNEL_PICTURE, PICTURES, dataset_facts
from builder.facts.files import data_path, data_paths
from builder.facts.origins import EVALUATION_FILE
from builder.facts.rules import in_words

__all__ = [
    "EVALUATION_FILE",
    "FUNNEL_PICTURE",
    "PICTURES",
    "data_path",
    "data_paths",
    "dataset_facts",
    "in_words",
]
