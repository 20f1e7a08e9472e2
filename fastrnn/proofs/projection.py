"""Projects hidden states of any number of units on a plane: directions that separate a task's states, and shadows of
boxes."""

import numpy as np

from fastrnn import streams
from fastrnn.bits.planes import unpacked_bits
from fastrnn.proofs.sequences import planes_of, skewed

# Spread within a state that directions are not charged for: boxes of saturated units are nearly points.
RIDGE = 1e-3


def real_states(model, automaton, sequences, steps, seed=0):
    """Return (hidden states (N, H), the task's state after each (N)) of skewed sequences, computed by the model's own
    kernels."""
    rng = np.random.Generator(np.random.Philox(key=[seed, streams.STATE_STREAM]))
    symbols = skewed(automaton.symbols, sequences, steps, rng)
    hidden = model.forward(unpacked_bits(planes_of(symbols, model.input_size), sequences))[1]
    state, states = np.zeros(sequences, int), np.empty(symbols.shape, int)
    for t in range(steps):
        state = states[:, t] = automaton.following[state, symbols[:, t]]
    return hidden.reshape(-1, model.hidden_size).astype(float), states.reshape(-1)


def directions(points, labels):
    """Return two orthonormal directions (2, H) that separate labelled points (N, H) best.

    The first is Fisher's: the means of the labels differ most there for how far the points vary within a label. The
    second is Fisher's next, if there are three labels or more, else the direction of the largest variation that is
    left. Of two units they are the units themselves; of one unit the second is 0.

    R. A. Fisher, "The use of multiple measurements in taxonomic problems", Annals of Eugenics 7 (1936).
    """
    units = points.shape[1]
    if units <= 2:
        return np.eye(2, units)
    kinds, which = np.unique(labels, return_inverse=True)
    means = np.array([points[which == kind].mean(0) for kind in range(len(kinds))])
    within, between = points - means[which], means[which] - points.mean(0)
    size = np.trace(within.T @ within) / units + RIDGE * np.trace(between.T @ between) / units + 1e-12
    scatter = within.T @ within + RIDGE * size * np.eye(units)
    root = np.linalg.inv(np.linalg.cholesky(scatter))
    fisher = np.linalg.svd(between @ root.T, full_matrices=False)[2] @ root
    first = _unit(fisher[0])
    left = within if len(kinds) < 3 else np.outer(np.ones(2), fisher[1])
    second = np.linalg.svd(left - np.outer(left @ first, first), full_matrices=False)[2][0]
    return np.array([_signed(first), _signed(_unit(second))])


def shadows(low, high, plane):
    """Return the outlines (N, 2 H, 2) of boxes (N, H), projected on a plane (2, H): zonotopes spanned by the boxes'
    edges.

    Boxes (N, W) of cells with further states are projected by their first H numbers, those of h.
    """
    low, high = low[:, : plane.shape[1]], high[:, : plane.shape[1]]
    # Each edge in its upper direction, in the order of their angles.
    upper = plane * np.where((plane[1] < 0) | ((plane[1] == 0) & (plane[0] < 0)), -1.0, 1.0)
    order = np.argsort(np.arctan2(upper[1], upper[0]), kind="stable")
    centre, steps = (low + high) / 2 @ plane.T, (high - low)[:, order, None] * upper.T[order]
    half = np.cumsum(steps, 1) - steps.sum(1, keepdims=True) / 2
    return centre[:, None] + np.concatenate([half, -half], 1)


def _unit(vector):
    return vector / np.sqrt(vector @ vector)


def _signed(vector):
    """Return the vector or its negative, so that its largest number is positive."""
    return vector * np.sign(vector[np.abs(vector).argmax()])
