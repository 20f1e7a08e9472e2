"""Many callers at once: threads, callbacks and forked processes get the bytes that one alone gets; none hangs."""

import faulthandler
import functools
import hashlib
import json
import multiprocessing
import os
import shutil
import sys
import threading
from collections import Counter

import numpy as np

import fastrnn
from campaign.children import Child, Fault, check_words, in_turn

COUNT = 60
LIMIT = 90.0

# What a caller may do; each returns bytes that depend on its number alone.
_X = np.random.default_rng(0).integers(0, 2, (300, 8, 2)).astype(np.float32)


def _train(number, **options):
    run = fastrnn.train(
        fastrnn.Elman(16), seed=number, until="samples", max_samples=4096, batch_size=256, curriculum=None, **options
    )
    return _bytes(run.model.weights)


def _train_single(number, **options):
    run = fastrnn.train(
        fastrnn.Elman(16),
        seed=number,
        until="samples",
        max_samples=2048,
        batch_size=1,
        optimizer="sgd",
        curriculum=None,
        **options,
    )
    return _bytes(run.model.weights)


def _train_many(number, **options):
    many = fastrnn.train_many(fastrnn.Elman(8), seeds=range(number, number + 40), max_samples=2048, **options)
    return b"".join(_bytes(many.weights(i)) for i in range(40))


def _model(number):
    rng = np.random.default_rng(number)
    shapes = {"w_ih": (16, 2), "w_hh": (16, 16), "b_ih": (16,), "b_hh": (16,), "w_ho": (1, 16), "b_o": (1,)}
    return fastrnn.Model(
        fastrnn.Elman(16),
        {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()},
        fastrnn.tasks.Addition(8),
    )


def _predict(number, **options):
    return _model(number).predict(_X, **options).tobytes()


def _verify(number, **options):
    result = fastrnn.verify(_model(number), **options)
    return json.dumps([result.samples, result.wrong, result.margin]).encode()


def _bytes(weights):
    return b"".join(weight.tobytes() for _, weight in sorted(weights.items()))


CALLS = {
    "train": _train,
    "train, single samples": _train_single,
    "train_many": _train_many,
    "predict": _predict,
    "verify": _verify,
}

# Numbers that callers use, so that what is right is found once.
NUMBERS = 3

_right = {}


def warm_up():
    """Find what is right, on this process's one thread."""
    for name, call in CALLS.items():
        for number in range(NUMBERS):
            _right[name, number] = hashlib.sha256(call(number, threads=1)).hexdigest()


def _check(name, number, result):
    if hashlib.sha256(result).hexdigest() != _right[name, number]:
        raise Fault(f"{name} gives other bytes than alone")


def _one(rng, threads=None):
    """One call at random, checked."""
    name, number = list(CALLS)[rng.integers(len(CALLS))], int(rng.integers(NUMBERS))
    _check(name, number, CALLS[name](number, threads=threads))


def _in_threads(rng):
    """Two to eight threads of callers, each with any number of threads of its own."""
    faults, seeds = [], rng.integers(2**32, size=int(rng.integers(2, 9)))

    def work(seed):
        own = np.random.default_rng(seed)
        try:
            for _ in range(3):
                _one(own, [None, 1, 2, 3][own.integers(4)])
        except BaseException as error:
            faults.append(error)

    callers = [threading.Thread(target=work, args=(seed,)) for seed in seeds]
    for each in callers:
        each.start()
    for each in callers:
        each.join()
    if faults:
        raise faults[0]


def _in_callbacks(rng):
    """progress functions that call the library, from the thread of the caller."""
    called, caller = [], threading.get_ident()

    def progress(*_):
        if threading.get_ident() != caller:
            raise Fault("progress is called in another thread than the caller's")
        if len(called) < 2:
            called.append(None)
            _one(rng)

    name = ("train", "train, single samples", "train_many")[rng.integers(3)]
    _check(name, 0, CALLS[name](0, threads=[None, 2][rng.integers(2)], progress=progress))


def _in_forks(rng):
    """A process that has used its threads forks others, which use theirs."""
    _one(rng, 2)
    seeds = rng.integers(2**32, size=3)
    if rng.random() < 0.5:
        with multiprocessing.get_context("fork").Pool(2) as pool:
            pool.map(_forked, seeds)
    else:
        # In the midst of work on other threads.
        busy = threading.Thread(target=lambda: CALLS["train_many"](0, threads=2))
        busy.start()
        started = [multiprocessing.get_context("fork").Process(target=_forked, args=(seed,)) for seed in seeds[:2]]
        for each in started:
            each.start()
        for each in started:
            each.join()
        busy.join()
        if any(each.exitcode for each in started):
            raise Fault(f"forked processes end with {[each.exitcode for each in started]}")
    _one(rng, 2)


def _forked(seed):
    _one(np.random.default_rng(seed), 2)


KINDS = {"threads": _in_threads, "callbacks": _in_callbacks, "forks": _in_forks}


def trials(seed, first, count, base):
    """Each is a process with several callers."""
    return in_turn(KINDS, base / "callers", seed, first, count, _trial)


def _trial(seed, number, name, folder):
    ended = yield Child(functools.partial(_run, seed, number, name), folder, limit=LIMIT)
    if ended.status == 1:
        raise Fault(ended.err.strip()[-300:])
    check_words(ended)
    if ended.status:
        raise Fault(f"exit {ended.status}: {ended.err.strip()[-300:]}")
    shutil.rmtree(folder)
    return Counter({(name, "the same bytes"): 1}), []


def _run(seed, number, name):
    # Where everyone is, if it hangs.
    faulthandler.dump_traceback_later(LIMIT - 5, file=sys.__stderr__)
    try:
        KINDS[name](np.random.default_rng([4, seed, number]))
    except Fault as fault:
        os.write(2, str(fault).encode())
        return 1
    return 0
