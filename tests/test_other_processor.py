"""The kernels as a machine without AVX-512 compiles them: other register tiles, no look-up in registers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy_elman as oracle

ROOT = str(Path(__file__).resolve().parent.parent)
PROGRAM = """
import json
import numpy as np
import fastrnn
from fastrnn.networks import VECTOR_BYTES
from fastrnn.simd.host import arithmetic
model = fastrnn.Model.load("model.safetensors")
with np.load("data.npz") as data:
    loss, gradients = fastrnn.loss_and_grad(model, data["x"], data["y"])
np.savez("gradients.npz", **gradients)
print(json.dumps([VECTOR_BYTES, arithmetic(), loss]))
"""


def test_a_processor_with_avx2_computes_the_same(tmp_path):
    from fastrnn import Elman, Model

    rng = np.random.default_rng(0)
    # Neither units nor samples fill tiles.
    weights = oracle.random_weights(rng, 22, 2, 1, True)
    x, y = rng.uniform(-1, 1, (35, 11, 2)), rng.uniform(0, 1, (35, 11, 1))
    Model(Elman(22), {name: weight.astype(np.float32) for name, weight in weights.items()}).save(
        tmp_path / "model.safetensors"
    )
    np.savez(tmp_path / "data.npz", x=x.astype(np.float32), y=y.astype(np.float32))
    variables = {
        **os.environ,
        "PYTHONPATH": ROOT,
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "+avx2,+fma",
        "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, env=variables, capture_output=True, text=True, check=True
    )
    width, arithmetic, loss = json.loads(done.stdout)
    assert (width, arithmetic) == (32, "avx2")
    wanted, gradients = oracle.loss_and_grad(weights, "sigmoid", "squared", x, y)
    assert abs(loss - wanted) < 3e-6 * wanted
    with np.load(tmp_path / "gradients.npz") as got:
        for name, gradient in gradients.items():
            assert np.abs(got[name] - gradient).max() < 3e-6 * max(np.abs(g).max() for g in gradients.values())
