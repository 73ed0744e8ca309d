"""What a build, and a worker of one, imports and reads before its first unit."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module

from dimsum.english import load_nlp
from dimsum.errors import ModelError

MODULES = (
    "datasketch",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "matplotlib.figure",
    "networkx",
    "peft",
    "py3langid.langid",
    "scipy.sparse.csgraph",
    "transformers.models.bert.modeling_bert",
    "transformers.models.llama.modeling_llama",
    "builder.cli",
    "builder.checks",
    "builder.commands.build",
    "builder.critics.entailment",
    "builder.enough",
    "builder.methods.parallel",
    "builder.release",
    "builder.report.pictures",
    "builder.statistics.study",
    "builder.run",
    "builder.unit",
)
for name in MODULES:
    import_module(name)
with suppress(ModelError):
    load_nlp()
