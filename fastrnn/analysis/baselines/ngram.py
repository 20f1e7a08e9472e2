"""n-grams: how often each target follows the last inputs."""

import numpy as np

from fastrnn.analysis.baselines.base import scored_probabilities, trained_on
from fastrnn.arguments import POSITIVE, as_integer, as_number
from fastrnn.data.segments import ranges


def ngram_baseline(data, roles, history=3, prior=1.0):
    """Fit n-grams: probabilities of the target given the last inputs, counted on training steps.

        p_k(y | context) = (count(context, y) + prior p_(k-1)(y | shorter context)) / (count(context) + prior)

    p_0 are the shares of the targets. A context that is rare in training relies on the shorter one. Two inputs are
    equal if all their values are.

    Parameters
    ----------
    data : Sequences
        Sequences whose targets are classes or bits.
    roles : array (N,)
        The role of each sequence.
    history : int
        The longest context, in steps.
    prior : float
        The weight of the shorter context, above 0.

    Returns
    -------
    Baseline

    Raises
    ------
    ValueError, TypeError
        For real targets, or a prior that is not positive.

    References
    ----------
    D. J. C. MacKay and L. C. B. Peto, "A hierarchical Dirichlet language model", Natural Language Engineering 1 (1995).
    """
    history, prior = as_integer("history", history, 1), as_number("prior", prior, *POSITIVE)
    if data.kind not in ("classes", "bits"):
        raise ValueError(f"data: the targets are {data.kind}, expected classes or bits for n-grams")
    chosen = trained_on(data, roles)
    weight = data.weight[chosen]
    targets = np.eye(data.classes)[np.maximum(data.y, 0)] if data.kind == "classes" else data.y
    # One count of all targets, to begin with; a target that never came is possible, too.
    p = (weight @ targets[chosen] + prior / (data.classes or 2)) / (weight.sum() + prior)
    p = np.broadcast_to(p, targets.shape)
    inputs = np.unique(data.x, axis=0, return_inverse=True)[1].reshape(-1)
    place = ranges(data.lengths)
    context = np.zeros(data.steps, np.int64)
    for lag in range(history):
        # 0 stands for what is before the first step.
        own = np.where(place >= lag, np.roll(inputs, lag) + 1, 0)
        context = np.unique(context * (inputs.max() + 2) + own, return_inverse=True)[1].reshape(-1)
        contexts = context.max() + 1
        total = np.bincount(context[chosen], weight, contexts)
        counts = np.stack([np.bincount(context[chosen], weight * column[chosen], contexts) for column in targets.T], 1)
        p = (counts[context] + prior * p) / (total[context] + prior)[:, None]
    return scored_probabilities(f"{history}-gram", data, roles, p)
