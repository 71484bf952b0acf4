"""Sparse dictionaries from MLP input to MLP output: make, read, write, train, measure."""

from core.transcoders.activations import (
    Activation,
    Gated,
    JumpRelu,
    Nested,
    Neurons,
    Relu,
    TopK,
)
from core.transcoders.belonging import check_belongs
from core.transcoders.crossing import arrived, hand_up
from core.transcoders.files import load_transcoders, save_transcoders
from core.transcoders.neurons import neuron_transcoders
from core.transcoders.open import Dictionary, open_transcoders
from core.transcoders.prediction import PredictionHead, load_heads, save_heads
from core.transcoders.report import LayerQuality, QualityReport, measure_transcoders
from core.transcoders.samples import Samples, collect
from core.transcoders.settings import NestedSettings, PredictionSettings, TrainSettings
from core.transcoders.sizing import pooled_ranks, sized
from core.transcoders.tensors import check_fits
from core.transcoders.train import (
    Progress,
    Trained,
    TrainReport,
    train_on_samples,
    train_transcoders,
)
from core.transcoders.transcoder import Transcoder
from core.transcoders.transcoder_set import TranscoderSet

__all__ = [
    "Activation",
    "Dictionary",
    "Gated",
    "JumpRelu",
    "LayerQuality",
    "Nested",
    "NestedSettings",
    "Neurons",
    "PredictionHead",
    "PredictionSettings",
    "Progress",
    "QualityReport",
    "Relu",
    "Samples",
    "TopK",
    "TrainReport",
    "TrainSettings",
    "Trained",
    "Transcoder",
    "TranscoderSet",
    "arrived",
    "check_belongs",
    "check_fits",
    "collect",
    "hand_up",
    "load_heads",
    "load_transcoders",
    "measure_transcoders",
    "neuron_transcoders",
    "open_transcoders",
    "pooled_ranks",
    "save_heads",
    "save_transcoders",
    "sized",
    "train_on_samples",
    "train_transcoders",
]
