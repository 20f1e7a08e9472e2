"""Learning-rate schedules: the factor on the learning rate at progress p = n / N, for update n = 0, ..., N - 1 of N."""

import numpy as np


def constant(p):
    """Return 1."""
    return np.ones_like(p)


def linear(p):
    """Return 1 - n / N: a straight line from 1 at the first update to 1 / N at the last; update N would have 0."""
    return 1 - p


def cosine(p):
    """Return (1 + cos(pi n / N)) / 2: from 1 down along half a cosine; update N would have 0.

    I. Loshchilov and F. Hutter, "SGDR", ICLR 2017.
    """
    return (1 + np.cos(np.pi * p)) / 2


def drop(p):
    """Return 1 in the first 70 % of the updates, then 0.3."""
    return np.where(p < 0.7, 1.0, 0.3)


def exponential(p):
    """Return 0.01^p: the same factor from each update to the next, down to a hundredth."""
    return 0.01**p


SCHEDULES = {"constant": constant, "linear": linear, "cosine": cosine, "drop": drop, "exponential": exponential}


def rates(name, learning_rate, first, count, total, warmup=0):
    """Return the learning rates (float64) of updates first to first + count - 1, counted from 0, out of `total`.

    warmup: this many of the first updates n have (n + 1) / warmup of the rate, and the schedule begins after them
    (P. Goyal and others, "Accurate, large minibatch SGD", arXiv:1706.02677, 2017). Past the end rates are those of
    p = 1.
    """
    n = first + np.arange(count)
    factors = SCHEDULES[name](np.clip((n - warmup) / max(total - warmup, 1), 0.0, 1.0))
    return learning_rate * factors * np.minimum((n + 1) / max(warmup, 1), 1.0)
