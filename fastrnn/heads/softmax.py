"""Softmax over K classes: p_k = exp(z_k) / sum_j exp(z_j), loss -log p_y.

J. S. Bridle, "Probabilistic interpretation of feedforward classification network outputs", Neurocomputing (1990).
"""

from dataclasses import dataclass
from functools import reduce

import numpy as np

from fastrnn.formula import detach, exp, greater, log, maximum, softplus, where
from fastrnn.heads.base import Head


@dataclass(frozen=True)
class Softmax(Head):
    """Probabilities of K classes; targets are class numbers, -1 where a step does not count."""

    name = "softmax"
    targets = "classes"

    def loss(self, z, y):
        """-log p_y, with the largest z taken out, so that no exponential overflows."""
        if len(z) == 2:
            # One exponential, and one sigmoid for the derivatives.
            return softplus(where(greater(y[0], 0.5), z[0] - z[1], z[1] - z[0]))
        largest = detach(reduce(maximum, z))
        # The difference first: it is exact where the two are close, and large outputs would swallow the logarithm.
        return log(sum((exp(each - largest) for each in z[1:]), exp(z[0] - largest))) + (largest - _chosen(z, y[0]))

    def correct(self, z, y):
        """1 where no other class has a larger z."""
        return where(greater(reduce(maximum, z), _chosen(z, y[0])), 0.0, 1.0)

    def link(self, z):
        """Probabilities (..., K)."""
        powers = np.exp(z - z.max(-1, keepdims=True))
        return powers / powers.sum(-1, keepdims=True)


def _chosen(z, y):
    """z_y."""
    chosen = z[0]
    for number, each in enumerate(z[1:], 1):
        chosen = where(greater(y, number - 0.5), each, chosen)
    return chosen
