"""The best network of each value of a group, of fits that have separate networks for each."""

import numpy as np


def best_networks(fits):
    """Return (the values of the group, in sorted order; which of them each model belongs to; the number of the best
    model of each value, -1 where all diverged; its losses (values, 3) of training, validation and test, then NaN)."""
    (owners,) = fits.groups.values()
    values, which = np.unique(owners, return_inverse=True)
    losses, best = fits.selection_loss, np.full(len(values), -1)
    for n in np.lexsort((losses, which))[::-1]:
        if losses[n] < np.inf:
            best[which[n]] = n
    return values, which, best, np.where(best[:, None] >= 0, fits.loss[best], np.nan).astype(float)
