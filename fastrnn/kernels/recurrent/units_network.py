"""The properties for which the loops of a few samples are compiled; hidden units lie in the lanes of vectors.

Arrays, in vectors; P panels hold a network's H units, and there are C samples, each a column:

    w_x (I, Gx, P)   w_h (H, Gh, P)   w_o (O, P)   vectors (V, P)   b_x (Gx, P)   b_h (Gh, P)
    b_o (O)                                            in the first lane
    turned (H, Gh, P)                                  w_h with the units that read and those that are read exchanged
    state (T + 1, S, C, P)   saved (T, V, C, P)   d (W, D, C, P)   d_state (S, C, P)
    y (C, O, N)   mask (C, N)   d_z (C, O, N)          `chunk` steps in each vector
    x (C, T, I)                                        numbers

W = T steps, or those of a window of a long sequence; where T states would be too many, there are W, too, and
checkpoints (N, S, C, P).
"""

from dataclasses import dataclass

from fastrnn.caching import cached_property
from fastrnn.kernels.recurrent import network
from fastrnn.kernels.recurrent.layout import WeightTable, public_places

# Steps whose outputs are computed together; in vectors of four numbers, no more fit.
CHUNK, NARROW_CHUNK = 8, 4
# Steps of a window of a long sequence: derivatives are kept of one window, and summed while they are near.
WINDOW = 256
# What takes more is summed window by window.
NEAR_BYTES = 1 << 20


def chunk_of(lanes):
    """Return the number of steps whose outputs are computed together in vectors of `lanes` numbers."""
    return CHUNK if lanes >= CHUNK else NARROW_CHUNK


def place_of_step(t, lanes):
    """Return where a step's outputs lie, in numbers from those of the first step."""
    return t // chunk_of(lanes) * lanes + t % chunk_of(lanes)


@dataclass(frozen=True)
class UnitsNetwork:
    """A network as these loops are compiled: a Step, a TracedHead, sizes, numbers and bytes in a vector, registers.

    columns: samples of a batch; ragged: some may have fewer steps than others.
    """

    step: object
    head: object
    sizes: object
    lanes: int
    vector_bytes: int
    registers: int
    columns: int = 1
    ragged: bool = False

    own_weights = False
    # Of the numbers in the table, some belong to no weight.
    padded = True

    @property
    def text(self):
        """Everything that the compiled code depends on."""
        return (
            f"units: {self.step.text} | {self.head.text} | {self.sizes} {self.lanes} {self.registers} {self.columns} "
            f"{self.ragged}"
        )

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
        """The WeightTable of the weights, counted in numbers, not vectors."""
        step, sizes, units = self.step, self.sizes, self.panels * self.lanes
        return WeightTable(
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
        return m.broadcast(pointer, place)

    def arrays(self, steps):
        """Return {name: number of vectors} of the memory for sequences of up to `steps` steps."""
        states, vectors, chunks = len(self.step.new), self.columns * self.panels, -(-steps // self.chunk)
        return {
            "turned": self.panels * self.lanes * self.step.from_h * self.panels,
            "state": (chunks * self.chunk + 1) * states * vectors,
            "saved": steps * len(self.step.saved) * vectors,
            "d": steps * self.derived * vectors,
            "d_state": states * vectors,
            "d_z": self.columns * self.sizes.outputs * chunks,
        }

    def tile(self, gates):
        """(panels, samples) whose products are added at once; all panels of a sample that is alone."""
        return network.tile_of(self.registers, gates, self.panels, self.columns) if self.columns > 1 else (
            self.panels, 1)

    def place(self, count, time, n, column, panel):
        """Return the place of the n-th vector of a sample and panel at a time, in an array (T, count, C, P)."""
        return ((time * count + n) * self.columns + column) * self.panels + panel

    def states(self, m, frame, symbols, time, column, panel):
        """Return {symbol: the panel's states}, of as many symbols as there are states, after `time` steps."""
        return {
            symbol: m.load(frame.state, self.place(len(symbols), time, n, column, panel))
            for n, symbol in enumerate(symbols)
        }

    @property
    def checkpoint(self):
        """The number of vectors of the states of one step."""
        return len(self.step.new) * self.columns * self.panels

    def long(self, steps):
        """Return whether what is stored for sequences of up to `steps` steps leaves the nearer caches."""
        return self._bytes(self.arrays(steps)) > NEAR_BYTES

    def far(self, steps):
        """Return whether states are fetched ahead: never."""
        return False

    def window(self, steps):
        """Return the steps of a window: whole chunks."""
        return min(steps, WINDOW)

    def whole(self, steps):
        """Return whether all states of sequences of up to `steps` steps are stored, not those of one window."""
        arrays = self.arrays(steps)
        return self._bytes({name: arrays[name] for name in ("state", "saved")}) <= network.WHOLE_BYTES

    def training_arrays(self, steps):
        """Return `arrays` for forward and back through sequences of up to `steps` steps, window by window."""
        if not self.long(steps):
            return self.arrays(steps) | {"checkpoints": 0}
        whole, part, more = self.arrays(steps), self.arrays(self.window(steps)), {"checkpoints": 0}
        if not self.whole(steps):
            more["checkpoints"] = self.checkpoint * -(-steps // self.window(steps))
            more |= {name: part[name] for name in ("state", "saved")}
        return whole | {"d": part["d"]} | more

    def _bytes(self, arrays):
        return sum(arrays.values()) * self.vector_bytes

    def places(self, cell):
        """Return {name: places (int64, in PyTorch's shape)} of every public weight."""
        # Behind the last unit of a row lie numbers that belong to no weight.
        own = {name: self.table.places(name)[..., : self.sizes.hidden] for name in self.table.axes}
        own = {name: each.transpose(2, 0, 1) if each.ndim == 3 else each for name, each in own.items()}
        return public_places(cell, self.step, own | {"b_o": self.table.places("b_o")[:, 0]})
