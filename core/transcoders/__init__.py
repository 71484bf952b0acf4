"""Sparse dictionaries from MLP input to MLP output: make, read, write, train, measure.

transcoder         the sparse stand-in for one MLP
transcoder_set     those of a whole model: one for each layer, or a cross-layer one
activations        from pre-activations to feature activations
crossing           what lower layers' features write into a running pass
neurons            the model's own MLP units as a feature basis
hidden             the paper's literal dictionary, to compare with
open               which transcoders a reference means
belonging          whether they belong to this model
files              folders of per-layer and cross-layer sets
clt_files          cross-layer sets as circuit-tracer writes them
imports            dictionaries of other training projects
tensors            what all readers of files share
activation_config  the activation in config.yaml
settings           what training can be told
samples            what is learnt from
sizing             how long a dense prefix has to be
train              one transcoder a layer, by reconstruction
objective          the parameters of a layer, and what they are trained for
training_state     weights and optimiser of one run; how a batch is drawn
checkpoint         a run on disk, to resume
prediction         heads that predict the next layer's features
report             how good a set is on unseen prompts
"""

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
