"""Predictions that do not depend on the inputs."""

import numpy as np

from fastrnn.analysis.baselines.base import possible, scored_probabilities, scored_reals, trained_on


def constant_baseline(data, roles, head=None):
    """Fit one prediction for all steps: the shares of classes or ones, or the mean, of the training steps.

    Parameters
    ----------
    data : Sequences
        Sequences with targets.
    roles : array (N,)
        The role of each sequence.
    head : Head or None
        The head of the networks to compare with: of Linear("esr") the losses are error-to-signal ratios. None: mean
        squared errors.

    Returns
    -------
    Baseline
    """
    chosen = trained_on(data, roles)
    y, weight = data.y[chosen], data.weight[chosen]
    if data.kind == "classes":
        shares = np.bincount(y, weight, data.classes) / weight.sum()
        p = np.broadcast_to(shares, (data.steps, data.classes))
        return scored_probabilities("constant", data, roles, possible(data, chosen, p))
    means = np.average(y, 0, weight)
    if data.kind == "bits":
        p = np.broadcast_to(means, data.y.shape)
        return scored_probabilities("constant", data, roles, possible(data, chosen, p))
    return scored_reals("constant", data, roles, np.broadcast_to(means, data.y.shape), head)


def persistence_baseline(data, roles, head=None):
    """Predict the target of the step before, and the training mean in the first step.

    Parameters
    ----------
    data : Sequences
        Sequences with real targets.
    roles : array (N,)
        The role of each sequence.
    head : Head or None
        The head of the networks to compare with: of Linear("esr") the losses are error-to-signal ratios. None: mean
        squared errors.

    Returns
    -------
    Baseline

    Raises
    ------
    ValueError
        For targets that are not reals.
    """
    if data.kind != "reals":
        raise ValueError(f"data: the targets are {data.kind}, expected reals for persistence")
    chosen = trained_on(data, roles)
    predicted = np.roll(data.y, 1, 0)
    predicted[data.offsets[:-1]] = np.average(data.y[chosen], 0, data.weight[chosen])
    return scored_reals("persistence", data, roles, predicted, head)
