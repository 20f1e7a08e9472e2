"""Fits of many models to one data set, compared with the machine's peak and, if installed, with JAX and PyTorch.

    python -m bench.fits                one epoch of GRUs of 1 to 20 units on one thread; share of the machine's peak
    python -m bench.fits --peers        16 and 270 GRUs, and JAX and PyTorch (first make bench-peers), and ratios, in
                                        float32; two minutes. All: --sizes 1,2,4,10,20 --dtypes float32,float64
    python -m bench.fits --sequences    one model on batches of 256 sequences, GRU and LSTM of 16, 32, 64 units; and
                                        beside JAX and PyTorch, three minutes: --sequences --peers
    python -m bench.fits --segments     one LSTM of 16 units on segments of 1,000 steps that carry states on; beside
                                        JAX and PyTorch, one minute: --segments --peers
    python -m bench.fits --own          a GRU that a user writes, beside fastrnn's, and ratios of their speeds; where
                                        other programs run: --own --rounds 101 --seconds 0.02
    python -m bench.fits --shared       one model on 1,000 sequences, on 1 thread, and on --threads that share updates
    python -m bench.fits --animal       5,670 fits: 7 sizes, 3 penalties, 10 x 9 folds, 3 seeds, on all cores
    python -m bench.fits --learners     10,000 models of 8 units, each on some 400 sequences of its own
    python -m bench.fits --memory       the most memory that 100,000 models on one data set take, histories included

The workload of one epoch: 96 sequences of up to 60 steps, 3 inputs, 2 classes, masks, full gradient, L1, Adam, and
the loss of training and validation sequences every tenth epoch; each model has validation sequences of its own, a
tenth of all. Model-steps are those of all sequences, shares of the peak those of the training sequences.

--sequences: 64 steps, 3 inputs, softmax over 2 classes at each step, gradient descent. --segments: 50 sequences of
4,000 steps, one input, squared errors of one output, an update by Adam on each 1,000 steps. Both learn from all
sequences, and evaluate none. Before peers are timed, their weights after some updates are compared with ours, in
float64.

All cases of a table, or of a row of --peers, --sequences, --segments and --own, run in each of several rounds, in
changing order; medians over rounds; ratios are formed within a round. The peak is that of fused multiply-adds.
"""

import resource
import sys
import time

import numpy as np

import fastrnn
from bench.arguments import parser_for
from bench.fits_batches import one_model, own
from bench.fits_ours import Ours, Peak, shares
from bench.fits_peers import compare
from fastrnn.bench import machine, timing
from fastrnn.cores import cores

CELLS = {"gru": fastrnn.GRU, "lstm": fastrnn.LSTM, "mgu": fastrnn.MGU}
NETWORKS = {"sequences": [(cell, hidden) for cell in ("gru", "lstm") for hidden in (16, 32, 64)],
            "segments": [("lstm", 16)]}
SIZES, PEERS_SIZES, ANIMAL_SIZES = "1,2,4,8,16,20", "1,4,20", "1,2,3,4,5,10,20"
DTYPES = "float32,float64"


def choices(sequences=96, shortest=40, longest=60, inputs=3, seed=0):
    """Return sequences of choices between two options: one input for the last choice, one for its reward, the others
    noise."""
    rng = np.random.default_rng(seed)
    x, y = [], []
    for steps in rng.integers(shortest, longest + 1, sequences):
        values, own, chances = np.zeros(2), np.zeros((steps, inputs)), rng.random(2)
        own[:, 2:] = rng.integers(0, 2, (steps, inputs - 2))
        chosen = np.zeros(steps, int)
        for t in range(steps):
            chosen[t] = rng.random() < 1 / (1 + np.exp(-4 * (values[1] - values[0])))
            reward = rng.random() < chances[chosen[t]]
            values[chosen[t]] += 0.3 * (reward - values[chosen[t]])
            if t + 1 < steps:
                own[t + 1, :2] = chosen[t], reward
            if rng.random() < 0.03:
                chances = rng.random(2)
        x.append(own)
        y.append(chosen)
    return fastrnn.Sequences(x, y, kind="classes", classes=2)


def epochs(sizes, cells, dtypes, rounds, seconds):
    """Return the table of the time of one epoch."""
    data = choices()
    cases, ours = {("peak", dtype): Peak(dtype) for dtype in dtypes}, {}
    for dtype in dtypes:
        for cell in cells:
            for hidden in sizes:
                ours[cell, hidden, dtype] = cases[cell, hidden, dtype] = Ours(CELLS[cell](hidden), data, dtype)
    measured = timing.measure({key: case.run for key, case in cases.items()}, rounds, seconds)
    rows = []
    for (cell, hidden, dtype), case in ours.items():
        taken = measured[cell, hidden, dtype][1]
        rate = [case.steps / each for each in taken]
        share = shares(case, taken, cases["peak", dtype], measured["peak", dtype][1])
        rows.append([cell, hidden, dtype, f"{timing.median(rate) / 1e6:,.1f}", f"{timing.median(share):.0%}"])
    table(["cell", "H", "dtype", "M model-steps/s", "of peak"], rows)


def shared(threads, rounds, seconds):
    """Return the table of one model on 1,000 sequences of 60 steps, whose updates threads share."""
    rng = np.random.default_rng(0)
    data = fastrnn.Sequences(rng.normal(size=(1000, 60, 3)), rng.integers(0, 2, (1000, 60)), kind="classes", classes=2)
    ways = {"all at once": {}, "batches of 256": {"batch_size": 256}}
    works = {("gru", hidden, how): options for hidden in (16, 32, 64) for how, options in ways.items()}
    # One block an update: nothing to share.
    works["lstm", 16, "batches of 50, carried"] = {"batch_size": 50, "tbptt_steps": 20, "carry": True}
    cases = {
        (work, number): Ours(CELLS[work[0]](work[1]), data, "float32", "sequences", threads=number, **options)
        for work, options in works.items() for number in (1, threads)
    }
    measured = timing.measure({key: case.run for key, case in cases.items()}, rounds, seconds)
    rows = []
    for work in works:
        alone, together = (measured[work, number][1] for number in (1, threads))
        rates = [f"{timing.median([data.steps / each for each in taken]) / 1e6:,.2f}" for taken in (alone, together)]
        rows.append([*work, *rates, f"{timing.median([one / many for one, many in zip(alone, together)]):.2f}"])
    table(["cell", "H", "updates", "M sample-steps/s, 1 thread", f"{threads} threads", "ratio"], rows)


def animal(dtype, threads, outer, sizes):
    """Fit one animal's grid; return the seconds that it took."""
    data = choices()
    began, worked = time.perf_counter(), time.process_time()
    grid = {"hidden_size": sizes, "l1": [1e-5, 1e-4, 1e-3]}
    made = fastrnn.cross_validate(
        fastrnn.GRU(1),
        data,
        outer=outer,
        inner=9,
        seeds=3,
        grid=grid,
        refit=False,
        learning_rate=0.005,
        epochs=2000,
        evaluate_every=10,
        patience=20,
        dtype=dtype,
        threads=threads,
    )
    seconds, worked = time.perf_counter() - began, time.process_time() - worked
    steps = float(made.fits.epochs.sum()) * data.steps * (1 - 1 / outer)
    print(made.summary().to_string(index=False, float_format="{:.4f}".format))
    print(
        f"{len(made):,} fits, {made.fits.epochs.sum():,} epochs, {dtype}: {seconds:,.1f} s, "
        f"{worked:,.1f} s of processors; {steps / seconds / 1e6:,.1f} M model-steps/s"
    )
    return seconds


def learners(count, threads):
    """Fit many learners, each on sequences of its own; return the seconds that it took."""
    rng = np.random.default_rng(0)
    lengths = [rng.integers(10, 65, rng.integers(300, 501)) for _ in range(count)]
    learner = np.repeat(np.arange(count), [len(each) for each in lengths])
    flat = np.concatenate(lengths)
    steps = int(flat.sum())
    ends = np.cumsum(flat) - 1
    counted = np.zeros(steps)
    counted[ends] = 1
    data = fastrnn.Sequences(
        rng.integers(0, 2, (steps, 2)).astype(float),
        rng.integers(0, 2, steps),
        kind="classes",
        classes=2,
        offsets=np.concatenate(([0], ends + 1)),
        weight=counted,
        groups={"learner": learner},
    )
    roles = np.zeros(len(flat), np.int8)
    began, worked = time.perf_counter(), time.process_time()
    made = fastrnn.train_many(
        fastrnn.GRU(8),
        data,
        each="learner",
        roles=roles,
        epochs=16,
        evaluate_every=16,
        learning_rate=0.01,
        patience=None,
        threads=threads,
    )
    seconds, worked = time.perf_counter() - began, time.process_time() - worked
    print(
        f"{len(made):,} learners, {steps * 16:,} model-steps: {seconds:,.1f} s, {worked:,.1f} s of processors; "
        f"{steps * 16 / seconds / 1e6:,.1f} M model-steps/s"
    )
    return seconds


def memory(count, threads):
    """Fit many models to one data set; return the largest number of bytes that this process held."""
    data, before = choices(12, 10, 20), peak_bytes()
    began = time.perf_counter()
    made = fastrnn.train_many(
        fastrnn.GRU(2), data, seeds=range(count), epochs=200, evaluate_every=1, patience=None, l1=1e-4, threads=threads
    )
    evaluations = sum(len(each) for each in made._histories)
    most = peak_bytes()
    print(
        f"{len(made):,} models of 2 units, {evaluations:,} evaluations: {most / 2**30:.2f} GiB at most, of which "
        f"{before / 2**30:.2f} before; {time.perf_counter() - began:,.1f} s"
    )
    return most


def peak_bytes():
    """Return the largest number of bytes of memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def sizes_of(text):
    """Return the integers of a list like "1,2,4"."""
    return [int(size) for size in text.split(",")]


def table(head, rows):
    """Return a Markdown table."""
    print("| " + " | ".join(head) + " |")
    print("|" + "|".join("---" for _ in head) + "|")
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |", flush=True)


def main():
    parser = parser_for("fits", __doc__)
    for name in ("peers", "sequences", "segments", "own", "shared", "animal", "learners", "memory"):
        parser.add_argument(f"--{name}", action="store_true")
    parser.add_argument("--sizes", help=f"hidden sizes (default: {SIZES}, of --peers {PEERS_SIZES})")
    parser.add_argument("--cells", default="gru,lstm,mgu", help="cells of the table (default: %(default)s)")
    parser.add_argument("--dtypes", help=f"default: {DTYPES}, of --peers float32")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.1, help="of one case in a round (default: %(default)s)")
    parser.add_argument("--outer", type=int, default=10, help="outer folds of --animal (default: %(default)s)")
    parser.add_argument(
        "--count", type=int, help="learners (default: 10,000), or models of --memory (default: 100,000)"
    )
    parser.add_argument("--threads", type=int, default=None, help="default: all cores")
    chosen = parser.parse_args()
    print(f"{machine.describe()['processor']}, {machine.describe()['cores']} cores")
    usual = ANIMAL_SIZES if chosen.animal else PEERS_SIZES if chosen.peers else SIZES
    sizes = sizes_of(chosen.sizes or usual)
    dtypes = (chosen.dtypes or ("float32" if chosen.peers else DTYPES)).split(",")
    if chosen.animal:
        animal(dtypes[0], chosen.threads, chosen.outer, sizes)
    elif chosen.learners:
        learners(chosen.count or 10_000, chosen.threads)
    elif chosen.memory:
        memory(chosen.count or 100_000, chosen.threads)
    elif chosen.shared:
        shared(chosen.threads or cores(), chosen.rounds, chosen.seconds)
    elif chosen.sequences or chosen.segments:
        work = "sequences" if chosen.sequences else "segments"
        table(*one_model(work, NETWORKS[work], chosen.rounds, chosen.seconds, chosen.peers))
    elif chosen.own:
        table(*own(choices(), chosen.rounds, chosen.seconds))
    elif chosen.peers:
        data = choices()
        table(*compare(
            lambda hidden, dtype, models: Ours(fastrnn.GRU(hidden), data, dtype, models=models),
            sizes,
            dtypes,
            chosen.rounds,
            chosen.seconds,
        ))
    else:
        epochs(sizes, chosen.cells.split(","), dtypes, chosen.rounds, chosen.seconds)


if __name__ == "__main__":
    main()
