"""Keras' SimpleRNN, GRU or LSTM followed by a Dense: its lists of arrays, and its files .weights.h5.

    [kernel (I, G H), recurrent_kernel (H, G H), bias, kernel (H, O), bias (O,)]

as `get_weights` and `set_weights` of such a model have them; without biases, [kernel, recurrent_kernel, kernel]. Gates
lie side by side: GRU z r h, LSTM i f c o. The bias is (G H,), or (2, 3 H) of a GRU with reset_after, whose first row is
added to the product with x and whose second one to that with h. The layers' options are not in the weights:
return_sequences is True, activation that of the cell (tanh unless it is said), reset_after whether the reset gate acts
after the product. Nothing here imports Keras; files need h5py.
"""

import io

import numpy as np

from fastrnn.cells.base import ACTIVATIONS
from fastrnn.cells.elman import Elman
from fastrnn.cells.gru import GRU, RESETS
from fastrnn.cells.lstm import LSTM
from fastrnn.exchange.base import Format, network_of
from fastrnn.exchange.gates import GATE_COUNTS, UPDATE_FIRST, assembled, cell_of, known_weights, reordered
from fastrnn.program import install

KNOWN = {Elman: {"activation": tuple(ACTIVATIONS)}, GRU: {"reset": RESETS}, LSTM: {}}
# Names of the layers in a file, as Keras gives them to the first of each class.
LAYER_NAMES = {Elman: "simple_rnn", GRU: "gru", LSTM: "lstm"}


def to_keras(model):
    """Return the arrays of a model [layer, Dense], as its `set_weights` takes them; model: a Fit, a Model or a Network.

    Raises ValueError, in one line, for cells that Keras does not have, learned initial states, and outputs that are
    read before a step.
    """
    network = network_of(model)
    cell, weights = network.cell, known_weights(network, "Keras", KNOWN)
    order = UPDATE_FIRST if type(cell) is GRU else tuple(range(len(cell.gates)))
    w, u, b, c = (reordered(weights[name], order) for name in ("w_ih", "w_hh", "b_ih", "b_hh"))
    bias = np.stack([b, c]) if type(cell) is GRU and cell.reset == "after" else b + c
    arrays = [w.T, u.T, bias, weights["w_ho"].T, weights["b_o"]]
    return [np.array(array, order="C") for n, array in enumerate(arrays) if cell.bias or n in (0, 1, 3)]


def from_keras(arrays, activation=None, reset=None, head=None):
    """Return the Network of the arrays that `get_weights` of a model [layer, Dense] returns.

    activation: of a SimpleRNN, "tanh" if it is not given; reset: of a GRU without biases, "after" if it is not given,
    as Keras has it, where the shape of the bias does not say it; head: a Head, None for a linear one.
    Raises ValueError, in one line, for anything else.
    """
    arrays = [np.asarray(array) for array in arrays]
    own = arrays[:-1] if arrays and arrays[-1].ndim == 1 else arrays
    if len(own) not in (3, 4) or own[0].ndim != 2 or own[1].ndim != 2:
        raise ValueError(
            f"has {len(arrays)} arrays of shapes {', '.join(str(array.shape) for array in arrays):.200}, expected "
            "kernel, recurrent_kernel and bias of one layer, and kernel and bias of a Dense"
        )
    w, u, *biases, w_ho = own
    bias = biases[0] if biases else None
    kind = cell_of(u.shape[::-1])
    if kind is None or w.shape[1] != u.shape[1]:
        raise ValueError(f"has kernels of shapes {w.shape} and {u.shape}, expected those of a SimpleRNN, GRU or LSTM")
    order = UPDATE_FIRST if kind is GRU else tuple(range(GATE_COUNTS[kind]))
    said = None if kind is not GRU or bias is None else "after" if bias.ndim == 2 else "before"
    if said and reset and said != reset:
        raise ValueError(f"has a GRU whose bias of shape {bias.shape} says reset {said!r}, got {reset!r}")
    shapes = [(u.shape[1],), (2, u.shape[1])][: 1 + (kind is GRU)]
    if bias is not None and bias.shape not in shapes:
        raise ValueError(f"has a bias of shape {bias.shape}, expected {' or '.join(map(str, shapes))}")
    b_ih, b_hh = bias if bias is not None and bias.ndim == 2 else (bias, None)
    parts = {"w_ih": w.T, "w_hh": u.T, "b_ih": b_ih, "b_hh": b_hh}
    parts = {name: None if array is None else reordered(array, order) for name, array in parts.items()}
    parts |= {"w_ho": w_ho.T, "b_o": arrays[-1] if own is not arrays else None}
    return assembled(kind, parts, head, activation=activation or "tanh", reset=said or reset or "after")


class KerasWeights(Format):
    """The files .weights.h5 as a format."""

    name = "keras"
    ending = ".weights.h5"
    summary = "Keras' weights: Elman, GRU, LSTM"
    asks = ("activation", "reset", "head")

    def encode(self, network, name):
        """Return the bytes of a file that `load_weights` of a model [layer, Dense] reads."""
        arrays, split = to_keras(network), 3 if network.cell.bias else 2
        file, stored = _h5py(), io.BytesIO()
        layer = f"layers/{LAYER_NAMES[type(network.cell)]}"
        with file.File(stored, "w") as opened:
            # Keras looks for a group of each layer, also where it has no arrays of its own.
            places = {"": [], layer: [], f"{layer}/cell": arrays[:split], "layers/dense": arrays[split:]}
            for place, own in places.items():
                group = opened.create_group(f"{place}/vars")
                for n, array in enumerate(own):
                    group.create_dataset(str(n), data=array)
        return stored.getvalue()

    def decode(self, content, activation=None, reset=None, head=None):
        """Return the Network of a file."""
        found = _groups(_h5py(), content)
        cells = [place for place in found if place.rpartition("/")[2] == "cell"]
        rest = [place for place in found if place not in cells]
        if len(cells) != 1 or len(rest) != 1:
            raise ValueError(
                f"has weights of {', '.join(found) or 'no layers'}, expected those of one SimpleRNN, GRU or LSTM "
                "and one Dense"
            )
        return from_keras(found[cells[0]] + found[rest[0]], activation, reset, head)


def _groups(h5py, content):
    """Return {place of a layer: its arrays}, except those of optimizers and random numbers."""
    found = {}

    def visit(place, item):
        owner, _, last = place.rpartition("/vars/")
        if owner and isinstance(item, h5py.Dataset) and last.isdigit():
            if item.external:
                raise ValueError("has arrays that lie in other files")
            found.setdefault(owner, {})[int(last)] = item[()]

    try:
        with h5py.File(io.BytesIO(content), "r") as opened:
            opened.visititems(visit)
    except Exception as error:  # whatever a damaged file makes of it
        raise ValueError("is damaged, or not a file of this kind") from error
    return {
        place: [arrays[n] for n in sorted(arrays)]
        for place, arrays in found.items()
        if not place.startswith("optimizer") and not place.rpartition("/")[2].startswith("seed_generator")
    }


def _h5py():
    try:
        import h5py
    except ImportError as error:
        raise ValueError(f"format: h5py is missing ({error}): {install('h5py')}") from error
    return h5py
