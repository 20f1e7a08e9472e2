"""Permutation tests: the loss that a network would have if its predictions were unrelated to the targets."""

from typing import NamedTuple

import numpy as np

from fastrnn.analysis.baselines.base import step_roles
from fastrnn.arguments import as_integer
from fastrnn.data.roles import NAMES
from fastrnn.formula.evaluate import on_numpy
from fastrnn.heads.base import traced
from fastrnn.training.sequences.one import as_fits


class Permutation(NamedTuple):
    """A model's loss, and its losses on permuted targets.

    Attributes
    ----------
    loss : float
        The model's mean loss.
    permuted : float64 array (permutations,)
        Its mean losses on targets in random order.
    p : float
        (1 + number of permuted losses that are not larger) / (1 + permutations).
    """

    loss: float
    permuted: np.ndarray
    p: float


def permutation_baseline(fits, data, roles=None, *, model=0, role="test", permutations=1000, seed=0):
    """Return a model's mean loss on sequences whose targets are shuffled, to test whether it predicts anything.

    Counted targets are shuffled within their sequence, so that each sequence keeps its own shares of targets; if
    sequences have one target each, targets are shuffled between sequences. For the head "esr" the loss is here the
    squared error.

    Parameters
    ----------
    fits : Fits or Fit
        The model, or models.
    data : Sequences
        Sequences with targets.
    roles : array (N,) or None
        The role of each sequence; None: all sequences are used.
    model : int
        The number of the model in `fits`.
    role : str
        Which sequences to use: "train", "validation" or "test".
    permutations : int
        How many times the targets are shuffled.
    seed : int
        The seed of the permutations.

    Returns
    -------
    Permutation
        A NamedTuple: `loss`, that of the model; `permuted` (permutations,), those on shuffled targets; and `p`,
        (1 + number of permuted losses that are not larger) / (1 + permutations).

    Raises
    ------
    ValueError
        For an unknown role, or a role without counted steps.

    References
    ----------
    R. A. Fisher, "The Design of Experiments" (1935).
    """
    if role not in NAMES:
        raise ValueError(f"role: got {role!r}, expected one of {', '.join(NAMES)}")
    chosen = True if roles is None else step_roles(data, roles) == NAMES.index(role)
    at = np.flatnonzero(chosen & (data.weight > 0))
    if not len(at):
        raise ValueError(f"roles: no {role} sequence has a step that counts")
    permutations = as_integer("permutations", permutations, 1)
    z = as_fits(fits)[int(model)].outputs(data)[at].astype(float)
    owner = np.repeat(np.arange(len(data)), data.lengths)[at]
    if (np.bincount(owner)[np.unique(owner)] == 1).all():
        owner = np.zeros(len(at), np.int64)
    # What is allowed at a step goes with its target.
    targets, formulas = data.target_rows(at), traced(fits.head.suited(data.allowed is not None), z.shape[1])
    rng = np.random.default_rng(as_integer("seed", seed, 0))

    def loss(y):
        values = dict(zip(formulas.seen, z.T)) | dict(zip(formulas.y, y.T))
        return float(np.average(on_numpy([formulas.loss], values)[0], weights=data.weight[at]))

    own = loss(targets)
    permuted = np.array([loss(targets[np.lexsort((rng.random(len(at)), owner))]) for _ in range(permutations)])
    return Permutation(own, permuted, float((1 + (permuted <= own).sum()) / (1 + permutations)))
