"""The trainer's speed beside the scalar original and the machine's peak, in rounds that visit all of them.

    make bench

Each engine is held against the true gradient before it is timed. The table says, for each row, samples a second,
times the scalar original, and percent of the peak of fused multiply-adds of as many cores; medians over rounds.
"""

import os

import numpy as np
import pytest

from fastrnn import original, reference
from fastrnn.bench.engines.ours import Fastrnn
from fastrnn.bench.engines.peak import MultiplyAdd
from fastrnn.bench.timing import calibrate, measure, median, spread, times
from fastrnn.bench.workload import Workload, gradient, initial_weights

ROUNDS, SECONDS = int(os.environ.get("ROUNDS", 15)), 0.1
WORKS = [Workload(16, 8, batch) for batch in (1, 16, 64, 1024, 16384)] + [Workload(64, 32, 256), Workload(128, 64, 256)]


class Scalar:
    """The tutorial's loop; one update is one sample."""

    def run(self, updates):
        list(reference.train(samples=updates, report_every=updates))


class Compiled:
    """The tutorial's updates in compiled code."""

    def run(self, updates):
        list(original.run("compiled", samples=updates, report_every=updates))


def timed(engine):
    """run(updates) -> seconds"""
    import time

    def run(updates):
        started = time.perf_counter()
        engine.run(updates)
        return time.perf_counter() - started

    return run


def ours(work, threads):
    return Fastrnn(work, threads, initial_weights(work), None, None)


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.name)
def test_the_update_is_the_true_gradient(work, benchmark):
    small = work._replace(batch=min(work.batch, 64))
    engine, weights = ours(small, 1), initial_weights(small)
    source = engine.session.source
    x, y = drawn(source, small)
    truth = gradient(weights, x, y)
    benchmark.pedantic(engine.run, (1,), rounds=1)
    after = engine.session.weights()
    for name, wanted in truth.items():
        found = (weights[name].astype(float) - after[name]) / 0.1
        assert np.linalg.norm(found - wanted) <= 1e-3 * np.linalg.norm(wanted)


def drawn(source, work):
    """The first batch: words of NumPy's Philox, the top bit clear, and their sums."""
    x = np.zeros((work.batch, work.steps, 2))
    for n in range(work.batch):
        words = np.random.Philox(key=[0, 0], counter=[0, n // 64, 0, 0]).random_raw(2 * work.steps).reshape(-1, 2)
        x[n] = (words >> np.uint64(n % 64)) & np.uint64(1)
    x[:, -1] = 0
    y, carry = np.zeros((work.batch, work.steps, 1)), np.zeros(work.batch)
    for t in range(work.steps):
        total = x[:, t].sum(1) + carry
        y[:, t, 0], carry = total % 2, total // 2
    return x, y


def test_table(benchmark, capsys):
    """Everything side by side, printed."""
    peaks = {threads: MultiplyAdd(Workload(), threads, None, None, None) for threads in (1, 2)}
    engines = {("scalar original", None, 1): Scalar(), ("compiled original", None, 1): Compiled()}
    engines |= {("fastrnn", work, 1): ours(work, 1) for work in WORKS}
    engines |= {("fastrnn", work, 2): ours(work, 2) for work in WORKS if work.batch >= 128}
    cases = {("peak", None, threads): timed(peak) for threads, peak in peaks.items()}
    cases |= {key: timed(engine) for key, engine in engines.items()}
    counts = {}

    def everything():
        counts.update(measure(cases, ROUNDS, SECONDS))

    benchmark.pedantic(everything, rounds=1)
    with capsys.disabled():
        print(f"\n{'':18}{'hidden':>7}{'steps':>6}{'batch':>7}{'threads':>8}{'samples/s':>12}{'x scalar':>9}{'% peak':>7}{'spread':>7}")
        scalar = counts["scalar original", None, 1][1]
        for (name, work, threads), (_, seconds) in counts.items():
            if name == "peak":
                rate = MultiplyAdd.flops("float32", threads) / median(seconds)
                print(f"{'peak':18}{'':20}{threads:8}{rate / 1e9:10.1f} GFLOP/s{'':9}{spread(seconds):7.0%}")
                continue
            batch = work.batch if work else 1
            sizes = f"{work.hidden:7}{work.steps:6}{work.batch:7}" if work else f"{16:7}{8:6}{1:7}"
            per_sample = [second / batch for second in seconds]
            ratio = f"{times(scalar, per_sample):9.0f}" if not work or work.hidden == 16 else f"{'':9}"
            share = ""
            if work:
                peak = counts["peak", None, threads][1]
                flops = MultiplyAdd.flops("float32", threads)
                share = f"{median([work.flops / s / (flops / p) for s, p in zip(per_sample, peak)]):7.0%}"
            print(f"{name:18}{sizes}{threads:8}{1 / median(per_sample):12,.0f}{ratio}{share:>7}{spread(seconds):7.0%}")
    assert calibrate(cases["peak", None, 1], 0.01) > 0
