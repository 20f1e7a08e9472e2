"""Scores of predictions: likelihood, ROC curve, calibration, confusion, normalised errors."""

from typing import NamedTuple

import numpy as np

from fastrnn.arguments import as_integer


def normalised_likelihood(log_likelihood, steps):
    """Return the geometric mean of the probabilities that the observed targets were given.

        exp(log_likelihood / steps)

    Parameters
    ----------
    log_likelihood : float or array of any shape
        In nats, summed over the counted steps.
    steps : int or array
        The number of counted steps, at least 1; one for all, or one for each log-likelihood.

    Returns
    -------
    float64 or array
        Between 0 and 1, in the shape of the log-likelihoods.

    Raises
    ------
    ValueError
        For a number of steps below 1.
    """
    steps = np.asarray(steps, float)
    if not (steps >= 1).all():
        raise ValueError(f"steps: got {steps.min():g}, expected at least 1")
    return np.exp(np.asarray(log_likelihood, float) / steps)


def auc(p, y, weight=None):
    """Return the area under the ROC curve of a binary output.

        P(p of a one > p of a zero) + P(p of a one = p of a zero) / 2

    Parameters
    ----------
    p : array (S,) or (S, 1)
        Predictions, larger where a one is more probable.
    y : array (S,) or (S, 1)
        The targets, 0 or 1.
    weight : array (S,) or None
        Weights of the steps; a step of weight 0 is left out. None: all weigh 1.

    Returns
    -------
    float
        From 0 to 1; 0.5 for predictions that are independent of the targets.

    Raises
    ------
    ValueError
        For shapes that do not match, targets other than 0 and 1, or targets that are all equal.

    References
    ----------
    J. A. Hanley and B. J. McNeil, "The meaning and use of the area under a receiver operating characteristic (ROC)
    curve", Radiology 143 (1982).
    """
    p, y, weight = _binary(p, y, weight)
    if (ones := weight[y == 1].sum()) == 0 or (zeros := weight[y == 0].sum()) == 0:
        raise ValueError(f"y: got only {y[0]:g} where steps count, expected zeros and ones")
    values, place = np.unique(p, return_inverse=True)
    one, zero = (np.bincount(place, weight * (y == bit), len(values)) for bit in (1, 0))
    below = np.cumsum(zero) - zero
    return float((one * (below + zero / 2)).sum() / (ones * zeros))


class Calibration(NamedTuple):
    """Predicted probabilities and observed shares of ones, in bins of predictions; empty bins are left out.

    Attributes
    ----------
    predicted : float64 array (bins,)
        The mean prediction in each bin.
    observed : float64 array (bins,)
        The share of ones in each bin.
    steps : float64 array (bins,)
        The sum of the weights of the steps in each bin.
    """

    predicted: np.ndarray
    observed: np.ndarray
    steps: np.ndarray

    @property
    def error(self):
        """The expected calibration error: the mean of |predicted - observed|, weighted by steps."""
        return float(np.average(np.abs(self.predicted - self.observed), weights=self.steps))


def calibration(p, y, bins=10, weight=None):
    """Compare predicted probabilities of ones with observed shares of ones, in bins of equal width from 0 to 1.

    Parameters
    ----------
    p : array (S,) or (S, 1)
        Predicted probabilities. A probability on the edge of two bins is in the lower one.
    y : array (S,) or (S, 1)
        The targets, 0 or 1.
    bins : int
        The number of bins.
    weight : array (S,) or None
        Weights of the steps; a step of weight 0 is left out. None: all weigh 1.

    Returns
    -------
    Calibration

    Raises
    ------
    ValueError
        For shapes that do not match, probabilities outside [0, 1], or targets other than 0 and 1.

    References
    ----------
    M. H. DeGroot and S. E. Fienberg, "The comparison and evaluation of forecasters", The Statistician 32 (1983).
    """
    p, y, weight = _binary(p, y, weight)
    bins = as_integer("bins", bins, 1)
    if p.min() < 0 or p.max() > 1:
        raise ValueError(f"p: got {p.min():g} to {p.max():g}, expected probabilities")
    place = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], p)
    steps, predicted, observed = (np.bincount(place, weight * values, bins) for values in (1.0, p, y))
    kept = steps > 0
    return Calibration(predicted[kept] / steps[kept], observed[kept] / steps[kept], steps[kept])


def confusion_matrix(predicted, y, classes=None):
    """Count the steps of each class by the class that was predicted.

    Parameters
    ----------
    predicted : array (S,) or (S, K)
        Class numbers; or probabilities, where the class with the largest one counts.
    y : array (S,)
        Class numbers of the targets; steps with a negative number do not count.
    classes : int or None
        The number of classes K; None: the smallest that all numbers, or the probabilities, allow.

    Returns
    -------
    int64 array (K, K)
        Row k, column j: steps of class k that were predicted as class j.

    Raises
    ------
    ValueError
        For shapes that do not match, and for numbers that are not those of classes, or are at least K.
    """
    predicted, y = np.asarray(predicted), np.asarray(y)
    if y.ndim != 1:
        raise ValueError(f"y: got shape {y.shape}, expected (S,), class numbers")
    if predicted.ndim == 2:
        classes = predicted.shape[1] if classes is None else classes
        predicted = predicted.argmax(1)
    if predicted.shape != y.shape:
        raise ValueError(
            f"predicted: got shape {predicted.shape}, expected {y.shape} as y has, with an axis of classes or none"
        )
    counts = y >= 0
    for name, values in (("predicted", predicted[counts]), ("y", y[counts])):
        if not (right := (values >= 0) & (values % 1 == 0)).all():
            raise ValueError(f"{name}: got {values[~right][0]:g}, expected class numbers from 0 on")
    predicted, y = predicted[counts].astype(np.int64), y[counts].astype(np.int64)
    least = int(max(predicted.max(initial=-1), y.max(initial=-1))) + 1
    classes = least if classes is None else classes
    if least > classes:
        raise ValueError(f"classes: got {classes}, but there is a class number {least - 1}")
    return np.bincount(y * classes + predicted, minlength=classes**2).reshape(classes, classes)


def nmse(predicted, y, weight=None):
    """Return the normalised mean squared error.

        sum (predicted - y)^2 / sum (y - mean of y)^2

    Parameters
    ----------
    predicted, y : array (S,) or (S, O)
        Predictions and targets. The sums are over all outputs; each output has its own mean.
    weight : array (S,) or None
        Weights of the steps; None: all weigh 1.

    Returns
    -------
    float
        0 for perfect predictions, 1 for predictions as good as the mean.

    Raises
    ------
    ValueError
        For shapes that do not match, or targets that do not vary.
    """
    predicted, y, weight = _real(predicted, y, weight)
    total = (weight * (y - np.average(y, 0, weight[:, 0])) ** 2).sum()
    if total == 0:
        raise ValueError("y: is constant, expected targets that vary")
    return float((weight * (predicted - y) ** 2).sum() / total)


def esr(predicted, y, weight=None):
    """Return the error-to-signal ratio, the usual error of models of sound.

        sum (predicted - y)^2 / sum y^2

    Parameters
    ----------
    predicted, y : array (S,) or (S, O)
        Predictions and targets. The sums are over all outputs.
    weight : array (S,) or None
        Weights of the steps; None: all weigh 1.

    Returns
    -------
    float
        0 for perfect predictions, 1 for silence.

    Raises
    ------
    ValueError
        For shapes that do not match, or targets that are 0 throughout.
    """
    predicted, y, weight = _real(predicted, y, weight)
    total = (weight * y**2).sum()
    if total == 0:
        raise ValueError("y: is 0 throughout, expected a signal")
    return float((weight * (predicted - y) ** 2).sum() / total)


def _binary(p, y, weight):
    p, y = np.asarray(p, float), np.asarray(y, float)
    # One output comes as (S, 1).
    p, y = (values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values for values in (p, y))
    if p.ndim != 1 or p.shape != y.shape:
        raise ValueError(f"p: got shape {p.shape} for y of shape {y.shape}, expected (S,) for both")
    weight = _weights(weight, len(y))
    p, y, weight = p[weight > 0], y[weight > 0], weight[weight > 0]
    if not len(y):
        raise ValueError("weight: no step counts")
    if not np.isin(y, (0, 1)).all():
        raise ValueError(f"y: got {y[~np.isin(y, (0, 1))][0]:g}, expected 0 or 1")
    if not np.isfinite(p).all():
        raise ValueError("p: holds values that are not finite")
    return p, y, weight


def _real(predicted, y, weight):
    predicted, y = np.asarray(predicted, float), np.asarray(y, float)
    predicted, y = (values[:, None] if values.ndim == 1 else values for values in (predicted, y))
    if predicted.ndim != 2 or predicted.shape != y.shape:
        raise ValueError(f"predicted: got shape {predicted.shape} for y of shape {y.shape}, expected the same")
    weight = _weights(weight, len(y))
    counts = weight > 0
    if not counts.any():
        raise ValueError("weight: no step counts")
    return predicted[counts], y[counts], weight[counts, None]


def _weights(weight, steps):
    weight = np.ones(steps) if weight is None else np.asarray(weight, float)
    if weight.shape != (steps,) or not ((weight >= 0) & (weight < np.inf)).all():
        raise ValueError(f"weight: got shape {weight.shape}, expected {steps} finite numbers of at least 0")
    return weight
