"""The cost of an update on long sequences: `python -m bench.long [CELL [STEPS ...]]` prints the time of a step and the
memory.

Hidden 16, full back-propagation through time, one thread. Each row has a process of its own: memory is its peak less
that after an update on 8 steps; "data" is the part of it that inputs, targets and masks take as the caller gives them.
Times are those of the processor, the best of several, in turns with updates on 8 steps, to which the last column
compares them.
"""

import resource
import subprocess
import sys
import time

import numpy as np

import fastrnn
from bench.arguments import parser_for
from fastrnn.initializers import initial_weights
from fastrnn.networks import shapes_of
from fastrnn.training.tasks.config import TrainConfig
from fastrnn.training.tasks.data import as_arrays
from fastrnn.training.tasks.small_session import session_for

CELLS = {"elman": fastrnn.Elman, "gru": fastrnn.GRU, "lstm": fastrnn.LSTM}
SHORT, STEPS, HIDDEN, INPUTS = 8, (64, 512, 4096, 65_536, 1_000_000), 16, 2
# Sequences of an update, and the least number of their steps that one measurement takes.
BATCHES, LEAST, ROUNDS = {"bits": 64, "arrays": 64, "single": 1, "models": 16, "sequences": 64}, 1 << 20, 5
HEAD = f"{'path':<10}{'steps':>10}{'MB':>8}{'data':>7}{'ns/step':>9}{'at 8':>8}{'ratio':>7}"


def own(sequences, steps):
    """Return (x, y) of random numbers and bits, in float32."""
    rng = np.random.default_rng(0)
    shape = (sequences, steps)
    y = rng.integers(0, 2, (*shape, 1), np.uint8)
    return rng.random((*shape, INPUTS), np.float32), y.astype(np.float32)


def session(cell, path, steps):
    """Return (function updates -> None, bytes of data) of one network on batches, or on single samples."""
    batch = BATCHES[path]
    config = TrainConfig(batch_size=batch, learning_rate=1e-30, optimizer="sgd")
    x, y = (None, None) if path == "bits" else own(batch, steps)
    source = fastrnn.tasks.Addition(bits=steps).kernel if path == "bits" else as_arrays(
        x, y, dtype=np.float32, drawn=0)
    weights = initial_weights(config.initializer, shapes_of(cell, INPUTS, 1), 0)
    trained = session_for(cell, (INPUTS, 1), source, steps, config, 1, weights)
    size = 0 if path == "bits" else x.nbytes + y.nbytes + source.mask.nbytes
    return lambda updates: trained.run(updates), size


def called(cell, path, steps):
    """Return (function updates -> None, bytes of data) of models side by side, or of one model on Sequences; each call
    starts a training."""
    side = path == "models"
    x, y = own(1 if side else BATCHES[path], steps)
    data = (x, y) if side else fastrnn.Sequences(x, y[..., 0])

    def run(updates):
        if side:
            fastrnn.train_many(cell, data=data, seeds=range(BATCHES[path]), batch_size=1, until="samples",
                               max_samples=updates, threads=1, loss="squared")
        else:
            fastrnn.train(cell, data, validation=0, lanes="sequences", epochs=updates, evaluate_every=1024,
                          head="linear", threads=1)

    return run, x.nbytes + y.nbytes if side else sum(a.nbytes for a in (data.x, data.y, data.weight))


def one(name, path, steps):
    """Print one row."""
    cell, made = CELLS[name](HIDDEN), session if path in ("bits", "arrays", "single") else called
    whole = made is session

    def spent(run, updates):
        began = time.process_time()
        run(updates)
        return time.process_time() - began

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    counts = {length: max(1, LEAST // (BATCHES[path] * length)) for length in (SHORT, steps)}
    short, _ = made(cell, path, SHORT)
    short(1)
    before = peak()
    long, size = made(cell, path, steps)
    long(1)
    memory, best = peak() - before, {}
    for _ in range(ROUNDS if steps < 100_000 else 3):
        for run, length in ((short, SHORT), (long, steps)):
            # What a call takes besides its updates is in the first measurement alone.
            for updates in (1, 1 + counts[length]) if not whole else (counts[length],):
                key = length, updates
                best[key] = min(best.get(key, np.inf), spent(run, updates))
    took = [
        (best[length, counts[length] + (not whole)] - (0 if whole else best[length, 1]))
        / (counts[length] * BATCHES[path] * length) * 1e9
        for length in (SHORT, steps)
    ]
    print(f"{path:<10}{steps:>10,}{memory / 1e6:>8,.0f}{size / 1e6:>7,.0f}{took[1]:>9.2f}{took[0]:>8.2f}"
          f"{took[1] / took[0]:>7.2f}", flush=True)


def main(cell="elman", *steps):
    """Print all rows."""
    print(HEAD, flush=True)
    for path in BATCHES:
        for each in steps or STEPS:
            row = [sys.executable, "-c", f"from bench.long import one; one({cell!r}, {path!r}, {int(each)})"]
            subprocess.run(row, check=True)


if __name__ == "__main__":
    parser = parser_for("long", __doc__)
    parser.add_argument("cell", nargs="?", default="elman", choices=CELLS)
    parser.add_argument("steps", nargs="*", type=int, help=f"default: {' '.join(map(str, STEPS))}")
    arguments = parser.parse_args()
    main(arguments.cell, *arguments.steps)
