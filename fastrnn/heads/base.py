"""What a head is: the output of a network and its loss, as formulas over all outputs of one step.

    z = W_ho h + b_o        outputs, of which `link` makes predictions
    loss(z, y)              what training minimises; its derivatives by z follow from the formula
    correct(z, y)           1 where a prediction is right, else 0

A head's file says nothing of cells: fastrnn.heads.softmax is the example.
"""

from dataclasses import dataclass
from functools import lru_cache

from fastrnn.formula.graph import lift, symbol, text
from fastrnn.formula.reverse import gradient
from fastrnn.registry import discover


class Head:
    """Base of every head; a frozen dataclass, whose fields are its options.

    name; targets: "bits" (y in [0, 1] for each output), "reals" (any y for each output) or "classes" (one y for each
    step, the number of a class); loss(z, y), correct(z, y): formulas of tuples of terms; link(z): predictions of an
    array of outputs (..., O), in NumPy.
    emphasis, of a head of reals: a number c; the loss then sees z less c times the error, z - y, of the step before, if
    that counts. relative: whether losses are divided by that of z = 0, the energy of the targets.
    """

    name = None
    targets = None
    emphasis = 0.0
    relative = False

    def target_size(self, outputs):
        """Numbers in the target of one step."""
        return 1 if self.targets == "classes" else outputs

    def suited(self, masked):
        """The head for data that say which classes are allowed at each step, or not.

        Raises ValueError for a head that cannot forbid any.
        """
        if masked:
            raise ValueError(f"head: {self.name} forbids no classes, but the data say which are allowed: leave it out")
        return self


def heads():
    """{name: class} of every head."""
    return discover("fastrnn.heads", Head)


@dataclass(frozen=True)
class TracedHead:
    """A head's formulas for a number of outputs: symbols z and y, and `seen`, what the loss sees of z; nodes of the
    loss, of d_z, its derivatives by `seen`, and of what is correct; the head's emphasis.
    """

    z: tuple
    seen: tuple
    y: tuple
    loss: object
    d_z: tuple
    correct: object
    text: str
    emphasis: float = 0.0


@lru_cache(maxsize=None)
def traced(head, outputs):
    """The TracedHead of a head with so many outputs."""
    z = tuple(symbol(f"z{n}") for n in range(outputs))
    y = tuple(symbol(f"y{n}") for n in range(head.target_size(outputs)))
    share = float(head.emphasis)
    seen = tuple(symbol(f"s{n}") for n in range(outputs)) if share else z
    loss, correct = head.loss(seen, y), head.correct(z, y)
    d_z = tuple(gradient([loss], [lift(1.0)], seen))
    own = text([loss, correct]) + (f" {share}" if share else "")
    return TracedHead(z, seen, y, loss, d_z, correct, own, share)
