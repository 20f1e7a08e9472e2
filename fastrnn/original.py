"""The tutorial's complete program, training and output, by the scalar engine or the compiled one.

Both engines take the same random draws and make the same updates in float64; the compiled one is a
Program whose lanes are hidden units.  The tutorial is a translation of i am trask, "Anyone Can Learn
To Code an LSTM-RNN in Python (Part 1: RNN)", 2015; its equations and the meaning of its names are in
fastrnn.reference.
"""

import functools

import numpy as np

from fastrnn import reference
from fastrnn.formula import sigmoid
from fastrnn.formula.graph import node
from fastrnn.formula.vectors import on_vectors
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.machine.execute import Program
from fastrnn.networks import lanes_for
from fastrnn.reference import Block

ENGINE_NAMES = ("scalar", "compiled")


def run(
    engine="compiled",
    samples=10000,
    seed=0,
    hidden_dim=16,
    alpha=0.1,
    binary_dim=8,
    report_every=1000,
):
    """Train as the tutorial does and return a generator of a Block every report_every samples.

    The equations, the draws and the arguments are those of fastrnn.reference.train, and so is the
    generator's return value, the trained Synapses.  engine "scalar" is that function; "compiled"
    differs from it only in the order in which a dot product is summed, so by float64 rounding.

    Errors: ValueError, at the call, for an engine not in ENGINE_NAMES and for what reference.train
    refuses.
    """
    if engine not in ENGINE_NAMES:
        raise ValueError(f"engine: got {engine!r}, expected one of {', '.join(map(repr, ENGINE_NAMES))}")
    arguments = reference.checked_arguments(samples, seed, hidden_dim, alpha, binary_dim, report_every)
    return (reference.train if engine == "scalar" else _train_compiled)(**arguments)


def format_block(block):
    """Return the text the tutorial prints for one Block: five lines without a final newline.

    The error has the look of the NumPy of 2015: a space for the sign, at most 8 decimals, trailing
    zeros trimmed.
    """
    error = f"{block.error:.8f}".rstrip("0")
    return "\n".join(
        (
            f"Error:[ {error}]",
            f"Pred:{_format_bits(block.pred)}",
            f"True:{_format_bits(block.truth)}",
            f"{block.a} + {block.b} = {block.out}",
            "-" * 12,
        )
    )


def _format_bits(bits):
    return "[" + " ".join(str(int(bit)) for bit in bits) + "]"


def _train_compiled(samples, seed, hidden_dim, alpha, binary_dim, report_every):
    rng = np.random.RandomState(seed)
    synapses = reference.initial_synapses(rng, hidden_dim)
    done = 0
    while done < samples:
        # A report shows the last sample of a call, so calls end after samples 0, report_every, ...
        step = -(-done // report_every) * report_every
        stop = min(step + 1, samples)
        # One call for all operands is the stream of one call each, a before b.
        operands = rng.randint(2**binary_dim // 2, size=(stop - done, 2))
        layer_2 = update_per_sample(synapses, operands, alpha, binary_dim)
        done = stop
        if step < stop:
            a, b = (int(operand) for operand in operands[-1])
            shifts = np.arange(binary_dim)[::-1]
            truth = ((a + b) >> shifts & 1).astype(np.uint8)
            # The tutorial's np.round takes half to even, so exactly 0.5 is a 0.
            pred = (layer_2[::-1] > 0.5).astype(np.uint8)
            error = float(np.abs(truth[::-1] - layer_2).sum())
            yield Block(step, error, pred, truth, a, b, reference.bits_to_int(pred))
    return synapses


def update_per_sample(synapses, operands, alpha, binary_dim):
    """Update the Synapses in place after each (a, b) row of operands (N, 2); return layer_2 (T,) of the last sample,
    least significant bit first."""
    hidden, lanes = len(synapses.synapse_h), lanes_for(float)
    tiles = -(-hidden // (MOST_VECTORS * lanes))
    vectors = -(-hidden // (tiles * lanes))
    width = tiles * vectors * lanes
    shapes = {"weights": (2 + hidden, width), "back": (hidden, width), "out": (width,), "unit": (width,),
              "states": (binary_dim + 1, 2 + width), "deltas": (binary_dim + 1, width), "layer_2": (binary_dim,),
              "layer_2_delta": (binary_dim,), "alpha": (1,)}
    words = {name: aligned_zeros(shape, float) for name, shape in shapes.items()}
    places = words["weights"][:2, :hidden], words["out"][:hidden, None], words["weights"][2:, :hidden]
    for place, synapse in zip(places, synapses):
        place[:] = synapse
    words["back"][:, :hidden], words["unit"][:hidden], words["alpha"][:] = synapses.synapse_h.T, 1, alpha
    words |= {"operands": np.ascontiguousarray(operands, np.int64), "samples": len(operands), "steps": binary_dim,
              "hidden": hidden, "rows": tiles * vectors}
    _program(vectors).call(**words)
    for place, synapse in zip(places, synapses):
        synapse[:] = place
    return words["layer_2"]


# Vectors of units in a tile, whose chains of additions overlap.
MOST_VECTORS = 4
# exp(-x) is infinite in float64 here, and the tutorial's sigmoid 0; that of vectors is never less than 3e-308, which
# weights that have grown without bound make large again.
ZERO_BELOW = -709.79
_X = node("input", "x")
_ARRAYS = "weights", "back", "out", "unit", "states", "deltas", "layer_2", "layer_2_delta", "alpha"


@functools.cache
def _program(vectors):
    """Return the Program that updates after each of the samples, in tiles of this number of vectors of units.

    Units lie in `rows` vectors, whose numbers are 0 where there is no unit: weights (2 + H, .) are synapse_0 and
    synapse_h, back (H, .) is synapse_h.T, out (.) is synapse_1, states (T + 1, 2 + .) the inputs of time t and layer_1
    before it, deltas (T + 1, .) layer_1_delta; unit (.) is 1 where there is a unit.
    """

    def kernel(m):
        _update(m, vectors)

    words = (*_ARRAYS, "operands", "samples", "steps", "hidden", "rows")
    return Program(kernel, words, "float64", lanes_for(float), f"{vectors}")


def _update(m, vectors):
    steps, hidden, rows, operands = m.word("steps"), m.word("hidden"), m.word("rows"), m.integers("operands")
    weights, back, out, unit, states, deltas, layer_2, layer_2_delta, alpha = map(m.pointer, _ARRAYS)
    zero, alpha, width = m.constant(0.0), m.broadcast(alpha, 0), rows * m.lanes
    # layer_1 (T + 1, .): before a time, and after it.
    stride, before = width + 2, m.part(states, 2)
    after = m.part(before, stride)

    def tile(array, row):
        return [m.load(array, row + n) for n in range(vectors)]

    def products(starts, count, numbers, number_step, array, array_step, row):
        """starts + sum over n < count of numbers[n number_step] times the tile `row` of the array at n array_step."""

        def add(n, sums):
            number = m.broadcast(numbers, n * number_step)
            return [m.fma(number, each, total) for each, total in zip(tile(m.part(array, n * array_step), row), sums)]

        return m.fold(count, starts, add)

    def learn(synapse, row, *product):
        sums = products([zero] * vectors, steps, *product, row)
        for n, (each, total) in enumerate(zip(tile(synapse, row), sums)):
            m.store(synapse, row + n, m.fma(alpha, total, each))

    def sigmoid_of(x):
        return m.select(x < ZERO_BELOW, zero, on_vectors([sigmoid(_X)], {_X: x}, x)[0])

    for sample in m.range(m.word("samples")):
        a, b = (m.read(operands, sample * 2 + n) for n in range(2))
        for t in m.range(steps):
            state, now = m.part(states, t * stride), m.part(after, t * stride)
            for n, number in enumerate((a, b)):
                m.set_number(state, n, m.from_integer((number >> t).both(1)))
            for row in m.range(rows, step=vectors):
                pre = products([zero] * vectors, hidden + 2, state, 1, weights, width, row)
                for n, (each, exists) in enumerate(zip(pre, tile(unit, row))):
                    # Otherwise it would be 0.5 where there is no unit.
                    m.store(now, row + n, m.select(exists > 0.0, sigmoid_of(each), zero))
        for t in m.range(steps):
            now, truth = m.part(after, t * stride), m.from_integer((a + b >> t).both(1))
            total = m.fold(rows, [zero], lambda n, sums: [m.fma(m.load(now, n), m.load(out, n), sums[0])])
            output = sigmoid_of(m.sums(total))
            m.set_number(layer_2, t, output)
            m.set_number(layer_2_delta, t, (truth - output) * (output * (1.0 - output)))
        for t in m.down(steps):
            now, delta = m.part(after, t * stride), m.broadcast(layer_2_delta, t)
            own, later = m.part(deltas, t * width), m.part(deltas, (t + 1) * width)
            for row in m.range(rows, step=vectors):
                errors = products([delta * each for each in tile(out, row)], hidden, later, 1, back, width, row)
                for n, (error, each) in enumerate(zip(errors, tile(now, row))):
                    m.store(own, row + n, error * (each * (1.0 - each)))
        for row in m.range(rows, step=vectors):
            learn(out, row, layer_2_delta, 1, after, stride)
            for i in m.range(hidden + 2):
                learn(m.part(weights, i * width), row, m.part(states, i), stride, deltas, width)
            for j in m.range(hidden):
                learn(m.part(back, j * width), row, m.part(deltas, j), width, before, stride)
