"""The settings of a build, by what they decide; `BuildConfig` is all of them."""

from builder.config.bounds import Bound, Rules
from builder.config.build import PRESETS, BuildConfig, load_config, parse_config
from builder.config.models import CriticConfig, ModelConfig, TeacherConfig
from builder.config.pairs import DuplicatesConfig, PairsConfig, ScoresConfig
from builder.config.released import SplitsConfig, SyntaxConfig
from builder.config.run import RewritingConfig, RoundConfig, RunConfig
from builder.config.sentences import CandidatesConfig, ContextsConfig, DomainConfig

__all__ = [
    "PRESETS",
    "Bound",
    "BuildConfig",
    "CandidatesConfig",
    "ContextsConfig",
    "CriticConfig",
    "DomainConfig",
    "DuplicatesConfig",
    "ModelConfig",
    "PairsConfig",
    "RewritingConfig",
    "RoundConfig",
    "Rules",
    "RunConfig",
    "ScoresConfig",
    "SplitsConfig",
    "SyntaxConfig",
    "TeacherConfig",
    "load_config",
    "parse_config",
]
