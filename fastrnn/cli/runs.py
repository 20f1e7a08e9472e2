"""`fastrnn original --runs N`: the tutorial's experiment for many seeds."""

import sys
import time

from fastrnn.cli.errors import UserError, user_errors
from fastrnn.cli.progress import Bar, compiling_noted
from fastrnn.cli.text import outcome, seconds, wrapped
from fastrnn.wording import counted

# Sums on which a network's final error is measured, the same for all.
ERROR_SUMS = 1024

# The scalar program is timed so long before and after, and the better of the two counts.
SCALAR_SECONDS = 0.3


def run_many(args):
    """Train, print the distributions and the time compared with the scalar program; return 0, or 130 after Ctrl-C."""
    from fastrnn.cells.elman import Elman
    from fastrnn.cores import cores
    from fastrnn.tasks.addition import Addition
    from fastrnn.training.tasks import TrainConfig, train_many

    names = {"learning_rate": "--alpha", "max_samples": "--samples", "bits": "--bits", "hidden_size": "--hidden"}
    if args.seed + args.runs >= 2**63:
        raise UserError(f"--runs: got {args.runs}, expected all seeds below 2**63")
    with user_errors(names):
        cell, task = Elman(args.hidden_dim, bias=False), Addition(bits=args.binary_dim)
        config = TrainConfig(
            loss="squared",
            optimizer="sgd",
            learning_rate=args.alpha,
            batch_size=1,
            max_samples=args.samples,
            until="samples",
            initializer="uniform",
            reduction="sum",
        )
    threads = min(args.threads or cores(), cores())
    before = _scalar_speed(args)
    with Bar(args.runs, delay=0.5) as bar, compiling_noted():
        many = train_many(cell, task, config, seeds=range(args.seed, args.seed + args.runs), threads=threads,
                          progress=lambda done, total: bar(done))
    if "interrupted" in many.stopped:
        print(
            f"fastrnn: interrupted after {sum(why != 'interrupted' for why in many.stopped):,} of {args.runs:,} runs",
            file=sys.stderr,
        )
        return 130
    speed, scalar = many.samples.sum() / many.seconds, max(before, _scalar_speed(args))
    _table(args, many, task)
    took = f"{seconds(many.seconds)} on {counted(threads, 'thread')}"
    print(f"{many.samples.sum():,} samples, verified, in {took}: {speed:,.0f}/s")
    times = speed / scalar
    as_fast = f"{times:,.0f} times as fast, {times / threads:,.0f} times per thread"
    print(f"the scalar program: {scalar:,.0f} samples/s; {as_fast}")
    return 0


def _scalar_speed(args):
    """Return the samples per second of the scalar program, the best of some short runs."""
    from fastrnn import original

    best, count, until = 0.0, 100, time.perf_counter() + SCALAR_SECONDS
    while not best or time.perf_counter() < until:
        began = time.perf_counter()
        list(
            original.run(
                "scalar", samples=count, hidden_dim=args.hidden_dim, binary_dim=args.binary_dim, report_every=count
            )
        )
        best = max(best, count / (time.perf_counter() - began))
    return best


def _table(args, many, task):
    from fastrnn.sweeps.statistics import wilson

    low, high = wilson(int(many.exact.sum()), args.runs)
    # Of what no model is right on nothing can be said.
    exact = outcome(many.verification, task.input_size) if many.verification else "exact"
    sizes = f"{args.hidden_dim} hidden units, {args.binary_dim} bits"
    print(f"{args.runs:,} runs of the tutorial: {args.samples:,} samples, {sizes}")
    print(
        wrapped(
            f"{exact} at the end: {many.exact.sum():,}, {many.exact.mean():.1%} (95 % interval {low:.1%} to {high:.1%})"
        )
    )
    if "diverged" in many.stopped:
        print(f"diverged: {many.stopped.count('diverged'):,}; what counts are their last weights with a finite loss")
    print(f"\n{'':30}{'lowest':>10}{'25 %':>10}{'median':>10}{'75 %':>10}{'highest':>10}")
    print(_row("final error, sum over bits", _final_errors(many, task), "10.3f"))
    reached = many.samples_to_exact[many.samples_to_exact >= 0]
    if len(reached):
        print(_row("samples until first exact", reached, "10,.0f"))
    print(f"exact at some time: {len(reached):,}; final error: the mean over {ERROR_SUMS:,} sums\n")


def _final_errors(many, task):
    """Return the mean over ERROR_SUMS random sums of the tutorial's overallError, the sum of |y - layer_2| over
    bits."""
    import numpy as np

    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2**task.free_bits, (2, ERROR_SUMS))
    shifts = np.arange(task.bits)
    x = np.stack([a[:, None] >> shifts & 1, b[:, None] >> shifts & 1], axis=2)
    y = (a + b)[:, None, None] >> shifts[:, None] & 1
    return [float(np.abs(y - many.model(i).predict(x)).sum((1, 2)).mean()) for i in range(len(many))]


def _row(name, values, form):
    import numpy as np

    return f"{name:30}" + "".join(format(float(value), form) for value in np.percentile(values, [0, 25, 50, 75, 100]))
