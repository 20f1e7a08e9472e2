"""Initial weights, drawn in float64 from NumPy's Philox generator keyed by the seed.

Each initializer fills shapes {name: shape} with {name: float64 array}. fan_in of a weight is its last axis.
"""

import numpy as np

from fastrnn import streams
from fastrnn.machine.execute import Program

# Models whose weights are drawn at once.
SEEDS_AT_ONCE = 1024


def uniform(shapes, rng):
    """Draw every weight uniformly from [-1, 1), as the tutorial does; biases are 0."""
    return {name: rng.uniform(-1, 1, shape) if len(shape) > 1 else np.zeros(shape) for name, shape in shapes.items()}


def xavier(shapes, rng):
    """Draw uniformly from [-a, a), a = sqrt(6 / (fan_in + fan_out)); biases are 0.

    X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    AISTATS 2010.
    """
    return {
        name: rng.uniform(-1, 1, shape) * np.sqrt(6 / sum(shape)) if len(shape) > 1 else np.zeros(shape)
        for name, shape in shapes.items()
    }


def pytorch(shapes, rng):
    """Draw every weight and bias uniformly from [-a, a), a = 1 / sqrt(hidden units), as PyTorch does; vectors and
    initial states are 0.

    The number of hidden units is the last axis of w_hh.
    """
    bound = shapes["w_hh"][-1] ** -0.5
    drawn = ("w_ih", "w_hh", "b_ih", "b_hh", "w_ho", "b_o")
    return {
        name: rng.uniform(-bound, bound, shape) if name in drawn else np.zeros(shape) for name, shape in shapes.items()
    }


def orthogonal(shapes, rng):
    """Draw w_hh as a random orthogonal matrix (Haar measure) for each gate, the others as `xavier` does.

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


def _rows(m):
    """Fill each row with the first words of its seed."""
    width, words = m.word("width"), m.integers("words")
    for row in m.range(m.word("count")):
        seed = m.read(m.integers("seeds"), row)
        m.random_words((seed, m.word("stream")), (0, 0, 0), m.part_of_integers(words, row * width), width)


_ROWS = Program(_rows, ("seeds", "stream", "words", "count", "width"), "float64", 1, "")


class _Generators:
    """As np.random.Generator(np.random.Philox(key=[seed, streams.WEIGHT_STREAM])) for several seeds, which draw at most
    `words` numbers.

    Arrays have a leading axis of seeds; a generator of NumPy's for each would take longer than training.
    """

    def __init__(self, seeds, words):
        self.words, self.drawn = np.empty((len(seeds), words), np.uint64), 0
        seeds = np.ascontiguousarray(seeds, np.uint64)
        _ROWS.call(seeds=seeds, stream=streams.WEIGHT_STREAM, words=self.words, count=len(seeds), width=words)

    def uniform(self, low, high, shape):
        size = int(np.prod(shape))
        words = self.words[:, self.drawn : self.drawn + size]
        self.drawn += size
        return (low + (high - low) * ((words >> np.uint64(11)) * 2.0**-53)).reshape(len(words), *shape)


def initial_weights(name, shapes, seed):
    """Return weights by the initializer called `name` for an integer seed; for seeds (N,), with a leading axis of N."""
    if np.ndim(seed) == 0:
        return {key: weight[0] for key, weight in initial_weights(name, shapes, [seed]).items()}
    count, parts = len(seed), [{key: np.zeros((0, *shape)) for key, shape in shapes.items()}]
    if INITIALIZERS[name] is orthogonal:
        rngs = (np.random.Generator(np.random.Philox(key=[int(each), streams.WEIGHT_STREAM])) for each in seed)
        parts += [{key: weight[None] for key, weight in orthogonal(shapes, rng).items()} for rng in rngs]
    else:
        words = sum(int(np.prod(shape)) for shape in shapes.values())
        for first in range(0, count, SEEDS_AT_ONCE):
            drawn = INITIALIZERS[name](shapes, _Generators(seed[first : first + SEEDS_AT_ONCE], words))
            models = len(seed[first : first + SEEDS_AT_ONCE])
            parts.append({key: np.broadcast_to(weight, (models, *shapes[key])) for key, weight in drawn.items()})
    return {key: np.concatenate([part[key] for part in parts]) for key in shapes}


def drawn_weights(cell, shapes, config, seed, scale=None):
    """Return {name: float64 array} of the initial weights of a configuration; a cell's own vectors begin at its
    `starts`.

    For seeds (N,) with a leading axis of N; scale: a number, or one for each; None: the configuration's.
    """
    drawn, scale = initial_weights(config.initializer, shapes, seed), config.initial_scale if scale is None else scale
    weights = {name: (np.transpose(weight) * scale).T for name, weight in drawn.items()}
    return weights | {name: np.full(drawn[name].shape, value) for name, value in cell.starts.items()}
