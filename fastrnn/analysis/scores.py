"""Scores of predictions: likelihood, ROC curve, calibration, confusion, normalised errors."""

from typing import NamedTuple

import numpy as np

from fastrnn.arguments import as_integer


def normalised_likelihood(log_likelihood, steps):
    """exp(log_likelihood / steps): the geometric mean of the probabilities given to the observed targets.

    log_likelihood: in nats, a sum over counted steps, any shape; steps: their number, or one for each.
    Raises ValueError for a number of steps below 1.
    """
    steps = np.asarray(steps, float)
    if not (steps >= 1).all():
        raise ValueError(f"steps: got {steps.min():g}, expected at least 1")
    return np.exp(np.asarray(log_likelihood, float) / steps)


def auc(p, y, weight=None):
    """Area under the ROC curve of a binary output: P(p of a one > p of a zero) + P(they are equal) / 2.

    p: (S,) predictions, larger where a one is likelier; y: (S,) 0 or 1; weight: (S,) of the steps, 0 leaves one out.
    J. A. Hanley and B. J. McNeil, Radiology 143 (1982). Raises ValueError where y has only one of the two values.
    """
    p, y, weight = _binary(p, y, weight)
    if (ones := weight[y == 1].sum()) == 0 or (zeros := weight[y == 0].sum()) == 0:
        raise ValueError(f"y: got only {y[0]:g} where steps count, expected zeros and ones")
    values, place = np.unique(p, return_inverse=True)
    one, zero = (np.bincount(place, weight * (y == bit), len(values)) for bit in (1, 0))
    below = np.cumsum(zero) - zero
    return float((one * (below + zero / 2)).sum() / (ones * zeros))


class Calibration(NamedTuple):
    """Bins of predicted probabilities: mean prediction and share of ones (bins,), and steps in each; bins without steps
    are left out.

    error: the expected calibration error, the mean of |predicted - observed| weighted by steps.
    """

    predicted: np.ndarray
    observed: np.ndarray
    steps: np.ndarray

    @property
    def error(self):
        """The mean distance between predicted and observed shares, weighted by steps."""
        return float(np.average(np.abs(self.predicted - self.observed), weights=self.steps))


def calibration(p, y, bins=10, weight=None):
    """Return the Calibration of probabilities p (S,) of ones in y (S,), in `bins` intervals of equal width from 0 to 1.

    weight: (S,) of the steps, 0 leaves one out. A probability on an edge is in the lower interval.
    M. H. DeGroot and S. E. Fienberg, The Statistician 32 (1983). Raises ValueError for probabilities outside [0, 1].
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
    """(K, K) int64: row k, column j counts steps of class k that are predicted to be j.

    predicted: (S,) class numbers, or (S, K) probabilities, of which the largest counts; y: (S,) class numbers, below 0
    where a step does not count; classes: K, where it does not follow from the numbers.
    Raises ValueError for numbers beyond K.
    """
    predicted, y = np.asarray(predicted), np.asarray(y)
    if predicted.ndim == 2:
        classes = predicted.shape[1] if classes is None else classes
        predicted = predicted.argmax(1)
    if y.ndim != 1 or predicted.shape != y.shape:
        raise ValueError(
            f"predicted: got shape {predicted.shape}, expected {y.shape} as y has, with an axis of classes " "or none"
        )
    counts = y >= 0
    predicted, y = predicted[counts].astype(np.int64), y[counts].astype(np.int64)
    least = int(max(predicted.max(initial=-1), y.max(initial=-1))) + 1
    classes = least if classes is None else classes
    if least > classes:
        raise ValueError(f"classes: got {classes}, but there is a class number {least - 1}")
    return np.bincount(y * classes + predicted, minlength=classes**2).reshape(classes, classes)


def nmse(predicted, y, weight=None):
    """sum (predicted - y)^2 / sum (y - mean of y)^2: 1 for a prediction as good as the mean.

    predicted, y: (S,) or (S, O), all outputs together, each with its own mean; weight: (S,) of the steps.
    Raises ValueError where y is constant.
    """
    predicted, y, weight = _real(predicted, y, weight)
    total = (weight * (y - np.average(y, 0, weight[:, 0])) ** 2).sum()
    if total == 0:
        raise ValueError("y: is constant, expected targets that vary")
    return float((weight * (predicted - y) ** 2).sum() / total)


def esr(predicted, y, weight=None):
    """The error-to-signal ratio sum (predicted - y)^2 / sum y^2, as it is used for sound.

    Arguments as in `nmse`. Raises ValueError where y is 0 throughout.
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
        raise ValueError("p: holds values that are no finite numbers")
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
    if weight.shape != (steps,) or not (weight >= 0).all():
        raise ValueError(f"weight: got shape {weight.shape}, expected {steps} numbers of at least 0")
    return weight
