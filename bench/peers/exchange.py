"""`python -m bench.peers.exchange`: runs exported and imported networks in the other libraries themselves.

Of each format, cell and size, the outputs of a random network over 1,000 steps: ours in the library's runtime, and one
that the library drew in ours, in float32. Distances are shares of the largest output, or of 1 where that is less.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from bench.peers.table import HERE, pythons
from fastrnn import GRU, LSTM, Elman, Sequences
from fastrnn.exchange.base import Network, formats
from fastrnn.exchange.entry import read_network
from fastrnn.heads.linear import Linear
from fastrnn.training.sequences.imported import fit_of
from fastrnn.training.sequences.recipe import weights_that_learn

STEPS, INPUTS, OUTPUTS, SIZES = 1000, 2, 3, (1, 5, 16)
TOLERANCE = 1e-6
CELLS = {
    "torch": (Elman(1, "tanh"), Elman(1, "relu"), GRU(), LSTM()),
    "keras": (Elman(1, "tanh"), Elman(1, "sigmoid"), GRU(), GRU(reset="before"), LSTM()),
    "flax": (Elman(1, "tanh"), Elman(1, "sigmoid"), GRU(), LSTM()),
    "nnx": (Elman(1, "tanh"), Elman(1, "sigmoid"), GRU(), LSTM()),
    "equinox": (GRU(), LSTM()),
    "haiku": (Elman(1, "relu"), GRU(reset="before"), LSTM()),
}
# Packages of another name than their format.
PACKAGES = {"nnx": "flax"}


def jobs():
    """Return (job as exchange_runtimes.py takes it, Network) for everything that is compared."""
    rng = np.random.default_rng(0)
    for library, cells in CELLS.items():
        for cell in cells:
            for size in SIZES:
                own = type(cell)(**{**vars(cell), "hidden_size": size})
                rows = len(own.gates) * size
                shapes = {"w_ih": (rows, INPUTS), "w_hh": (rows, size), "w_ho": (OUTPUTS, size), "b_o": (OUTPUTS,)}
                weights = {
                    name: (rng.normal(size=shapes.get(name, (rows,))) / size**0.5).astype(np.float32)
                    for name in weights_that_learn(own)
                }
                if (library, own.name) == ("nnx", "gru"):  # its cell has no place for this bias
                    weights["b_hh"][2 * size :] = 0
                options = {name: getattr(own, name, None) for name in ("activation", "reset")}
                name = "-".join([library, own.name, *(value for value in options.values() if value), str(size)])
                job = {"name": name, "library": library, "cell": own.name, "hidden": size, "outputs": OUTPUTS}
                yield job | options | {"ending": formats()[library].ending}, Network(own, Linear(), weights)


def outputs(network, x):
    """Return z (T, O) of a Network, computed by fastrnn's kernels."""
    return fit_of(network).outputs(Sequences([x]))


def main():
    """Print a line for each format and cell; return 1 if one differs or a library is missing."""
    python = next(iter(pythons().values()), None)
    if python is None:
        print("no library is installed: run make bench-peers", file=sys.stderr)
        return 1
    there = {library for library in CELLS if _has(python, library)}
    wanted, x = list(jobs()), np.random.default_rng(1).normal(size=(STEPS, INPUTS)).astype(np.float32)
    wanted = [(job, network) for job, network in wanted if job["library"] in there]
    worst = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        np.save(folder / "x.npy", x)
        (folder / "jobs.json").write_text(json.dumps([job for job, _ in wanted]))
        for job, network in wanted:
            (folder / (job["name"] + job["ending"])).write_bytes(formats()[job["library"]]().encode(network, "net"))
        subprocess.run([python, HERE / "exchange_runtimes.py", folder], check=True)
        for job, network in wanted:
            asked = {name: job[name] for name in formats()[job["library"]].asks if job.get(name)}
            theirs = read_network(folder / f"{job['name']}-theirs{job['ending']}", job["library"], **asked)
            assert theirs.cell == network.cell, (job, theirs.cell)
            for which, own, end in (("out", network, ""), ("in", theirs, "-theirs")):
                expected = np.load(folder / f"{job['name']}{end}.npy")
                off = float(np.abs(outputs(own, x) - expected).max() / max(1, np.abs(expected).max()))
                kind = job["name"].rpartition("-")[0], which
                worst[kind] = max(worst.get(kind, 0.0), off)
    for name in dict.fromkeys(name for name, _ in worst):
        right = max(worst[name, "out"], worst[name, "in"]) <= TOLERANCE
        print(f"{'' if right else 'WRONG: '}{name.replace('-', ' ')} of {', '.join(map(str, SIZES))} units, {STEPS:,} "
              f"steps: out within {worst[name, 'out']:.0e}, in within {worst[name, 'in']:.0e}")
    absent = sorted(set(CELLS) - there)
    if absent:
        print(f"not installed: {', '.join(absent)}: run make bench-peers", file=sys.stderr)
    return 1 if absent or any(off > TOLERANCE for off in worst.values()) else 0


def _has(python, package):
    package = PACKAGES.get(package, package)
    asked = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is None)"
    return subprocess.run([python, "-c", asked], capture_output=True).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
