"""The tutorial's complete program, training and output, by the scalar engine or the compiled one.

Both engines take the same random draws and make the same updates in float64; the compiled one is a
Program whose lanes are hidden units.  The tutorial is a translation of i am trask, "Anyone Can Learn
To Code an LSTM-RNN in Python (Part 1: RNN)", 2015; its equations and the meaning of its names are in
fastrnn.reference.
"""

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
    reference.check_arguments(samples, seed, hidden_dim, alpha, binary_dim, report_every)
    train = reference.train if engine == "scalar" else _train_compiled
    return train(samples, seed, hidden_dim, alpha, binary_dim, report_every)


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
    hidden = len(synapses.synapse_h)
    rows = -(-hidden // _PROGRAM.lanes)
    width = rows * _PROGRAM.lanes
    shapes = {"weights": (2 + hidden, width), "back": (hidden, width), "out": (width,), "unit": (width,),
              "states": (binary_dim + 1, 2 + width), "deltas": (binary_dim + 1, width), "layer_2": (binary_dim,),
              "layer_2_delta": (binary_dim,), "alpha": (1,)}
    arrays = {name: aligned_zeros(shape, float) for name, shape in shapes.items()}
    places = arrays["weights"][:2, :hidden], arrays["out"][:hidden, None], arrays["weights"][2:, :hidden]
    for place, synapse in zip(places, synapses):
        place[:] = synapse
    arrays["back"][:, :hidden], arrays["unit"][:hidden], arrays["alpha"][:] = synapses.synapse_h.T, 1, alpha
    operands = np.ascontiguousarray(operands, np.int64)
    _PROGRAM.call(**arrays, operands=operands, samples=len(operands), steps=binary_dim, hidden=hidden, rows=rows)
    for place, synapse in zip(places, synapses):
        synapse[:] = place
    return arrays["layer_2"]


_X = node("input", "x")


def _sigmoid(x):
    return on_vectors([sigmoid(_X)], {_X: x}, x)[0]


def _kernel(m):
    """Update after each of the samples.

    Units lie in `rows` vectors, in which numbers of no unit are 0: weights (2 + H, .) are synapse_0 and synapse_h, back
    (H, .) is synapse_h.T, out (.) is synapse_1, states (T + 1, 2 + .) the inputs of time t and layer_1 before it,
    deltas (T + 1, .) layer_1_delta; unit (.) is 1 where there is a unit.
    """
    steps, hidden, rows, operands = m.word("steps"), m.word("hidden"), m.word("rows"), m.integers("operands")
    weights, back, out, unit, states, deltas, layer_2, layer_2_delta, alpha = map(m.pointer, _ARRAYS)
    zero, alpha, width = m.constant(0.0), m.broadcast(alpha, 0), rows * m.lanes
    # layer_1 (T + 1, .): before a time, and after it.
    stride, layer_1 = width + 2, m.part(states, 2)
    after = m.part(layer_1, stride)

    def products(start, count, numbers, number_step, vectors, vector_step):
        """start + sum over n < count of numbers[n number_step] times the vector at vectors[n vector_step]."""
        return m.fold(count, [start], lambda n, sums: [
            m.fma(m.broadcast(numbers, n * number_step), m.load(m.part(vectors, n * vector_step), 0), sums[0])])[0]

    def learn(array, row, *update):
        m.store(array, row, m.fma(alpha, products(zero, steps, *update), m.load(array, row)))

    for sample in m.range(m.word("samples")):
        a, b = (m.read(operands, sample * 2 + n) for n in range(2))
        for t in m.range(steps):
            state = m.part(states, t * stride)
            for n, number in enumerate((a, b)):
                m.set_number(state, n, m.from_integer((number >> t).both(1)))
            for row in m.range(rows):
                pre = products(zero, hidden + 2, state, 1, m.part(weights, row * m.lanes), width)
                # An input of 0 would make 0.5 of a unit that does not exist.
                m.store(m.part(after, t * stride), row, m.select(m.load(unit, row) > 0.0, _sigmoid(pre), zero))
        for t in m.range(steps):
            now, truth = m.part(after, t * stride), m.from_integer((a + b >> t).both(1))
            total = m.fold(rows, [zero], lambda n, sums: [m.fma(m.load(now, n), m.load(out, n), sums[0])])
            output = _sigmoid(m.sums(total))
            m.set_number(layer_2, t, output)
            m.set_number(layer_2_delta, t, (truth - output) * (output * (1.0 - output)))
        for t in m.down(steps):
            later = m.part(deltas, (t + 1) * width)
            for row in m.range(rows):
                now, own = m.load(m.part(after, t * stride), row), m.broadcast(layer_2_delta, t) * m.load(out, row)
                error = products(own, hidden, later, 1, m.part(back, row * m.lanes), width)
                m.store(m.part(deltas, t * width), row, error * (now * (1.0 - now)))
        for row in m.range(rows):
            first = row * m.lanes
            learn(out, row, layer_2_delta, 1, m.part(after, first), stride)
            for i in m.range(hidden + 2):
                learn(m.part(weights, i * width), row, m.part(states, i), stride, m.part(deltas, first), width)
            for j in m.range(hidden):
                learn(m.part(back, j * width), row, m.part(deltas, j), width, m.part(layer_1, first), stride)


_ARRAYS = "weights", "back", "out", "unit", "states", "deltas", "layer_2", "layer_2_delta", "alpha"
_PROGRAM = Program(
    _kernel, (*_ARRAYS, "operands", "samples", "steps", "hidden", "rows"), "float64", lanes_for(float), ""
)
