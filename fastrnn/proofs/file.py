"""The certificate: a safetensors file, stored beside the model, with everything that a checker needs.

Arrays: low and high (N, H), float64, the boxes' ends, and following (N, S), int64, the node after each symbol; node 0
is the zero state. Which state of the task a node stands for follows from the way to it. The header's metadata has one
key, "certificate":

    {"format": 4, "task": {"name": "addition", "operands": 2}, "automaton": {"next": [...], "outputs": [...]},
     "cell": {...}, "formula": "a | a (1, 1) | ...", "head": "sigmoid", "dtype": "float32", "weights": sha256,
     "margin": ...}

The task has no width: the proof is for all of them. Its automaton has a row for each state, the first of which is where
sequences start, and in it a number for each symbol, of which bit i is input i: the next state, and the output, of which
bit o is that of output o. "formula" has the cell's gates, as their weights are stacked, and the text of its Step;
"weights" is fastrnn.checkpoint.hash_of the weights. H counts all parts of the state, h first. Format 3 had no
automaton; format 2, of Elman networks alone, had the error bounds ("rounding") in place of formula and head.
"""

import json
import os

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from fastrnn.checkpoint import CERTIFICATE_KEY, description, hash_of, plain_fields
from fastrnn.errors import CheckpointError
from fastrnn.files import write_atomically

CERTIFICATE_FORMAT = 4


def description_of(task):
    """Return a task's name and fields, without its width."""
    return {"name": task.name, **{name: value for name, value in plain_fields(task).items() if name != "bits"}}


def formula_of(cell):
    """Return a cell's gates and formula in one line."""
    return f"{' '.join(cell.gates)} | {cell.traced().text}"


def automaton_as_json(automaton):
    """Return an Automaton in a form for JSON: the next state and the output, a number of all its bits, by state and
    symbol."""
    outputs = automaton.outputs.astype(int) @ (1 << np.arange(automaton.outputs.shape[2]))
    return {"next": automaton.following.tolist(), "outputs": outputs.tolist()}


def write_certificate(path, model, task, graph, proof, *, overwrite=True):
    """Write a successful Proof to `path`, in one step. Raises OSError if that fails."""
    header = {"format": CERTIFICATE_FORMAT, "task": description_of(task),
              "automaton": automaton_as_json(graph.automaton),
              "cell": description(model.cell), "formula": formula_of(model.cell),
              "head": "sigmoid", "dtype": str(model.dtype), "weights": hash_of(model.weights), "margin": proof.margin}
    arrays = {"low": proof.low.astype(np.float64), "high": proof.high.astype(np.float64),
              "following": graph.following.astype(np.int64)}
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_atomically(path, save(arrays, {CERTIFICATE_KEY: json.dumps(header, sort_keys=True)}), overwrite=overwrite)


def read_boxes(path, model):
    """Return (low, high, following) of a certificate for this Model: boxes of h (N, H), and the box after each symbol
    (N, S).

    The proof itself is not verified: that is what fastrnn.check does.
    Raises CheckpointError, in one line, for another file, or a certificate for other weights.
    """
    path = os.fspath(path)
    # A FIFO, for whose writer one would wait.
    if os.path.exists(path) and not os.path.isfile(path):
        raise CheckpointError(f"{path}: is not a regular file, expected a certificate; fastrnn certify writes one")
    try:
        with safe_open(path, "np") as file:
            claim = json.loads((file.metadata() or {})[CERTIFICATE_KEY])
            arrays = [file.get_tensor(name) for name in ("low", "high", "following")]
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointError(f"{path}: is not a certificate; fastrnn certify writes one") from error
    if not isinstance(claim, dict) or claim.get("weights") != hash_of(model.weights):
        raise CheckpointError(f"{path}: is a certificate for other weights; certify the model again")
    low, high, following = arrays
    inside = following.ndim == 2 and following.dtype.kind == "i" and len(following) == len(low) == len(high)
    if not inside or low.shape[1:] != (model.hidden_size * len(model.cell.state),) or high.shape != low.shape:
        raise CheckpointError(f"{path}: is damaged: its boxes have other shapes; certify the model again")
    if following.min(initial=0) < 0 or following.max(initial=0) >= len(low):
        raise CheckpointError(f"{path}: is damaged: it leads to boxes that it does not have; certify the model again")
    return low[:, : model.hidden_size], high[:, : model.hidden_size], following
