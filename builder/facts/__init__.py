"""What a run knows about itself, by subject; `make_dataset_facts` is all, for a dataset card."""

from builder.facts.dataset import FUNNEL_PICTURE, PICTURES, make_dataset_facts
from builder.facts.files import find_data_paths, name_data_path
from builder.facts.origins import EVALUATION_FILE
from builder.facts.rules import describe_bound

__all__ = [
    "EVALUATION_FILE",
    "FUNNEL_PICTURE",
    "PICTURES",
    "describe_bound",
    "find_data_paths",
    "make_dataset_facts",
    "name_data_path",
]
