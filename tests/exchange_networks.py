"""Networks that tests of exchange have in common: random ones of any cell and size, and how ours runs them."""

import numpy as np

from fastrnn import GRU, LSTM, Elman, FitConfig, Sequences
from fastrnn.exchange.base import Network
from fastrnn.heads.linear import Linear
from fastrnn.heads.softmax import Softmax
from fastrnn.training.sequences.outputs import outputs_of
from fastrnn.training.sequences.recipe import FitRecipe

GATES = {Elman: 1, GRU: 3, LSTM: 4}
# Sizes for which kernels are compiled for tests of ONNX, too.
TANH, AFTER, BEFORE, MEMORY = Elman(4, "tanh"), GRU(5), GRU(5, reset="before"), LSTM(3)
RELU = Elman(4, "relu")


def random_network(cell, inputs=2, outputs=3, dtype=np.float32, head=None, seed=0, initial=False):
    """A Network of random weights, biases and, where asked for, initial states."""
    rng, rows, hidden = np.random.default_rng(seed), GATES[type(cell)] * cell.hidden_size, cell.hidden_size
    shapes = {"w_ih": (rows, inputs), "w_hh": (rows, hidden), "b_ih": (rows,), "b_hh": (rows,)}
    shapes |= {"w_ho": (outputs, hidden), "b_o": (outputs,)}
    if initial:
        shapes |= {f"initial_{state}": (hidden,) for state in cell.state}
    scale = 1 / np.sqrt(hidden)
    weights = {
        name: (scale * rng.normal(size=shape)).astype(dtype)
        for name, shape in shapes.items()
        if cell.bias or not name.startswith("b_")
    }
    return Network(cell, head or Linear(), weights)


def kernel_outputs(network, x):
    """z (T, O) of one sequence x (T, 2), by the kernels, with 3 outputs."""
    recipe = FitRecipe(network.cell, Softmax(), 3, FitConfig(initial_state="learned"), 2)
    return outputs_of(recipe, recipe.vector(network.weights)[None], Sequences(x[None]), False)[0][0]


def same(weights, others):
    """Whether two {name: array} are the same bytes."""
    assert sorted(weights) == sorted(others)
    for name, values in weights.items():
        assert values.dtype == others[name].dtype and values.shape == others[name].shape, name
        assert values.tobytes() == others[name].tobytes(), name
