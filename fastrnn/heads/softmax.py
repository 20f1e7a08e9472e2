"""Softmax over K classes: p_k = exp(z_k) / sum_j exp(z_j), loss -log p_y.

J. S. Bridle, "Probabilistic interpretation of feedforward classification network outputs", Neurocomputing (1990).
"""

from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from fastrnn.formula import detach, exp, greater, log, maximum, softplus, where
from fastrnn.heads.base import Head

# The output of a forbidden class: its exponential is 0, and differences of two of them are finite, in float32, too.
FORBIDDEN_LOGIT = -1e30


@dataclass(frozen=True)
class Softmax(Head):
    """Probabilities of K classes; targets are class numbers, -1 where a step does not count.

    masked: the data say which classes are allowed at each step; the others have probability 0 and no gradient. It
    follows from the data: y is then the class number and, for each class, 1 where it is allowed, else 0.
    """

    masked: bool = False

    name = "softmax"
    targets = "classes"

    def target_size(self, outputs):
        """Return the size of a step's target: a class number, and which classes are allowed."""
        return 1 + outputs * self.masked

    def suited(self, masked):
        """Return the head for data that do, or do not, say which classes are allowed at each step."""
        return replace(self, masked=masked)

    def loss(self, z, y):
        """Return -log p_y, with the largest z subtracted, so that no exponential overflows."""
        z = self._allowed(z, y)
        if len(z) == 2:
            # One exponential, and one sigmoid for the derivatives.
            return softplus(where(greater(y[0], 0.5), z[0] - z[1], z[1] - z[0]))
        largest = detach(reduce(maximum, z))
        # The difference first: it is exact where the two are close, and large outputs would swallow the logarithm.
        return log(sum((exp(each - largest) for each in z[1:]), exp(z[0] - largest))) + (largest - _chosen(z, y[0]))

    def correct(self, z, y):
        """Return 1 where no other class has a larger z."""
        z = self._allowed(z, y)
        return where(greater(reduce(maximum, z), _chosen(z, y[0])), 0.0, 1.0)

    def prediction(self, z):
        """Return exp(z_k - m) / sum_j exp(z_j - m), m the largest z, so that no exponential overflows."""
        largest = reduce(maximum, z)
        powers = [exp(each - largest) for each in z]
        total = sum(powers[1:], powers[0])
        return tuple(each / total for each in powers)

    def link(self, z, allowed=None):
        """Return probabilities (..., K); allowed: (..., K) bool, the classes that are allowed, or None: all."""
        return super().link(z if allowed is None else np.where(allowed, z, -np.inf).astype(z.dtype))

    def _allowed(self, z, y):
        """Return z, with FORBIDDEN_LOGIT for forbidden classes."""
        return [where(greater(a, 0.5), each, FORBIDDEN_LOGIT) for each, a in zip(z, y[1:])] if self.masked else z


def _chosen(z, y):
    """Return z_y."""
    chosen = z[0]
    for number, each in enumerate(z[1:], 1):
        chosen = where(greater(y, number - 0.5), each, chosen)
    return chosen
