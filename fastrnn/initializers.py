"""Initial weights, drawn in float64 from NumPy's Philox generator keyed by the seed.

Each initializer fills shapes {name: shape} with {name: float64 array}. fan_in of a weight is its last axis.
"""

import numpy as np


def uniform(shapes, rng):
    """The tutorial's: every weight uniform on [-1, 1); biases 0."""
    return {name: rng.uniform(-1, 1, shape) if len(shape) > 1 else np.zeros(shape) for name, shape in shapes.items()}


def xavier(shapes, rng):
    """Uniform on [-a, a), a = sqrt(6 / (fan_in + fan_out)); biases 0.

    X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    AISTATS 2010.
    """
    return {
        name: rng.uniform(-1, 1, shape) * np.sqrt(6 / sum(shape)) if len(shape) > 1 else np.zeros(shape)
        for name, shape in shapes.items()
    }


def pytorch(shapes, rng):
    """PyTorch's: every weight and bias uniform on [-a, a), a = 1 / sqrt(hidden units); vectors and initial states 0.

    The number of hidden units is the last axis of w_hh.
    """
    bound = shapes["w_hh"][-1] ** -0.5
    drawn = ("w_ih", "w_hh", "b_ih", "b_hh", "w_ho", "b_o")
    return {
        name: rng.uniform(-bound, bound, shape) if name in drawn else np.zeros(shape) for name, shape in shapes.items()
    }


def orthogonal(shapes, rng):
    """w_hh a random orthogonal matrix (Haar measure) for each gate, the others as `xavier`.

    A. M. Saxe, J. L. McClelland and S. Ganguli, "Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks", ICLR 2014; the sign correction is F. Mezzadri's, Notices of the AMS 54 (2007).
    """
    weights = xavier(shapes, rng)
    rows, hidden = shapes["w_hh"]
    squares = [np.linalg.qr(rng.standard_normal((hidden, hidden))) for _ in range(rows // hidden)]
    # A cell whose state reaches no gate has none.
    weights["w_hh"] = np.concatenate([np.zeros((0, hidden)), *(q * np.sign(np.diag(r)) for q, r in squares)])
    return weights


INITIALIZERS = {"uniform": uniform, "pytorch": pytorch, "xavier": xavier, "orthogonal": orthogonal}


def initial_weights(name, shapes, seed):
    """Weights by the initializer called `name` for an integer seed."""
    return INITIALIZERS[name](shapes, np.random.Generator(np.random.Philox(key=[seed, 2])))
