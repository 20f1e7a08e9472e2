"""`fastrnn.write_page`: a trained network as one HTML file that shows it at work."""

import os

from fastrnn.arguments import as_integer
from fastrnn.data.sequences import Sequences
from fastrnn.exchange.base import network_of
from fastrnn.files import write_atomically
from fastrnn.pages.document import document
from fastrnn.pages.sequences import fit_data
from fastrnn.pages.tasks import task_data


def write_page(model, path, *, data=None, certificate=None, sequences=5, overwrite=False):
    """Write one HTML file in which a network runs, as JavaScript generated from its cell's formula.

    Parameters
    ----------
    model : Model or Fit
        The page of a Model of a task shows numbers bit by bit, the hidden states, and the answer; that of a Fit shows
        sequences.
    path : str
        The file to write.
    data : Sequences or a list of arrays (steps, inputs), optional
        For a Fit: sequences that the page plays; without them inputs are typed.
    certificate : str, optional
        For a Model: the path of its certificate, whose boxes are drawn around the hidden states.
    sequences : int
        The number of sequences in the page, the first ones of the data, with at most 400 steps of each.
    overwrite : bool
        Whether an existing file is replaced.

    Raises
    ------
    ValueError, TypeError, CheckpointError
        In one line, for a model that has no page, or data or a certificate that do not fit the model.
    OSError
        If the file cannot be written; FileExistsError if it exists and is not to be overwritten.
    """
    write_atomically(os.fspath(path), page_of(model, data, certificate, sequences).encode(), overwrite=overwrite)


def page_of(model, data=None, certificate=None, sequences=5):
    """Return the text of the page."""
    network, sequences = network_of(model), as_integer("sequences", sequences, 1)
    if hasattr(model, "fits"):
        if certificate is not None:
            raise ValueError("certificate: must be None for a Fit: only a Model of a task has one")
        data = Sequences(data) if data is not None and not isinstance(data, Sequences) else data
        return document(network, fit_data(model, data, sequences))
    if model.task is None:
        raise ValueError("model: has no task, so there is nothing to show; expected a Model of a task, or a Fit")
    if data is not None:
        raise ValueError("data: must be None for a Model: numbers are typed into the page")
    return document(network, task_data(model, certificate))
