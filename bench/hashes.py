"""Hashes of what trainings give, to compare two versions of the code: `python -m bench.hashes > before`, and so on.

One line for each training: hashes of its weights, its history and results, and all checkpoints that it writes. All
clocks stand still, so that nothing depends on time, and a checkpoint is written whenever one could be.
"""

import hashlib
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

import fastrnn
from bench.arguments import parser_for
from fastrnn import checkpoint, tasks
from fastrnn.interrupt import Interrupt
from fastrnn.training.tasks.autosave import Autosave
from fastrnn.training.tasks.certified_finetune import certified_finetune

CELLS = {"elman": fastrnn.Elman(6), "gru": fastrnn.GRU(3), "lstm": fastrnn.LSTM(3), "tanh": fastrnn.Elman(16, "tanh"),
         "relu": fastrnn.Elman(6, "relu")}
# Of one network, and of many side by side.
OPTIONS = {
    "defaults": {},
    "sgd": {"optimizer": "sgd", "batch_size": 1, "reduction": "sum", "learning_rate": 0.1},
    "batch 80": {"batch_size": 80, "learning_rate": 0.03},
    "float64": {"dtype": "float64"},
    "terms": {"max_grad_norm": 0.5, "tbptt_steps": 3, "l1": 1e-5, "weight_decay": 1e-4, "saturation_penalty": 1e-3,
              "schedule": "cosine"},
    "diverging": {"optimizer": "sgd", "learning_rate": 1e4, "weight_decay": 3e-4, "reduction": "sum"},
    "samples": {"until": "samples", "max_samples": 3000, "optimizer": "momentum"},
}
SHORT = {"max_samples": 30_000, "threads": 1}


def arrays(own=0, bits=True):
    """Return (x, y, mask) of own data; own: of how many models, 0: of all."""
    rng = np.random.default_rng(5)
    x = rng.integers(0, 2, (*([own] * bool(own)), 40, 9, 2)).astype(np.float32)
    y = np.maximum.accumulate(x[..., :1] * x[..., 1:], -2) if bits else rng.random((*x.shape[:-1], 1))
    return x, y, (rng.random(x.shape[:-1]) < 0.9).astype(np.float32)


def sequences():
    """Return Sequences of classes of two subjects."""
    rng = np.random.default_rng(6)
    lengths = rng.integers(3, 20, 30)
    x = [rng.standard_normal((steps, 2)).astype(np.float32) for steps in lengths]
    y = [(np.cumsum(each.sum(1)) > 0).astype(int) for each in x]
    return fastrnn.Sequences(x, y, groups={"subject": np.arange(30) % 2})


def trainings():
    """Yield (name, function(**more), whether it takes a checkpoint)."""
    addition, train, many = tasks.Addition(8), fastrnn.train, fastrnn.train_many
    for name, cell in CELLS.items():
        yield f"one, {name}", lambda cell=cell, **more: train(cell, addition, seed=3, **SHORT, **more)
    for name, options in OPTIONS.items():
        options = {**SHORT, **options}
        yield f"one, {name}", lambda o=options, **more: train(CELLS["elman"], addition, seed=1, **o, **more)
        yield f"many, {name}", lambda o=options, **more: many(CELLS["elman"], addition, seeds=range(40), **o, **more)
    wide = {"task": tasks.Addition(40), **SHORT}
    yield "one, curriculum", lambda **more: train(CELLS["tanh"], seed=2, learning_rate=0.03, **wide, **more)
    yield "many, wide", lambda **more: many(CELLS["elman"], seeds=range(20), **wide | {"max_samples": 4000}, **more)
    yield "one, certified", lambda **more: train(fastrnn.Elman(), addition, until="certified", threads=1, **more)
    rates = np.geomspace(1e-3, 1e5, 40)
    yield "many, rates", lambda **more: many(
        CELLS["relu"], addition, seeds=range(40), learning_rate=rates, optimizer="sgd", **SHORT, **more)
    for until, bits in (("exact", True), ("samples", True), ("samples", False)):
        options = {"until": until, "learning_rate": 0.05, "threads": 1, "max_samples": 20_000}
        name = f"own data, {until}{', reals' * (not bits)}"
        yield f"one, {name}", lambda o=options, b=bits, **more: train(CELLS["elman"], arrays(bits=b), **o, **more)
        yield f"many, {name}", lambda o=options, b=bits, **more: many(
            CELLS["elman"], arrays(bits=b), seeds=range(20), **o, **more)
        yield f"many, own {name}", lambda o=options, b=bits, **more: many(
            CELLS["gru"], arrays(20, b), seeds=range(20), **o, **more)
    fit = {"epochs": 60, "evaluate_every": 4, "patience": 4, "learning_rate": 0.02, "threads": 1}
    kinds = {
        "fits": {}, "fits in batches": {"batch_size": 5}, "fits, lanes of sequences": {"lanes": "sequences"},
        "fits of subjects": {"each": "subject"}, "fits, large rates": {"learning_rate": np.geomspace(1e-2, 1e30, 20)},
        "fits of sizes": {"hidden_size": np.arange(20) % 2 + 1}, "fits, cosine": {"schedule": "cosine", "l1": 1e-4},
        "fits carried": {"batch_size": 5, "carry": True, "tbptt_steps": 6, "lanes": None},
    }
    for name, options in kinds.items():
        yield name, lambda o={**fit, **options}, **more: many(
            fastrnn.Elman(2, "relu"), sequences(), seeds=range(20), **o, **more)
    yield "fit", lambda **more: train(fastrnn.LSTM(2), sequences(), seed=4, **fit, **more)


def digest(*values):
    """Return a short hash of arrays, dicts, objects with attributes and plain values."""
    found = hashlib.blake2b(digest_size=6)
    for value in values:
        if isinstance(value, dict):
            value = [(name, digest(each)) for name, each in sorted(value.items())]
        elif isinstance(value, (tuple, list)):
            value = [digest(each) for each in value]
        if isinstance(value, np.ndarray):
            value = f"{value.dtype} {value.shape} {hashlib.sha256(np.ascontiguousarray(value)).hexdigest()}"
        found.update(value if isinstance(value, bytes) else str(value).encode())
    return found.hexdigest()


def contents(result):
    """Return (weights, history and results) of what a training returned."""
    if isinstance(result, fastrnn.Run):
        state = result.state or {}
        return result.model.weights, (
            result.history, result.stopped, result.steps, result.verification and result.verification.families,
            result.certification and result.certification.margin, state, result.right, result.model.metadata)
    if isinstance(result, fastrnn.ManyRun):
        models = range(len(result))
        return [result.weights(i) for i in models], (
            [(result.history(i), result.model(i).metadata) for i in models], result.stopped, result.exact,
            result.samples_to_exact, result.verification and result.verification.families)
    fits = getattr(result, "fits", result)
    models = range(len(fits))
    return [fits.weights(i) for i in models], (
        [fits.history(i) for i in models], fits.stopped, fits.epochs, fits.best_epoch, fits.loss, fits.accuracy)


class Files:
    """All contents of checkpoints that are written; training is interrupted after the file number `last`."""

    def __init__(self):
        self.written, self.last, self.interrupt = [], None, None
        write, begin = Autosave.write, Interrupt.__init__

        def begun(interrupt):
            begin(interrupt)
            self.interrupt = interrupt

        def written(autosave, content, *rest):
            self.written.append(content())
            write(autosave, lambda: self.written[-1], *rest)
            if len(self.written) == self.last:
                self.interrupt.set()

        Autosave.write, Interrupt.__init__ = written, begun


def main(*words):
    warnings.simplefilter("ignore")
    time.perf_counter = time.thread_time = lambda: 0.0
    # What checkpoints say of the code; the cache of machine code keeps its own stamp, or it would give that of others.
    checkpoint.stamp = lambda: "stamp"
    Autosave.due = lambda self, size: True
    files = Files()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.safetensors"
        for name, train in trainings():
            if not all(word in name for word in words):
                continue
            results = [train(), train(checkpoint=path)]
            # Halfway, and again after as many files: the second call continues from the first one's checkpoint.
            for _ in range(2):
                files.last = len(files.written) + max(1, len(files.written) // 4)
                results.append(train(checkpoint=path))
            files.last = None
            results.append(train(checkpoint=path))
            hashes = (digest(*contents(each)) for each in results)
            print(f"{name:34}", stopped(results[0]), *hashes, digest(*files.written), len(files.written), flush=True)
            files.written.clear()
    run = fastrnn.train(fastrnn.Elman(8), tasks.Addition(8), seed=1, until="exact", threads=1)
    model, proof = certified_finetune(run.model, threads=1)
    print(f"{'certified_finetune':34}", digest(model.weights, proof.proved, proof.margin))


def stopped(result):
    """Return the reasons for which models ended."""
    return result.stopped if isinstance(result.stopped, str) else "/".join(sorted(set(result.stopped)))


if __name__ == "__main__":
    parser = parser_for("hashes", __doc__)
    parser.add_argument("words", nargs="*", help="only trainings whose names have all of these words")
    main(*parser.parse_args().words)
