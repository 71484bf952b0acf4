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
from core.transcoders.files import check_fits, load_transcoders, save_transcoders
from core.transcoders.neurons import neuron_transcoders
from core.transcoders.transcoder import Transcoder, TranscoderSet

__all__ = [
    "Activation",
    "Gated",
    "JumpRelu",
    "Nested",
    "Neurons",
    "Relu",
    "TopK",
    "Transcoder",
    "TranscoderSet",
    "check_fits",
    "load_transcoders",
    "neuron_transcoders",
    "save_transcoders",
]
