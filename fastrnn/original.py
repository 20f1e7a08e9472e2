"""The tutorial's complete program, training and output, by the scalar engine or the compiled one.

Both engines take the same random draws and make the same updates in float64; the compiled one is
plain loops that numba turns into machine code.  The tutorial is a translation of i am trask,
"Anyone Can Learn To Code an LSTM-RNN in Python (Part 1: RNN)", 2015; its equations and the meaning
of its names are in fastrnn.reference.
"""

import math

import numpy as np

from fastrnn import reference
from fastrnn.compiling import jit
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
    pred = np.zeros(binary_dim, dtype=np.uint8)
    done = 0
    while done < samples:
        # A report shows the last sample of a call, so calls end after samples 0, report_every, ...
        step = -(-done // report_every) * report_every
        stop = min(step + 1, samples)
        # One call for all operands is the stream of one call each, a before b.
        operands = rng.randint(2**binary_dim // 2, size=(stop - done, 2))
        error = _update_per_sample(*synapses, operands, float(alpha), pred)
        done = stop
        if step < stop:
            a, b = (int(operand) for operand in operands[-1])
            shifts = np.arange(binary_dim)[::-1]
            truth = ((a + b) >> shifts & 1).astype(np.uint8)
            yield Block(step, error, pred.copy(), truth, a, b, reference.bits_to_int(pred))
    return synapses


@jit(inline="always")
def _row_times_rows(out, left, row, right, first, rows):
    """Set out (n,) to left[row, :rows] @ right[first : first + rows], summed in row order."""
    columns = out.shape[0]
    for j in range(columns):
        out[j] = 0.0
    # Four rows a pass: out is loaded and stored a quarter as often, and the terms of each sum keep
    # their order.  Arrays come whole, with an index, as a slice costs numba more than its products.
    whole = rows - rows % 4
    for i in range(0, whole, 4):
        k = first + i
        w0 = left[row, i]
        w1 = left[row, i + 1]
        w2 = left[row, i + 2]
        w3 = left[row, i + 3]
        for j in range(columns):
            out[j] = (
                ((out[j] + w0 * right[k, j]) + w1 * right[k + 1, j]) + w2 * right[k + 2, j]
            ) + w3 * right[k + 3, j]
    for i in range(whole, rows):
        w0 = left[row, i]
        for j in range(columns):
            out[j] += w0 * right[first + i, j]


@jit
def _update_per_sample(synapse_0, synapse_1, synapse_h, operands, alpha, pred):
    """Update the synapses in place after each (a, b) row of operands; report the last sample.

    pred (T,) receives the last sample's bits, the return value is its error.  Inner loops run over
    independent elements of contiguous rows, not along a sum: they become SIMD code although every
    sum keeps its order.
    """
    hidden_dim = synapse_h.shape[0]
    binary_dim = pred.shape[0]
    # Row t + 1 of layer_1 is time t, and row 0 the zero state before the first bit.  Going back, r
    # counts from the last time: row r + 1 of layer_1_delta is time binary_dim - 1 - r, and row 0
    # the zero delta that comes from beyond the last bit.
    layer_1 = np.zeros((binary_dim + 1, hidden_dim))
    layer_1_delta = np.zeros((binary_dim + 1, hidden_dim))
    layer_2_delta = np.zeros(binary_dim)
    # What layer_1_delta is multiplied with, in its order of time: rows of the previous layer_1,
    # then the two rows of bits.
    inputs = np.zeros((hidden_dim + 2, binary_dim))
    synapse_h_T = np.empty((hidden_dim, hidden_dim))
    row = np.empty(hidden_dim)
    overall_error = 0.0

    for sample in range(operands.shape[0]):
        a_int = operands[sample, 0]
        b_int = operands[sample, 1]
        c_int = a_int + b_int
        overall_error = 0.0

        for t in range(binary_dim):
            r = binary_dim - 1 - t
            x_a = float((a_int >> t) & 1)
            x_b = float((b_int >> t) & 1)
            y = float((c_int >> t) & 1)
            inputs[hidden_dim, r] = x_a
            inputs[hidden_dim + 1, r] = x_b

            _row_times_rows(row, layer_1, t, synapse_h, 0, hidden_dim)
            for j in range(hidden_dim):
                row[j] += x_a * synapse_0[0, j] + x_b * synapse_0[1, j]
            # exp is a scalar call; in a loop of its own it leaves the loops around it SIMD.
            for j in range(hidden_dim):
                row[j] = math.exp(-row[j])
            for j in range(hidden_dim):
                layer_1[t + 1, j] = 1.0 / (1.0 + row[j])

            pre = 0.0
            for j in range(hidden_dim):
                pre += layer_1[t + 1, j] * synapse_1[j, 0]
            layer_2 = 1.0 / (1.0 + math.exp(-pre))
            layer_2_error = y - layer_2
            layer_2_delta[r] = layer_2_error * (layer_2 * (1.0 - layer_2))
            overall_error += abs(layer_2_error)
            # The tutorial's np.round takes half to even, so exactly 0.5 is a 0.
            pred[r] = 1 if layer_2 > 0.5 else 0

        for i in range(hidden_dim):
            for j in range(hidden_dim):
                synapse_h_T[j, i] = synapse_h[i, j]
            for r in range(binary_dim):
                inputs[i, r] = layer_1[binary_dim - 1 - r, i]

        for r in range(binary_dim):
            t = binary_dim - 1 - r
            delta = layer_2_delta[r]
            _row_times_rows(row, layer_1_delta, r, synapse_h_T, 0, hidden_dim)
            for j in range(hidden_dim):
                h = layer_1[t + 1, j]
                layer_1_delta[r + 1, j] = (row[j] + delta * synapse_1[j, 0]) * (h * (1.0 - h))

        for j in range(hidden_dim):
            row[j] = 0.0
        for r in range(binary_dim):
            delta = layer_2_delta[r]
            for j in range(hidden_dim):
                row[j] += layer_1[binary_dim - r, j] * delta
        for j in range(hidden_dim):
            synapse_1[j, 0] += row[j] * alpha

        for i in range(hidden_dim + 2):
            _row_times_rows(row, inputs, i, layer_1_delta, 1, binary_dim)
            if i < hidden_dim:
                for j in range(hidden_dim):
                    synapse_h[i, j] += row[j] * alpha
            else:
                for j in range(hidden_dim):
                    synapse_0[i - hidden_dim, j] += row[j] * alpha

    return overall_error
