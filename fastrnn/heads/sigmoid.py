"""Independent bits: o = sigmoid(z), with the cross-entropy or, as in the tutorial, half the squared error."""

from dataclasses import dataclass

from fastrnn.arguments import shown
from fastrnn.formula import greater, sigmoid, softplus, where
from fastrnn.heads.base import Head

BIT_LOSSES = ("cross-entropy", "squared")


@dataclass(frozen=True)
class Sigmoid(Head):
    """Probabilities of bits; targets lie in [0, 1]; `loss`: "cross-entropy" or "squared".

    Cross-entropy: sum_o log(1 + exp(z_o)) - y_o z_o; squared: sum_o (sigmoid(z_o) - y_o)^2 / 2.
    """

    measure: str = "cross-entropy"

    name = "sigmoid"
    targets = "bits"

    def __post_init__(self):
        if self.measure not in BIT_LOSSES:
            raise ValueError(f"measure: got {shown(self.measure)}, expected one of {', '.join(BIT_LOSSES)}")

    def loss(self, z, y):
        """Return the sum of the losses over outputs."""
        if self.measure == "squared":
            terms = [0.5 * (sigmoid(a) - b) ** 2 for a, b in zip(z, y)]
        else:
            terms = [softplus(a) - b * a for a, b in zip(z, y)]
        return sum(terms[1:], terms[0])

    def correct(self, z, y):
        """Return 1 where every bit, z > 0, equals that of its target, y > 0.5."""
        return where(greater(self.mistakes(z, y), 0.5), 0.0, 1.0)

    def mistakes(self, z, y):
        """Return how many bits, z > 0, differ from that of their target, y > 0.5."""
        wrong = [
            where(greater(b, 0.5), where(greater(a, 0.0), 0.0, 1.0), where(greater(a, 0.0), 1.0, 0.0))
            for a, b in zip(z, y)
        ]
        return sum(wrong[1:], wrong[0])

    def prediction(self, z):
        """Return the probabilities of ones."""
        return tuple(map(sigmoid, z))
