"""The scalar original: the tutorial's Elman network that learns to add, one sample at a time.

This is the program of i am trask, "Anyone Can Learn To Code an LSTM-RNN in Python (Part 1: RNN)",
2015, which the tutorial translates, under Python 3: its names, its order of operations, its order
of random draws, and its cost.  It is the oracle the tests compare with and the baseline the
benchmarks divide by, so it imports nothing else of this package and is neither optimised nor slowed
down.

For bit pairs X[t] (least significant first), the true sum bits y[t] and layer_1[-1] = 0:

    layer_1[t] = sigmoid(X[t] @ synapse_0 + layer_1[t-1] @ synapse_h)
    layer_2[t] = sigmoid(layer_1[t] @ synapse_1)
    layer_2_delta[t] = (y[t] - layer_2[t]) * layer_2[t] * (1 - layer_2[t])
    layer_1_delta[t] = (layer_1_delta[t+1] @ synapse_h.T + layer_2_delta[t] @ synapse_1.T)
                       * layer_1[t] * (1 - layer_1[t])

and each weight matrix moves by +alpha times the sum over t of (its input).T @ (its delta), which is
gradient descent on E = 0.5 * sum_t (y[t] - layer_2[t])**2.

The tutorial's names and this package's, with I = 2 inputs, H = hidden_dim and O = 1 output (the
tutorial multiplies rows from the left, the package has PyTorch's (out, in) shapes and W @ column):

    tutorial                    shape     fastrnn                          shape
    synapse_0                   (I, H)    w_ih.T                           w_ih (H, I)
    synapse_h                   (H, H)    w_hh.T, as pre = w_hh @ h        w_hh (H, H)
    synapse_1                   (H, O)    w_ho.T                           w_ho (O, H)
    synapse_0_update, ...                 minus the gradient of w_ih.T, ...
    X, y                        (1, I)    x[t], y[t]
    layer_1, prev_layer_1       (1, H)    h[t], h[t-1]
    layer_2, d                  (1, O)    o[t], and o rounded to bits
    layer_2_delta               (1, O)    minus the gradient of o's pre-activation
    layer_1_delta               (1, H)    minus the gradient of h's pre-activation
    alpha                                 the learning rate
    binary_dim                            the number of time steps T
"""

import copy
import operator
import sys
from typing import NamedTuple

import numpy as np

input_dim = 2
output_dim = 1


class Synapses(NamedTuple):
    """The three weight matrices (or the updates of all three), float64.

    Shapes: synapse_0 (2, H), synapse_1 (H, 1), synapse_h (H, H).
    """

    synapse_0: np.ndarray
    synapse_1: np.ndarray
    synapse_h: np.ndarray


class Block(NamedTuple):
    """One progress report of a training run, as the tutorial prints it.

    step: the number of updates before this sample.  error: sum over the bits of |y - layer_2|.
    pred, truth: (binary_dim,) uint8 bits, most significant first.  a + b is the sum that was asked,
    out the integer that pred spells.
    """

    step: int
    error: float
    pred: np.ndarray
    truth: np.ndarray
    a: int
    b: int
    out: int


def sigmoid(x):
    """Return 1 / (1 + exp(-x)), elementwise."""
    output = 1 / (1 + np.exp(-x))
    return output


def sigmoid_output_to_derivative(output):
    """Return s * (1 - s), the derivative of sigmoid where its value is s = output, elementwise."""
    return output * (1 - output)


def binary_table(binary_dim=8):
    """Return the tutorial's int2binary: a dict from each integer in [0, 2**binary_dim) to its bits.

    Each value is a (binary_dim,) uint8 array, most significant bit first.
    """
    # The tutorial's unpackbits knows 8 bits only; shifts give the same rows at any width.
    shifts = np.arange(binary_dim)[::-1]
    binary = ((np.arange(2**binary_dim)[:, None] >> shifts) & 1).astype(np.uint8)
    return {i: binary[i] for i in range(2**binary_dim)}


def initial_synapses(rng, hidden_dim=16):
    """Draw the weights uniformly from [-1, 1): synapse_0, then synapse_1, then synapse_h.

    rng: a numpy.random.RandomState, advanced by 2*H + H + H*H doubles.
    """
    synapse_0 = 2 * rng.random_sample((input_dim, hidden_dim)) - 1
    synapse_1 = 2 * rng.random_sample((hidden_dim, output_dim)) - 1
    synapse_h = 2 * rng.random_sample((hidden_dim, hidden_dim)) - 1
    return Synapses(synapse_0, synapse_1, synapse_h)


def forward_backward(synapses, a_bits, b_bits, c_bits, updates=None):
    """Run one sample forward and back through time and return (updates, d, overallError).

    a_bits, b_bits, c_bits: (T,) integer bits, most significant first.  updates: Synapses to add
    this sample's updates to in place; zeros when None.  The updates are minus the gradient of
    0.5 * sum (y - layer_2)**2, without alpha.  d: (T,) predicted bits, most significant first, of
    c_bits' dtype.  overallError: (1,) float64, sum of |y - layer_2|.  The synapses stay as they
    are.  Shapes are not checked: the cost of a sample stays the tutorial's.
    """
    synapse_0, synapse_1, synapse_h = synapses
    if updates is None:
        updates = Synapses(*map(np.zeros_like, synapses))
    synapse_0_update, synapse_1_update, synapse_h_update = updates
    binary_dim = len(c_bits)
    hidden_dim = len(synapse_h)

    d = np.zeros_like(c_bits)
    overallError = 0
    layer_2_deltas = list()
    layer_1_values = list()
    layer_1_values.append(np.zeros(hidden_dim))

    for position in range(binary_dim):
        X = np.array([[a_bits[binary_dim - position - 1], b_bits[binary_dim - position - 1]]])
        y = np.array([c_bits[binary_dim - position - 1]]).T

        layer_1 = sigmoid(np.dot(X, synapse_0) + np.dot(layer_1_values[-1], synapse_h))
        layer_2 = sigmoid(np.dot(layer_1, synapse_1))

        layer_2_error = y - layer_2
        layer_2_deltas.append(layer_2_error * sigmoid_output_to_derivative(layer_2))
        overallError += np.abs(layer_2_error[0])

        d[binary_dim - position - 1] = np.round(layer_2[0][0])

        layer_1_values.append(copy.deepcopy(layer_1))

    future_layer_1_delta = np.zeros(hidden_dim)

    for position in range(binary_dim):
        X = np.array([[a_bits[position], b_bits[position]]])
        layer_1 = layer_1_values[-position - 1]
        prev_layer_1 = layer_1_values[-position - 2]

        layer_2_delta = layer_2_deltas[-position - 1]
        layer_1_delta = (
            future_layer_1_delta.dot(synapse_h.T) + layer_2_delta.dot(synapse_1.T)
        ) * sigmoid_output_to_derivative(layer_1)

        synapse_1_update += np.atleast_2d(layer_1).T.dot(layer_2_delta)
        synapse_h_update += np.atleast_2d(prev_layer_1).T.dot(layer_1_delta)
        synapse_0_update += X.T.dot(layer_1_delta)

        future_layer_1_delta = layer_1_delta

    return updates, d, overallError


def apply_updates(synapses, updates, alpha):
    """Add alpha times the updates to the synapses and set the updates to zero, both in place."""
    synapse_0, synapse_1, synapse_h = synapses
    synapse_0_update, synapse_1_update, synapse_h_update = updates

    synapse_0 += synapse_0_update * alpha
    synapse_1 += synapse_1_update * alpha
    synapse_h += synapse_h_update * alpha

    synapse_0_update *= 0
    synapse_1_update *= 0
    synapse_h_update *= 0


def bits_to_int(bits):
    """Return the integer that bits, most significant first, spell: sum of bit * 2**index."""
    out = 0
    for index, x in enumerate(reversed(bits)):
        # int: the tutorial's uint8 bits would wrap around in sums of more than 8 bits.
        out += int(x) * pow(2, index)
    return out


def checked_arguments(samples, seed, hidden_dim, alpha, binary_dim, report_every):
    """Return {name: Python's own int or float} of the arguments of a training run.

    NumPy's small integers overflow.  Errors: a one-line ValueError that names the first argument that is wrong.
    """
    numbers = {}
    for name, value, low, high in (
        ("samples", samples, 1, None),
        ("seed", seed, 0, 2**32 - 1),
        ("hidden_dim", hidden_dim, 1, None),
        ("binary_dim", binary_dim, 1, 16),
        ("report_every", report_every, 1, None),
    ):
        wanted = f">= {low}" if high is None else f"in [{low}, {high}]"
        try:
            if isinstance(value, bool):
                raise TypeError
            number = operator.index(value)
        except TypeError:
            raise ValueError(f"{name}: got {value!r}, expected an integer {wanted}") from None
        if number < low or (high is not None and number > high):
            raise ValueError(f"{name}: got {value!r}, expected an integer {wanted}")
        numbers[name] = number
    try:
        if isinstance(alpha, bool) or not isinstance(alpha, (int, float, np.integer, np.floating)):
            raise TypeError
        numbers["alpha"] = float(alpha)
        # In float64: beside a small float of NumPy, the largest float is infinite, too.
        if not abs(numbers["alpha"]) <= sys.float_info.max:
            raise OverflowError
    except (TypeError, OverflowError):
        raise ValueError(f"alpha: got {alpha!r}, expected a finite number") from None
    return numbers


def train(samples=10000, seed=0, hidden_dim=16, alpha=0.1, binary_dim=8, report_every=1000):
    """Train on random sums and return a generator of a Block for each sample j % report_every == 0.

    RandomState(seed) (the stream of the tutorial's np.random.seed) gives the weights, then for each
    sample a and then b from [0, 2**binary_dim / 2).  Each sample is followed by its update.  The
    generator's return value (StopIteration.value) is the trained Synapses.

    Errors: ValueError, at the call, for samples, hidden_dim or report_every < 1, seed outside
    [0, 2**32 - 1], binary_dim outside [1, 16], alpha that is not a finite number.
    """
    return _train(**checked_arguments(samples, seed, hidden_dim, alpha, binary_dim, report_every))


def _train(samples, seed, hidden_dim, alpha, binary_dim, report_every):
    rng = np.random.RandomState(seed)
    int2binary = binary_table(binary_dim)
    largest_number = pow(2, binary_dim)
    synapses = initial_synapses(rng, hidden_dim)
    updates = Synapses(*map(np.zeros_like, synapses))

    for j in range(samples):
        a_int = rng.randint(largest_number // 2)
        a = int2binary[a_int]
        b_int = rng.randint(largest_number // 2)
        b = int2binary[b_int]
        c_int = a_int + b_int
        c = int2binary[c_int]

        updates, d, overallError = forward_backward(synapses, a, b, c, updates)
        apply_updates(synapses, updates, alpha)

        if j % report_every == 0:
            yield Block(j, float(overallError[0]), d, c, a_int, b_int, bits_to_int(d))

    return synapses
