"""Fits of one feature to variables, written down in a test."""

import torch

from core.features.variables import variable_fits


def fit(activation, **columns):
    rows = [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
    return variable_fits(torch.as_tensor(activation).float()[:, None], rows)[0]
