"""Learning-rate schedules: the factor on the learning rate at progress p, from 0 (start) to 1 (last update)."""

import numpy as np


def constant(p):
    """1 throughout."""
    return np.ones_like(p)


def linear(p):
    """From 1 down to 0 in a straight line."""
    return 1 - p


def cosine(p):
    """From 1 down to 0 along half a cosine (I. Loshchilov and F. Hutter, "SGDR", ICLR 2017)."""
    return (1 + np.cos(np.pi * p)) / 2


def drop(p):
    """1, then 0.3 in the last 30 %."""
    return np.where(p < 0.7, 1.0, 0.3)


SCHEDULES = {"constant": constant, "linear": linear, "cosine": cosine, "drop": drop}


def rates(name, learning_rate, first, count, total):
    """Learning rates (float64) of updates first to first + count - 1 out of `total`."""
    return learning_rate * SCHEDULES[name](np.minimum((first + np.arange(count)) / max(total, 1), 1.0))
