"""The certificate: one safetensors file with all that a checker needs, beside the model itself.

Arrays: low and high (N, H), float64, the boxes' ends, and following (N, S), int64, the node after each symbol; node 0
is the zero state. Which state of the task a node stands for follows from the way to it. The header's metadata has one
key, "certificate":

    {"format": 2, "task": {"name": "addition", "operands": 2}, "cell": {...}, "dtype": "float32",
     "weights": sha256, "margin": ...,
     "rounding": {"gamma_pre": ..., "gamma_out": ..., "underflow": ..., "activation": ...}}

The task has no width: the proof is for all of them. "weights" is fastrnn.checkpoint.hash_of the weights.
"""

import json
from dataclasses import asdict

import numpy as np
from safetensors.numpy import save

from fastrnn.checkpoint import hash_of
from fastrnn.files import write_atomically

FORMAT = 2
KEY = "certificate"


def description_of(task):
    """A task's name and fields, without its width."""
    return {"name": task.name, **{name: value for name, value in asdict(task).items() if name != "bits"}}


def write_certificate(path, model, task, graph, proof, rounding, *, overwrite=True):
    """Write a Proof that succeeded to `path`, in one step. Raises OSError if that fails."""
    header = {"format": FORMAT, "task": description_of(task), "cell": {"name": model.cell.name, **asdict(model.cell)},
              "dtype": str(model.dtype), "weights": hash_of(model.weights), "margin": proof.margin,
              "rounding": rounding._asdict()}
    arrays = {"low": proof.low.astype(np.float64), "high": proof.high.astype(np.float64),
              "following": graph.following.astype(np.int64)}
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_atomically(path, save(arrays, {KEY: json.dumps(header, sort_keys=True)}), overwrite=overwrite)
