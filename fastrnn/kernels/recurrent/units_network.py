"""The properties for which the loops of single samples are compiled; hidden units lie in the lanes of vectors.

Arrays, in vectors; P panels hold a network's H units:

    w_x (I, Gx, P)   w_h (H, Gh, P)   w_o (O, P)   vectors (V, P)   b_x (Gx, P)   b_h (Gh, P)
    b_o (O)                                            in the first lane
    turned (H, Gh, P)                                  w_h with the units that read and those that are read exchanged
    state (T + 1, S, P)   saved (T, V, P)   d (T, D, P)   d_state (S, P)
    y (O, C)   mask (C)   d_z (O, C)                   `chunk` steps in each vector
    x (T, I)                                           numbers
"""

from dataclasses import dataclass
from functools import cached_property

from fastrnn.kernels.inline import inlined
from fastrnn.kernels.recurrent.layout import Table, gates_of

# Steps whose outputs are computed together; in vectors of four numbers, no more fit.
CHUNK, NARROW_CHUNK = 8, 4


def chunk_of(lanes):
    """Return the number of steps whose outputs are computed together in vectors of `lanes` numbers."""
    return CHUNK if lanes >= CHUNK else NARROW_CHUNK


@inlined
def place_of_step(t, lanes):
    """Return (vector, lane) of a step's outputs."""
    if lanes < CHUNK:
        return t // NARROW_CHUNK, t % NARROW_CHUNK
    return t // CHUNK, t % CHUNK


@dataclass(frozen=True)
class UnitsNetwork:
    """A network as these loops are compiled: a Step, a TracedHead, sizes, and numbers in a vector."""

    step: object
    head: object
    sizes: object
    lanes: int

    own_weights = False
    # Of the numbers in the table, some belong to no weight.
    padded = True

    @property
    def text(self):
        """Everything that the compiled code depends on."""
        return f"units: {self.step.text} | {self.head.text} | {self.sizes} {self.lanes}"

    @property
    def chunk(self):
        """The number of steps whose outputs are computed together."""
        return chunk_of(self.lanes)

    @property
    def panels(self):
        return -(-self.sizes.hidden // self.lanes)

    @property
    def derived(self):
        """The number of derivatives of a step: one for each pre-activation, and for each of the cell's vectors."""
        return len(self.step.pre) + len(self.step.vectors)

    @cached_property
    def table(self):
        """The Table of the weights, counted in numbers, not vectors."""
        step, sizes, units = self.step, self.sizes, self.panels * self.lanes
        return Table(
            ("w_x", (sizes.inputs, step.from_x, units)),
            ("w_h", (sizes.hidden, step.from_h, units)),
            ("w_o", (sizes.outputs, units)),
            ("vectors", (len(step.vectors), units)),
            ("b_x", (step.from_x, units)),
            ("b_h", (step.from_h, units)),
            ("b_o", (sizes.outputs, self.lanes)),
        )

    def row(self, name, place=0):
        """Return the number of a vector of weights: that of the array's first, plus `place`."""
        return place + self.table[name] // self.lanes

    def weight(self, m, pointer, place):
        """Return a number, broadcast to all lanes."""
        return m.splat(pointer, place)

    def arrays(self, steps):
        """Return {name: number of vectors} of the memory for sequences of up to `steps` steps."""
        states, panels, chunks = len(self.step.new), self.panels, -(-steps // self.chunk)
        return {
            "turned": self.panels * self.lanes * self.step.from_h * panels,
            "state": (chunks * self.chunk + 1) * states * panels,
            "saved": steps * len(self.step.saved) * panels,
            "d": steps * self.derived * panels,
            "d_state": states * panels,
            "d_z": self.sizes.outputs * chunks,
        }

    def places(self, cell):
        """Return {name: places (int64, in PyTorch's shape)} of every public weight."""
        table, hidden, sizes = self.table, self.sizes.hidden, self.sizes
        from_x, from_h = gates_of(cell, self.step)
        places = {
            "w_ih": table.places("w_x")[:, from_x, :hidden].transpose(1, 2, 0).reshape(-1, sizes.inputs),
            "w_hh": table.places("w_h")[:, from_h, :hidden].transpose(1, 2, 0).reshape(-1, hidden),
            "b_ih": table.places("b_x")[from_x, :hidden].ravel(),
            "b_hh": table.places("b_h")[from_h, :hidden].ravel(),
            "w_ho": table.places("w_o")[:, :hidden],
            "b_o": table.places("b_o")[:, 0],
        }
        return places | dict(zip(cell.vectors, table.places("vectors")[:, :hidden]))
