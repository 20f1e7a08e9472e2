"""The properties of a network for which its loops are compiled, and its layout in memory.

Time, units and columns: a block is a few columns of sequences, each column one vector wide. A lane is a model (each has
weights of its own: `own_weights`), or a sequence of one model. Inputs are numbers that all lanes share, or one for
each lane (`own_data`), or bits (`bits`): then a word holds the bit of each lane of each column, and all sequences have
all steps. Arrays of a block, counted in vectors:

    x (T, I, C)   y (T, Y, C)   mask (T, C)                    numbers instead, where lanes share them
    x (T, I)      y (T, Y)      mask (T)                       words, and numbers, of bits
    state (W + 1, S, H, C)   saved (W, V, H, C)   d_z (W + 1, O, C), or (T + 1, O, C) where a step's loss sees another's
    checkpoints (N, S, H, C) states before the first step of each window of W steps
    d (SPAN, P, H, C)        derivatives by pre-activations (and the cell's vectors), of a few steps
    pre (P, H, C)            pre-activations of one step
    d_state (S, H, C)        derivatives by the state, of one step
    operand (W, H, C)   d_operand (H, C)      what stands in the place of h for some gates

Steps of state, saved, d and operand lie a `stride` apart, which may be longer than a step.

Short sequences have one window, W = T. Of long ones the states of one window at a time are kept, in the second-level
cache, and computed once more from its checkpoint on the way back: A. Griewank, "Achieving logarithmic growth of
temporal and spatial complexity in reverse automatic differentiation", Optimization Methods and Software 1 (1992).
"""

from dataclasses import dataclass

from fastrnn.caches import nearest_bytes
from fastrnn.caching import cached_property
from fastrnn.kernels.recurrent.layout import weights_table

# Derivatives that are kept until gradients take them in: in the nearest cache, or, where each gradient is summed over
# the lanes at the end, in the second one, so that there are many steps to a sum.
SPAN_BYTES = {True: 24576, False: 262144}
# Steps of a span, and steps times columns: few enough for the states that gradients read with them to be near.
LONGEST_SPAN, LARGEST_SPAN = 16, 32
# The share of the nearest cache in which operands of gradients stay while all units meet them.
OPERAND_SHARE = 1 / 3
# States of more than FAR_BYTES are far in the caches. Fetched ahead, a step of GRU(16) takes a twelfth longer at 1.4
# MB, as long at 6 MB, of Elman(16) a twentieth less at 17. Up to WHOLE_BYTES all are kept, else those of a window.
FAR_BYTES, WHOLE_BYTES, WINDOW_BYTES = 1 << 22, 1 << 26, 1 << 18
# Bytes that steps of the size of a page lie farther apart: an eighth of a page.
SHIFT = 512
# All checkpoints together: windows of very long sequences are longer.
CHECKPOINT_BYTES = 1 << 26


# Names of what `Network.arrays` gives the sizes of.
BLOCK_ARRAYS = ("pre", "state", "saved", "d_z", "d", "d_state", "operand", "d_operand", "column_sums", "errors",
                "checkpoints")


@dataclass(frozen=True)
class Network:
    """A network in the form for which its loops are compiled.

    step: the cell's Step; head: a TracedHead; registers: of vectors of this width; columns: of a block; before:
    outputs are read from the state before the step's input, not after it; bits: see above; biased: there are biases.
    """

    step: object
    head: object
    sizes: object
    own_weights: bool
    own_data: bool
    columns: int
    registers: int
    vector_bytes: int
    before: bool = False
    bits: bool = False
    biased: bool = True

    padded = False

    @property
    def text(self):
        """Everything that the compiled code depends on."""
        return (
            f"{self.step.text} | {self.head.text} | {self.sizes} {self.own_weights} {self.own_data} {self.columns} "
            f"{self.registers} {self.vector_bytes} {self.before} {self.bits} {self.biased}"
        )

    @cached_property
    def table(self):
        return weights_table(self.step, self.sizes, self.biased)

    @property
    def derived(self):
        """The number of derivatives of a step: one for each pre-activation, and for each of the cell's vectors."""
        return len(self.step.pre) + len(self.step.vectors)

    @property
    def span(self):
        """The number of steps whose derivatives are kept before they are added to the gradients."""
        step = (
            (self.sizes.hidden if self.own_weights else self.derived * self.sizes.hidden)
            * self.columns
            * self.vector_bytes
        )
        most = min(LONGEST_SPAN, LARGEST_SPAN // self.columns, SPAN_BYTES[self.own_weights] // step)
        return max(1, most)

    @property
    def near(self):
        """The number of units whose states, in the steps of a span, stay in the nearest cache."""
        return int(OPERAND_SHARE * nearest_bytes()) // (self.span * self.columns * self.vector_bytes)

    def window(self, steps):
        """The number of steps whose states are kept at a time, of sequences of up to `steps` steps; if fewer, spans."""
        if not self.long(steps):
            return steps
        span, checkpoint = self.span, self.checkpoint * self.vector_bytes
        kept = self._kept_bytes(2 * span) - self._kept_bytes(span)
        spans = max(1, WINDOW_BYTES // kept, -(-steps * checkpoint // (CHECKPOINT_BYTES * span)))
        return min(steps, spans * span)

    def long(self, steps):
        """Whether the states of sequences of up to `steps` steps are kept of a window at a time."""
        return self._kept_bytes(steps) > WHOLE_BYTES

    def far(self, steps):
        """Whether all states are kept, in caches that are far."""
        return FAR_BYTES < self._kept_bytes(steps) <= WHOLE_BYTES

    def _kept_bytes(self, steps):
        """Return the bytes that are stored for sequences of up to `steps` steps, in one window."""
        return sum(self.arrays(steps).values()) * self.vector_bytes

    def tile(self, groups, units, columns=None):
        """`tile_of` for this processor's registers; columns: where they are not those of a block."""
        return tile_of(self.registers, groups, units, columns or self.columns)

    @cached_property
    def tile_of_products(self):
        """(units, columns) of a tile of the pre-activations of one step."""
        return self.tile(max(self.step.from_x, self.step.from_h), self.sizes.hidden)

    @cached_property
    def pre_rows(self):
        """The units whose pre-activations are kept: of a tile, whose formulas follow its products, or of all."""
        return min(self.sizes.hidden, self.tile_of_products[0]) if self.step.operand is None else self.sizes.hidden

    def pre_place(self, row, group, column):
        """Return the place of a pre-activation; row: of the units that are kept."""
        return (row + group * self.pre_rows) * self.columns + column

    def states_in(self, array):
        """Return a view (T + 1, S H, C, L) of the memory of states, an array of vectors of L lanes."""
        states, lanes = len(self.step.new), array.shape[-1]
        rows = array.reshape(-1, self.stride(states), lanes)[:, : self.checkpoint]
        return rows.reshape(len(rows), -1, self.columns, lanes)

    @property
    def checkpoint(self):
        """The number of vectors of the states of one step."""
        return len(self.step.new) * self.sizes.hidden * self.columns

    def arrays(self, steps):
        """Return {name: number of vectors} of a block's memory, for sequences of up to `steps` steps."""
        hidden, columns, states = self.sizes.hidden, self.columns, len(self.step.new)
        return {
            "pre": len(self.step.pre) * self.pre_rows * columns,
            "state": (steps + 1) * self.stride(states),
            "saved": steps * self.stride(len(self.step.saved)),
            "d_z": (steps + 1) * self.sizes.outputs * columns,
            "d": self.span * self.stride(self.derived),
            "d_state": states * hidden * columns,
            "operand": steps * self.stride(1) if self.step.operand else 0,
            "d_operand": hidden * columns if self.step.operand else 0,
            "column_sums": 2 * columns,
            # Of the step before: the errors of outputs, and what the loss takes of them.
            "errors": (self.sizes.outputs + 1) * columns if self.head.emphasis else 0,
        }

    def training_arrays(self, steps):
        """Return `arrays` for forward and back through sequences of up to `steps` steps, window by window."""
        window = self.window(steps)
        checkpoints = -(-steps // window) if window < steps else 0
        arrays = self.arrays(window) | {"checkpoints": self.checkpoint * checkpoints}
        return arrays | ({"d_z": self.arrays(steps)["d_z"]} if self.head.emphasis else {})

    # ----------------------------------------------------------------------------------- operands, in all modes

    def weight(self, m, pointer, place):
        """Return a weight, broadcast to all lanes."""
        return m.load(pointer, place) if self.own_weights else m.broadcast(pointer, place)

    def weight_place(self, name, unit, k, gate):
        """Return the place in a matrix of the weight of a unit's gate for its k-th operand."""
        _, size, gates = self.table.axes[name]
        return (unit * size + k) * gates + (self.table[name] + gate)

    def vectors_of(self, m, theta, unit):
        """Return {symbol: the cell's vector, of one unit}."""
        hidden, first = self.sizes.hidden, self.table["vectors"]
        return {
            symbol: self.weight(m, theta, unit + (first + n * hidden)) for n, symbol in enumerate(self.step.vectors)
        }

    def stride(self, count):
        """Return the number of vectors from one step to the next in an array (T, count, H, C)."""
        vectors = count * self.sizes.hidden * self.columns
        # Of models side by side, whose weights take most of the cache, it is no gain.
        return vectors if self.own_weights else apart(vectors, self.vector_bytes)

    def place(self, unit, count, time, n, column):
        """Return the place of the n-th number of a unit and column at a time, in an array (T, count, H, C)."""
        return time * self.stride(count) + (unit + n * self.sizes.hidden) * self.columns + column

    def states(self, m, frame, symbols, unit, time, column):
        """Return {symbol: the unit's state}, of as many symbols as there are states, after `time` steps."""
        return {
            symbol: m.load(frame.state, self.place(unit, len(symbols), time, n, column))
            for n, symbol in enumerate(symbols)
        }

    def saved(self, m, frame, unit, time, column, count=None):
        """Return {node: what the unit saved} in step `time`, of all nodes or the first `count` ones."""
        nodes = self.step.saved
        return {
            node: m.load(frame.saved, self.place(unit, len(nodes), time, n, column))
            for n, node in enumerate(nodes[:count])
        }

    def datum(self, m, pointer, row, column):
        """Return a number of the data, of a column, in all lanes; pointer: of words, where the data are bits."""
        if self.bits:
            return m.from_bits(m.read(pointer, row), column * m.lanes)
        place = row * self.columns + column
        return m.load(pointer, place) if self.own_data else m.broadcast(pointer, place)

    def data_from(self, m, pointer, row):
        """Return the data from a row on, for `datum`."""
        if self.bits:
            return m.part_of_integers(pointer, row)
        return m.part(pointer, row * (self.columns * (m.lanes if self.own_data else 1)))

    def mask_from(self, m, pointer, t):
        """Return the weights of steps from one on, for `mask`."""
        return m.part(pointer, t) if self.bits else self.data_from(m, pointer, t)

    def mask(self, m, block, t, column):
        """Return the weight of a step."""
        return m.broadcast(block.mask, t) if self.bits else self.datum(m, block.mask, t, column)


def tile_of(registers, groups, units, columns):
    """(units, columns) of a tile of sums, `groups` for each of them: the one that needs the fewest loads.

    A step of a product loads one operand for each column, keeps them, and takes a weight for each group and unit
    from memory; all of its sums, those operands and one weight have to find registers.
    """
    best, chosen = None, (1, 1)
    for wide in range(1, min(columns, 6) + 1):
        # Of one column many units, so that enough sums do not wait for each other.
        for high in range(1, min(units, 6 if wide > 1 else 16) + 1):
            sums = groups * high * wide
            if sums + wide + 1 > registers and (high, wide) != (1, 1):
                continue
            # Few sums wait for each other: a multiply-add takes four cycles, and two begin in each. Of the others
            # the one with fewer loads, since some of them miss the nearest cache.
            loads = groups * high + wide
            cost = (max(loads / 2, sums / 2, 4) + 0.2 * loads) / sums
            # Neither axis should end in a narrow rest.
            cost *= -(-units // high) * high / units * -(-columns // wide) * wide / columns
            if best is None or cost < best - 1e-9:
                best, chosen = cost, (high, wide)
    return chosen


def apart(vectors, vector_bytes):
    """Return the vectors from one step to the next of an array whose steps have this number of vectors, or more.

    Gradients read the same units of many steps. The nearest cache has few places for lines whose distances are
    multiples of a page, and a load at such a distance from a recent store is delayed.
    """
    size = vectors * vector_bytes
    return vectors + SHIFT // vector_bytes if size >= 4 * SHIFT and size % (2 * SHIFT) == 0 else vectors
