"""Helpers of all baselines: scores by role, inputs of earlier steps."""

from dataclasses import dataclass

import numpy as np

from fastrnn.arguments import check_object
from fastrnn.data.roles import TEST, TRAIN, VALIDATION, check_roles
from fastrnn.data.segments import ranges
from fastrnn.heads.base import Head
from fastrnn.training.sequences.relative import emphasised


@dataclass(frozen=True)
class Baseline:
    """The scores of a simple model.

    Attributes
    ----------
    name : str
        The model in words.
    loss : tuple of 3 floats
        Mean losses of the counted steps of training, validation and test sequences; nan where there are none. The loss
        is that of a network's head: the cross-entropy in nats of classes, its sum over outputs of bits, the mean
        squared error over outputs of reals, or their error-to-signal ratio.
    accuracy : tuple of 3 floats
        Shares of steps that were predicted right; nan for reals, and where there are no steps.
    """

    name: str
    loss: tuple
    accuracy: tuple

    @property
    def test_loss(self):
        """The mean loss of the counted steps of the test sequences."""
        return self.loss[2]

    @property
    def likelihood(self):
        """The normalised likelihood of the test steps, exp(-loss), for classes and bits."""
        return float(np.exp(-self.loss[2]))


def step_roles(data, roles):
    """Return the role of each step's sequence, (S,), from the roles of sequences (N,). Raises ValueError or TypeError
    for other roles."""
    if data.kind is None:
        raise ValueError("data: has no targets; give y")
    roles = check_roles(roles, len(data))
    if roles.ndim != 1:
        raise ValueError(f"roles: got shape {roles.shape}, expected ({len(data)},), those of one model")
    return np.repeat(roles, data.lengths)


def trained_on(data, roles):
    """Return which steps are counted steps of training sequences, (S,) bool."""
    return (step_roles(data, roles) == TRAIN) & (data.weight > 0)


def scored(name, data, roles, losses, correct=None, energy=None):
    """Return the Baseline with these losses (S,) and correct (S,) of all steps; energy (S,): what losses are relative
    to, or None."""
    own, loss, accuracy = step_roles(data, roles), [], []
    for role in (TRAIN, VALIDATION, TEST):
        weight = np.where(own == role, data.weight, 0)
        counts = weight > 0
        some = counts.any()
        total = weight.sum() if energy is None else weight @ energy
        loss.append(float(weight @ losses / total) if some and total > 0 else np.nan)
        accuracy.append(float(np.mean(correct[counts])) if some and correct is not None else np.nan)
    return Baseline(name, tuple(loss), tuple(accuracy))


def scored_reals(name, data, roles, predicted, head=None):
    """Return the Baseline with these predictions (S, O) of reals; head: the one whose loss it has, or None: the mean
    squared error."""
    check_object("head", head, Head | None, 'a Head or None, for example Linear("esr")')
    errors, signal = predicted - data.y, None
    if head is not None and head.relative:
        errors, signal = (emphasised(values, data, head.emphasis) for values in (errors, data.y))
    energy = None if signal is None else (signal**2).mean(1)
    return scored(name, data, roles, (errors**2).mean(1), energy=energy)


def scored_probabilities(name, data, roles, p):
    """Return the Baseline with these probabilities p: (S, K) of classes, or (S, O) of bits.

    Those of classes that are not allowed at a step go to the others, in proportion.
    """
    tiny = np.finfo(float).tiny
    if data.allowed is not None:
        p = np.where(data.allowed, p, 0)
        p = p / np.maximum(p.sum(1, keepdims=True), tiny)
    if data.kind == "classes":
        y = np.maximum(data.y, 0)
        chosen = p[np.arange(len(p)), y]
        return scored(name, data, roles, -np.log(np.maximum(chosen, tiny)), chosen >= p.max(1))
    losses = -np.log(np.maximum(np.where(data.y > 0.5, p, 1 - p), tiny)).sum(1)
    return scored(name, data, roles, losses, ((p > 0.5) == (data.y > 0.5)).all(1))


def possible(data, chosen, p):
    """Return the probabilities p, (S, K) of classes or (S, O) of ones, in which outcomes that never occurred are
    possible.

    A value that never came in the chosen steps, of weight W in all, gets the probability 1 / (K (W + 1)), and the
    others are reduced accordingly.
    """
    weight = data.weight[chosen]
    least = 1 / ((data.classes or 2) * (weight.sum() + 1))
    if data.kind == "classes":
        never = np.bincount(data.y[chosen], weight, data.classes) == 0
        return np.where(never, least, p * (1 - least * never.sum()))
    came = [weight @ (data.y[chosen] == bit) > 0 for bit in (0, 1)]
    return np.where(came[1], np.where(came[0], p, 1 - least), least)


def earlier_inputs(data, history):
    """Return the inputs of each step and of the steps before it in the same sequence, (S, history, I); 0 before the
    first step."""
    place = ranges(data.lengths)
    out = np.zeros((data.steps, history, data.x.shape[1]))
    for lag in range(history):
        inside = place >= lag
        out[inside, lag] = data.x[np.flatnonzero(inside) - lag]
    return out
