"""Language models behind one adapter: Hugging Face modules, named sites, permanent hooks."""

from core.models.families import FAMILIES, FamilySpec, family_of
from core.models.hooks import Edits
from core.models.language_model import LanguageModel, Trace
from core.models.load import bundled_models, load_model, load_tokenizer
from core.models.norms import NormWeights
from core.models.scores import (
    Rotation,
    ScoreWeights,
    attention_scores,
    causal_pattern,
    rotation,
    score_weights,
    scores_of,
)
from core.models.threads import suited_threads
from core.models.weights import LayerWeights

__all__ = [
    "FAMILIES",
    "Edits",
    "FamilySpec",
    "LanguageModel",
    "LayerWeights",
    "NormWeights",
    "Rotation",
    "ScoreWeights",
    "Trace",
    "attention_scores",
    "bundled_models",
    "causal_pattern",
    "family_of",
    "load_model",
    "load_tokenizer",
    "rotation",
    "score_weights",
    "scores_of",
    "suited_threads",
]
