"""Real outputs: o = z, with the mean squared error, sum_o (z_o - y_o)^2 / O."""

from dataclasses import dataclass

from fastrnn.formula import greater, where
from fastrnn.heads.base import Head


@dataclass(frozen=True)
class Linear(Head):
    """Real numbers; a prediction counts as correct within `tolerance` of each target."""

    tolerance: float = 0.5

    name = "linear"
    targets = "reals"

    def loss(self, z, y):
        """The mean over outputs of the squared errors."""
        terms = [(a - b) ** 2 for a, b in zip(z, y)]
        return sum(terms[1:], terms[0]) * (1 / len(terms))

    def correct(self, z, y):
        """1 where every output lies within the tolerance."""
        right = None
        for a, b in zip(z, y):
            near = where(greater((a - b) ** 2, self.tolerance**2), 0.0, 1.0)
            right = near if right is None else right * near
        return right

    def link(self, z):
        """The outputs as they are."""
        return z
