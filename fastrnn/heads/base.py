"""The base of every head: the output of a network and its loss, as formulas over all outputs of one step.

    z = W_ho h + b_o        outputs
    prediction(z)           probabilities, or real values
    loss(z, y)              what training minimises; its derivatives by z follow from the formula
    correct(z, y)           1 where a prediction is right, else 0

A head's file says nothing of cells: fastrnn.heads.softmax is the example.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np

from fastrnn.arguments import check_compared
from fastrnn.formula.evaluate import on_numpy
from fastrnn.formula.graph import lift, symbol, text
from fastrnn.formula.reverse import reverse_gradient
from fastrnn.registry import discover

# What the file of a head must define.
CONTRACT = {
    "targets": (str, 'a class attribute targets, "bits", "classes" or "reals", such as targets = "reals"'),
    "prediction": (Callable, "a method prediction(self, z), the predictions as a tuple of formulas"),
    "loss": (Callable, "a method loss(self, z, y), the loss of a step as a formula"),
    "correct": (Callable, "a method correct(self, z, y), 1 where a prediction is right, else 0"),
}


class Head:
    """Base of every head; a frozen dataclass, whose fields are its options.

    name; targets: "bits" (y in [0, 1] for each output), "reals" (any y for each output) or "classes" (one y for each
    step, the number of a class); prediction(z), a tuple of O formulas, loss(z, y) and correct(z, y): formulas of tuples
    of terms.
    emphasis, of a head of reals: a number c; the loss then sees z less c times the error, z - y, of the step before, if
    that counts. relative: whether losses are divided by that of z = 0, the energy of the targets.
    """

    name: ClassVar[str | None] = None
    targets: ClassVar[str | None] = None
    emphasis: float = 0.0
    relative: bool = False

    def prediction(self, z):
        """Return the predictions of a step, one for each output."""
        raise NotImplementedError(f"{type(self).__name__} has no prediction(self, z)")

    def link(self, z):
        """Return the predictions (..., O) of an array of outputs z (..., O), in its dtype."""
        terms = _terms("z", z.shape[-1])
        return np.stack(on_numpy(self.prediction(terms), dict(zip(terms, np.moveaxis(z, -1, 0)))), -1)

    def target_size(self, outputs):
        """Return how many numbers the target of one step has."""
        return 1 if self.targets == "classes" else outputs

    def suited(self, masked):
        """Return the head for data that do, or do not, say which classes are allowed at each step.

        Raises ValueError for a head that cannot forbid any.
        """
        if masked:
            raise ValueError(f"head: {self.name} forbids no classes, but the data say which are allowed: leave it out")
        return self


def heads():
    """Return {name: class} of every head."""
    return discover("fastrnn.heads", Head, CONTRACT)


@dataclass(frozen=True)
class TracedHead:
    """A head's formulas for a number of outputs: symbols z and y; `seen`, what the loss reads of z; nodes of the loss,
    of d_z, its derivatives by `seen`, and of correctness; the head's emphasis."""

    z: tuple
    seen: tuple
    y: tuple
    loss: object
    d_z: tuple
    correct: object
    text: str
    emphasis: float = 0.0


@cache
def traced(head, outputs, counted="correct"):
    """Return the TracedHead of a head; counted: the formula that evaluations count, the name of a method."""
    check_compared(head)
    z, y = _terms("z", outputs), _terms("y", head.target_size(outputs))
    share = float(head.emphasis)
    seen = _terms("s", outputs) if share else z
    loss, correct = head.loss(seen, y), getattr(head, counted)(z, y)
    d_z = tuple(reverse_gradient([loss], [lift(1.0)], seen))
    own = text([loss, correct]) + (f" {share}" if share else "")
    return TracedHead(z=z, seen=seen, y=y, loss=loss, d_z=d_z, correct=correct, text=own, emphasis=share)


def _terms(name, count):
    return tuple(symbol(f"{name}{n}") for n in range(count))
