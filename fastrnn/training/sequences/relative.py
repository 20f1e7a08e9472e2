"""Losses relative to the targets, after a filter along time: their divisors, and the filtered values."""

import numpy as np


def loss_weights(head, data):
    """Return (N,) float64: the divisor of the summed loss of each of the Sequences.

    The weights of its steps or, for a relative head, the energy of its filtered targets: the loss of z = 0.
    """
    weight = data.weight
    if head.relative:
        weight = weight * (emphasised(data.y, data, head.emphasis) ** 2).mean(1)
    return np.add.reduceat(weight, data.offsets[:-1])


def emphasised(values, data, share):
    """Return (..., S, O) values minus a share of those of the previous step in the same sequence, if that step counts.
    """
    before = np.zeros_like(values)
    before[..., 1:, :] = np.where((data.weight[:-1] > 0)[:, None], values[..., :-1, :], 0)
    before[..., data.offsets[:-1], :] = 0
    return values - share * before
