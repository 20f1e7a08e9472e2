"""The layout of the weights: one table of (name, axes), from which every place follows.

Weights inside the kernels, each a vector (one number for each model) or a number:

    w_x (H, I, Gx)   w_h (H, H, Gh)   w_q (H, H, Gq)   w_o (O, H)   vectors (V, H)
    b_x (Gx, H)      b_h (Gh, H)      b_q (Gq, H)      b_o (O)      initial (S, H)

The weights of a unit lie next to each other, as the products read them: a stride of a power of two would lay all that a
product reads into a few sets of the nearest cache.

Gx, Gh and Gq are the gates that inputs, states and the operand reach, in the order of the Step's groups. Outside,
weights have PyTorch's shapes: w_ih (Gx H, I), w_hh (Gh H, H), b_ih, b_hh, w_ho (O, H), b_o, with gates stacked in the
cell's own order.
"""

from dataclasses import dataclass
from math import prod

import numpy as np


@dataclass(frozen=True)
class Sizes:
    """The sizes of a network: inputs, hidden units, outputs."""

    inputs: int
    hidden: int
    outputs: int


class WeightTable:
    """Arrays one after the other: table[name] is the first place of an array, `count` the length of all."""

    def __init__(self, *arrays):
        self.axes, self._start, self.count = dict(arrays), {}, 0
        for name, axes in arrays:
            self._start[name] = self.count
            self.count += prod(axes)

    def __getitem__(self, name):
        return self._start[name]

    def size(self, name):
        """Return the number of elements of an array."""
        return prod(self.axes[name])

    def places(self, name):
        """Return the place of each element, in the shape of the array."""
        return self[name] + np.arange(self.size(name)).reshape(self.axes[name])


def weights_table(step, sizes, biased=True):
    """Return the WeightTable of a network's weights, with biases or without."""
    inputs, hidden, outputs = sizes.inputs, sizes.hidden, sizes.outputs
    one = 1 if biased else 0
    return WeightTable(
        ("w_x", (hidden, inputs, step.from_x)),
        ("w_h", (hidden, hidden, step.from_h)),
        ("w_q", (hidden, hidden, step.from_operand)),
        ("w_o", (outputs, hidden)),
        ("vectors", (len(step.vectors), hidden)),
        ("b_x", (one * step.from_x, hidden)),
        ("b_h", (one * step.from_h, hidden)),
        ("b_q", (one * step.from_operand, hidden)),
        ("b_o", (one * outputs,)),
        ("initial", (len(step.new), hidden)),
    )


def named_places(cell, step, sizes, biased=True):
    """Return {name: places (int64, in PyTorch's shape)} of every public weight."""
    table = weights_table(step, sizes, biased)
    return public_places(cell, step, {name: table.places(name) for name in table.axes}, biased)


def public_places(cell, step, own, biased=True):
    """As `named_places`; own: {name: places} of the kernels' arrays, with the axes of `weights_table`."""
    from_x, from_h = _gates_of(cell, step)
    w_h = np.concatenate([own[name] for name in ("w_h", "w_q") if name in own], -1)
    places = {
        "w_ih": own["w_x"][..., from_x].transpose(2, 0, 1).reshape(-1, own["w_x"].shape[1]),
        "w_hh": w_h[..., from_h].transpose(2, 0, 1).reshape(-1, w_h.shape[1]),
        "w_ho": own["w_o"],
    }
    if biased:
        b_h = np.concatenate([own[name] for name in ("b_h", "b_q") if name in own])
        places |= {"b_ih": own["b_x"][from_x].ravel(), "b_hh": b_h[from_h].ravel(), "b_o": own["b_o"]}
    places |= dict(zip(cell.vectors, own["vectors"]))
    return places | dict(zip((f"initial_{name}" for name in cell.state), own.get("initial", ())))


def _gates_of(cell, step):
    """Return the positions of the cell's gates among those that inputs reach, and among those that states reach."""
    x_names = step.groups[: step.from_x]
    h_names = step.groups[len(step.groups) - step.from_h :] + step.groups[: step.from_operand]
    from_x = [_place(x_names, gate, "_x") for gate in cell.gates]
    return from_x, [_place(h_names, gate, "_h") for gate in cell.gates if gate not in cell.inputs_only]


def _place(names, gate, suffix):
    return names.index(gate if gate in names else gate + suffix)
