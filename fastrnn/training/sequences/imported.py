"""`fastrnn.import_network`: reads a network of another library's file as a Fit, which predicts, is saved, and can be
trained further."""

import numpy as np

from fastrnn.exchange.base import Network
from fastrnn.exchange.entry import read_network
from fastrnn.kernels.recurrent.decide import ROLES
from fastrnn.training.sequences.config import FitConfig
from fastrnn.training.sequences.fits import Fits
from fastrnn.training.sequences.job import IMPORTED
from fastrnn.training.sequences.one import Fit
from fastrnn.training.sequences.recipe import FitRecipe


def import_network(source, *, format=None, head=None, activation=None, reset=None) -> Fit:
    """Read a network of PyTorch, Keras, JAX, ONNX or an audio plugin; docs/exchange.md describes the formats.

    `fastrnn.train(fit.cell, data, weights=fit.weights)` continues training from it.

    Parameters
    ----------
    source : str, dict or fastrnn.exchange.base.Network
        A file, whose ending names the format; or a state_dict of PyTorch, {name: array or tensor}; or a Network, for
        example of from_keras.
    format : str or None
        The format's name, if the ending is that of several: rtneural or coreaudioml for .json, flax, nnx, equinox or
        haiku for .npz.
    head : Head, str or None
        The head, if the file does not say it; None: linear.
    activation : str or None
        The activation of an Elman cell, if the file does not say it; None: tanh.
    reset : str or None
        Where the reset gate of a GRU of Keras without biases acts, "after" or "before" the product; None: after.

    Returns
    -------
    Fit

    Raises
    ------
    ValueError
        In one line, for damaged files, for networks other than one recurrent and one linear layer, and for options that
        the file itself says.
    OSError
        If the file cannot be read.
    """
    if isinstance(source, Network):
        return fit_of(source)
    return fit_of(read_network(source, format, head=head, activation=activation, reset=reset))


def fit_of(network):
    """Return the Fit of a fastrnn.exchange.base.Network, with no epochs and with losses that are nan."""
    cell, weights = network.cell, network.weights
    learned = "learned" if any(name.startswith("initial_") for name in weights) else "zero"
    config = FitConfig(initial_state=learned, before=network.before, dtype=weights["w_hh"].dtype.name)
    recipe = FitRecipe(cell, network.head, len(weights["w_ho"]), config, weights["w_ih"].shape[1])
    none, nan = np.zeros(1, np.int64), np.full((1, ROLES), np.nan)
    row = recipe.vector(weights)
    return Fit(Fits(
        cell, network.head, config, none, np.array([cell.hidden_size]), {}, (IMPORTED,), none, none, nan, nan, 0.0, "",
        (row,), (np.zeros((0, 2, ROLES), config.dtype),), {cell.hidden_size: recipe},
    ))
