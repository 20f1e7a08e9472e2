"""Permutations: what a network's loss would be if its predictions had nothing to do with the targets."""

from typing import NamedTuple

import numpy as np

from fastrnn.analysis.baselines.base import step_roles
from fastrnn.arguments import as_integer
from fastrnn.data.roles import NAMES
from fastrnn.formula.evaluate import on_numpy
from fastrnn.heads.base import traced
from fastrnn.training.one import as_fits


class Permutation(NamedTuple):
    """loss: the model's; permuted (permutations,): with targets in random order; p: the share that is as good as the
    model, (1 + count) / (1 + permutations)."""

    loss: float
    permuted: np.ndarray
    p: float


def permutation_baseline(fits, data, roles=None, *, model=0, role="test", permutations=1000, seed=0):
    """Return the Permutation of a Fit, or of one model of Fits: its mean loss on Sequences whose targets are shuffled.

    Counted targets change places within their sequence, so that each keeps its own shares of targets; data of one
    target a sequence change places between sequences. Of "esr" the loss is here the squared error, which looks at one
    step at a time. roles (N,) and role: which sequences; None: all. R. A. Fisher, "The Design of Experiments" (1935).
    Raises ValueError for other roles.
    """
    chosen = np.ones(data.steps, bool)
    if roles is not None:
        if role not in NAMES:
            raise ValueError(f"role: got {role!r}, expected one of {', '.join(NAMES)}")
        chosen = step_roles(data, roles) == NAMES.index(role)
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
    rng = np.random.default_rng(seed)

    def loss(y):
        values = dict(zip(formulas.seen, z.T)) | dict(zip(formulas.y, y.T))
        return float(np.average(on_numpy([formulas.loss], values)[0], weights=data.weight[at]))

    own = loss(targets)
    permuted = np.array([loss(targets[np.lexsort((rng.random(len(at)), owner))]) for _ in range(permutations)])
    return Permutation(own, permuted, float((1 + (permuted <= own).sum()) / (1 + permutations)))
