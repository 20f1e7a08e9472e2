"""Simple models on the same sequences and roles as fits, whose losses a network has to beat."""

from dataclasses import replace

import numpy as np

from fastrnn.analysis.baselines.base import Baseline
from fastrnn.analysis.baselines.constant import constant_baseline, persistence_baseline
from fastrnn.analysis.baselines.linear import linear_baseline, logistic_baseline
from fastrnn.analysis.baselines.ngram import ngram_baseline
from fastrnn.analysis.baselines.permutation import permutation_baseline
from fastrnn.arguments import as_integer
from fastrnn.data.roles import TEST, check_roles
from fastrnn.training.sequences.fit import owned_by

__all__ = [
    "Baseline",
    "baselines_in_folds",
    "baselines_of_each",
    "constant_baseline",
    "linear_baseline",
    "logistic_baseline",
    "ngram_baseline",
    "permutation_baseline",
    "persistence_baseline",
    "suitable_baselines",
]


def suitable_baselines(data, roles, history=5, head=None):
    """Fit the simple models that suit the targets.

    For classes and bits: a constant; n-grams of the last inputs, if inputs take few different values, of the length up
    to `history` with the lowest validation loss; and logistic regression on the last `history` inputs, if scikit-learn
    is installed. For reals: a constant, persistence, and linear regression on the last `history`
    inputs; with Linear("esr") no persistence, since a network of sound sees no earlier targets.

    Parameters
    ----------
    data : Sequences
        Sequences with targets.
    roles : array (N,)
        The role of each sequence, as for train_many; models are fitted to training sequences only.
    history : int
        The number of steps that the models look at.
    head : Head or None
        The head of the networks to compare with: of Linear("esr") the losses are error-to-signal ratios. None: mean
        squared errors.

    Returns
    -------
    list of Baseline
    """
    made = [constant_baseline(data, roles, head)]
    if data.kind == "reals":
        kept = [] if head is not None and head.relative else [persistence_baseline(data, roles, head)]
        return [*made, *kept, linear_baseline(data, roles, history, head=head)]
    if few_values(data):
        made.append(best_ngram(data, roles, history))
    try:
        return [*made, logistic_baseline(data, roles, history)]
    except ImportError:
        return made


def baselines_in_folds(data, roles, history=5, head=None):
    """Return the test losses of `suitable_baselines` over all outer folds, to compare with those of cross_validate.

    Parameters
    ----------
    data : Sequences
        Sequences with targets.
    roles : array (R, N)
        Roles of the sequences in R fits, as fastrnn.data.folds returns them; of rows with the same test sequences the
        first one is used.
    history : int
        The number of steps that the models look at.
    head : Head or None
        The head of the networks to compare with: of Linear("esr") the losses are error-to-signal ratios. None: mean
        squared errors.

    Returns
    -------
    dict
        {name: loss}, means over the folds, weighted by counted steps, as in Selection.summary.

    Raises
    ------
    ValueError, TypeError
        In one line, for roles that do not fit, or if no test sequence has a counted step.
    """
    roles = np.atleast_2d(check_roles(roles, len(data)))
    first = np.unique(roles == TEST, axis=0, return_index=True)[1]
    total, steps = {}, 0
    for row in roles[np.sort(first)]:
        own = data.counted[row == TEST].sum()
        if own > 0:
            steps += own
            for each in suitable_baselines(data, row, history, head):
                total[each.name] = total.get(each.name, 0.0) + own * each.test_loss
    if not total:
        raise ValueError("roles: no test sequence has a step that counts")
    return {name: value / steps for name, value in total.items()}


def baselines_of_each(data, roles, each, history=5, head=None):
    """Return the losses of `suitable_baselines` that are fitted to the sequences of each value of a group alone.

    Parameters
    ----------
    data : Sequences
        Sequences with targets.
    roles : array (N,)
        The role of each sequence.
    each : str
        The name of a group, for example "subject".
    history : int
        The number of steps that the models look at.
    head : Head or None
        The head of the networks to compare with: of Linear("esr") the losses are error-to-signal ratios. None: mean
        squared errors.

    Returns
    -------
    dict
        {name: float64 array (G, 3)}, mean losses of the training, validation and test sequences of each of G values, in
        sorted order; nan where there are none, or where the model does not suit the inputs of this value.

    Raises
    ------
    ValueError
        For an unknown group.
    """
    owned, made = owned_by(data, each), {}
    for n, own in enumerate(owned):
        for found in suitable_baselines(data.select(own), check_roles(roles, len(data))[own], history, head):
            made.setdefault(found.name, np.full((len(owned), 3), np.nan))[n] = found.loss
    return made


def best_ngram(data, roles, history):
    """Return the n-grams of 1 to `history` inputs with the lowest validation loss; those of `history` where no sequence
    validates."""
    history = as_integer("history", history, 1)
    made = [ngram_baseline(data, roles, length) for length in range(1, history + 1)]
    losses = [each.loss[1] for each in made]
    best = made[-1] if np.isnan(losses).any() else made[int(np.argmin(losses))]
    return replace(best, name=f"n-grams of up to {history} steps")


def few_values(data, most=64):
    """Return whether the inputs take so few different values that n-grams are useful."""
    return len(np.unique(data.x[:10_000], axis=0)) <= most
