"""Networks in the form for which kernels are compiled: from a cell, a head and sizes, for this processor's vectors."""

from functools import lru_cache

import numpy as np

from fastrnn.heads.base import traced
from fastrnn.kernels.recurrent.layout import Sizes, named_places
from fastrnn.kernels.recurrent.network import Network
from fastrnn.simd.host import has

# Registers, and bytes of a vector: one AVX-512 register, or one of AVX2, which has half as many.
REGISTERS, VECTOR_BYTES = (32, 64) if has("avx512f") else (16, 32)
# Sequences side by side, so that their chains of activations overlap, and a weight that was loaded serves all of them.
BLOCK_COLUMNS = 4
# The time that a column takes in a block of 1, 2, 3 or 4, of which the last is the unit, of Elman and GRU with 4 to 64
# units: on AVX2 1.2 to 1.5, 1.1 to 1.3, 1.0 to 1.1; on AVX-512 1.0 to 1.4, 1.0 to 1.2, 1.0 to 1.1, but where lanes are
# models, whose weights serve one column each, as on AVX2.
COLUMN_TIMES = {False: (1.3, 1.1, 1.04, 1.0), True: (1.15, 1.05, 1.03, 1.0)}


def columns_for(count, own_weights=False):
    """Return the columns of each of the blocks into which `count` columns are cut, so that all take the least time.

    Five, cut into four and one, take as long as eight; cut into three and two, as long as six. own_weights: whether
    lanes are models.
    """
    times = COLUMN_TIMES[has("avx512f") and not own_weights]

    def time(columns):
        return -(-count // columns) * columns * times[columns - 1]

    return min(range(BLOCK_COLUMNS, 0, -1), key=time)


@lru_cache(maxsize=256)
def kernel_network(
    cell,
    head,
    sizes,
    own_weights,
    own_data,
    before=False,
    *,
    columns=BLOCK_COLUMNS,
    bits=False,
    counted="correct",
    wide=1,
):
    """Return the Network of a cell and a head; sizes: (inputs, outputs).

    own_weights: lanes are models; own_data: each lane has data of its own; before: outputs are read from the state
    before a step's input; bits: data are words of bits; counted: the head's formula that is counted; wide: registers
    in a vector.
    """
    return Network(
        step=cell.traced(),
        head=traced(head, sizes[1], counted),
        sizes=Sizes(sizes[0], cell.hidden_size, sizes[1]),
        own_weights=own_weights,
        own_data=own_data,
        columns=columns,
        registers=REGISTERS // wide,
        vector_bytes=VECTOR_BYTES,
        before=before,
        bits=bits,
        biased=cell.bias,
    )


def lanes_for(dtype):
    """Return how many numbers a vector of this processor holds."""
    return VECTOR_BYTES // np.dtype(dtype).itemsize


def weights_that_learn(cell, initial_state="zero"):
    """Return the names of a network's weights, in their order."""
    biases = ("b_ih", "b_hh", "b_o") if cell.bias else ()
    states = tuple(f"initial_{name}" for name in cell.state) if initial_state == "learned" else ()
    return ("w_ih", "w_hh", *biases[:2], "w_ho", *biases[2:], *cell.vectors, *states)


def shapes_of(cell, inputs, outputs, initial_state="zero"):
    """Return {name: shape} of a network's weights."""
    hidden, gates = cell.hidden_size, len(cell.gates)
    rows = hidden * gates, hidden * (gates - len(cell.inputs_only))
    shapes = {"w_ih": (rows[0], inputs), "w_hh": (rows[1], hidden), "b_ih": (rows[0],), "b_hh": (rows[1],)}
    shapes |= {"w_ho": (outputs, hidden), "b_o": (outputs,)}
    return {name: shapes.get(name, (hidden,)) for name in weights_that_learn(cell, initial_state)}


@lru_cache(maxsize=256)
def places_of(cell, inputs, outputs, initial_state="zero"):
    """Return {name: places (int64, in PyTorch's shape)} of a network's weights in the kernels' single array."""
    places = named_places(cell, cell.traced(), Sizes(inputs, cell.hidden_size, outputs), cell.bias)
    return {name: places[name] for name in weights_that_learn(cell, initial_state)}


def flat(weights, names):
    """Return the named weights in one vector, one after the other."""
    return np.concatenate([np.ravel(weights[name]) for name in names])


def named(vector, shapes):
    """Return {name: array} of a vector that `flat` made, as new arrays of these shapes."""
    weights, start = {}, 0
    for name, shape in shapes.items():
        size = int(np.prod(shape))
        weights[name] = vector[start : start + size].reshape(shape).copy()
        start += size
    return weights


def check_weights(cell, weights):
    """Raise ValueError unless `weights` have the cell's names, shapes and a floating-point dtype."""
    names = weights_that_learn(cell)
    if set(weights) != set(names):
        raise ValueError(f"weights: got {', '.join(sorted(weights)) or 'none'}, expected {', '.join(names)}")
    dtypes = {np.asarray(weight).dtype for weight in weights.values()}
    if len(dtypes) != 1 or not dtypes <= {np.dtype(np.float32), np.dtype(np.float64)}:
        raise ValueError(f"weights: got {', '.join(sorted(map(str, dtypes)))}, expected all float32 or all float64")
    w_ih, w_ho = np.asarray(weights["w_ih"]), np.asarray(weights["w_ho"])
    if w_ih.ndim != 2 or w_ho.ndim != 2:
        raise ValueError(
            f"weights: got w_ih {w_ih.shape} and w_ho {w_ho.shape}, expected (gates x hidden, input) "
            "and (output, hidden)"
        )
    shapes = shapes_of(cell, w_ih.shape[1], w_ho.shape[0])
    for name, weight in weights.items():
        if np.shape(weight) != shapes[name]:
            raise ValueError(f"{name}: got shape {np.shape(weight)}, expected {shapes[name]}")
        if not np.isfinite(weight).all():
            raise ValueError(f"{name}: holds values that are not finite")
