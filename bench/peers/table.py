"""The peers' rows in the table of engines; tells which of them can run here."""

import os
import subprocess
from pathlib import Path

from fastrnn.bench.engines import Engine

HERE = Path(__file__).resolve().parent
PYTHON = HERE.parents[1] / ".venv-peers" / "bin" / "python"


def _peer(name, label, worker, target, **more):
    return Engine(name, label, "peer", f"{HERE / f'{worker}_engines.py'}:{target}", worker, **more)


PEERS = (
    _peer("torch-module", "PyTorch, nn.RNN (tanh) and autograd", "torch", "Module", activation="tanh"),
    _peer("torch-eager", "PyTorch, autograd", "torch", "Eager"),
    _peer("torch-hand", "PyTorch, hand-written backward", "torch", "Handwritten"),
    # Compiling unrolls time; beyond 32 steps that takes minutes, and there the time goes to matrix products anyway.
    _peer("torch-compile", "PyTorch, hand-written backward, compiled", "torch", "Compiled", most_steps=32),
    _peer("jax-grad", "JAX, lax.scan and grad, many updates per call", "jax", "Grad"),
    _peer("jax-hand", "JAX, hand-written backward, many updates per call", "jax", "Handwritten"),
    _peer("jax-models", "JAX, vmap over models, hand-written backward", "jax", "Models", models=True),
)

ON_GPU = (
    _peer("gpu-grad", "JAX on a GPU, lax.scan and grad", "gpu", "Grad"),
    _peer("gpu-hand", "JAX on a GPU, hand-written backward", "gpu", "Handwritten"),
    _peer("gpu-models", "JAX on a GPU, vmap over models", "gpu", "Models", models=True),
)


def pythons():
    """Return {worker: Python} of the libraries that are installed for the peers; FASTRNN_PEERS names another Python
    than .venv-peers'."""
    python = os.environ.get("FASTRNN_PEERS") or str(PYTHON)
    found = {}
    for library in sorted({peer.worker for peer in PEERS}):
        asked = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({library!r}) is None)"
        try:
            if subprocess.run([python, "-c", asked], capture_output=True).returncode == 0:
                found[library] = python
        except OSError:
            pass
    return found
