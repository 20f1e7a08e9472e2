"""Regression on the last inputs: logistic for classes and bits, linear for reals."""

import numpy as np

from fastrnn.analysis.baselines.base import (
    earlier_inputs,
    possible,
    scored_probabilities,
    scored_reals,
    trained_on,
)
from fastrnn.arguments import as_integer, as_number
from fastrnn.program import install


def logistic_baseline(data, roles, history=1, C=1.0):
    """Fit a logistic regression on the last inputs, with scikit-learn's LogisticRegression.

    Bits have one regression for each output.

    Parameters
    ----------
    data : Sequences
        Sequences whose targets are classes or bits.
    roles : array (N,)
        The role of each sequence.
    history : int
        The number of steps whose inputs are used; inputs before the first step are 0.
    C : float
        The inverse strength of the L2 penalty.

    Returns
    -------
    Baseline

    Raises
    ------
    ValueError
        For real targets.
    ImportError
        Without scikit-learn.
    """
    history = as_integer("history", history, 1)
    if data.kind not in ("classes", "bits"):
        raise ValueError(f"data: the targets are {data.kind}, expected classes or bits for logistic regression")
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise ImportError(
            f"logistic_baseline: scikit-learn is missing ({error}): {install('scikit-learn')}"
        ) from error

    chosen, x = trained_on(data, roles), earlier_inputs(data, history).reshape(data.steps, -1)
    columns = [data.y] if data.kind == "classes" else data.y.T
    p = []
    for y in columns:
        own = np.zeros((data.steps, data.classes or 2))
        present = np.unique(y[chosen])
        if len(present) == 1:  # nothing to tell apart
            own[:, int(present[0])] = 1
        else:
            fit = LogisticRegression(C=C, max_iter=1000, tol=1e-6).fit(x[chosen], y[chosen], data.weight[chosen])
            own[:, present.astype(int)] = fit.predict_proba(x)
        p.append(own)
    p = p[0] if data.kind == "classes" else np.stack([own[:, 1] for own in p], 1)
    name = f"logistic regression, {history} step{'s' * (history > 1)}"
    return scored_probabilities(name, data, roles, possible(data, chosen, p))


def linear_baseline(data, roles, history=1, ridge=0.0, head=None):
    """Fit a linear regression with an intercept on the last inputs, by least squares.

    If the inputs are the series itself, this is its autoregression of order `history`.

    Parameters
    ----------
    data : Sequences
        Sequences with real targets.
    roles : array (N,)
        The role of each sequence.
    history : int
        The number of steps whose inputs are used; inputs before the first step are 0.
    ridge : float
        The strength of an L2 penalty on all coefficients except the intercept: it is added to the diagonal of X^T X.
    head : Head or None
        The head of the networks to compare with: of Linear("esr") the losses are error-to-signal ratios. None: mean
        squared errors.

    Returns
    -------
    Baseline

    Raises
    ------
    ValueError, TypeError
        For targets that are not reals, and a penalty that is not a finite number of at least 0.
    """
    history, ridge = as_integer("history", history, 1), as_number("ridge", ridge)
    if data.kind != "reals":
        raise ValueError(f"data: the targets are {data.kind}, expected reals for linear regression")
    chosen, x = trained_on(data, roles), earlier_inputs(data, history).reshape(data.steps, -1)
    root = np.sqrt(data.weight[chosen])[:, None]
    rows, y = x[chosen], data.y[chosen]
    # Means taken out first: the constant is neither penalised nor mixed with the rest.
    means = [np.average(values, 0, data.weight[chosen]) for values in (rows, y)]
    a, b = root * (rows - means[0]), root * (y - means[1])
    if ridge:
        a = np.concatenate([a, np.sqrt(ridge) * np.eye(a.shape[1])])
        b = np.concatenate([b, np.zeros((a.shape[1], b.shape[1]))])
    w = np.linalg.lstsq(a, b, rcond=None)[0]
    predicted = (x - means[0]) @ w + means[1]
    name = f"linear regression, {history} step{'s' * (history > 1)}"
    return scored_reals(name, data, roles, predicted, head)
