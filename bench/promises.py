"""`python -m bench.promises`: measures what must not cost more: threads beyond the cores, one long sequence among short
ones.

Prints ratios of seconds, medians over pairs of runs that alternate.
"""

import numpy as np

import fastrnn
from bench.arguments import parser_for

LENGTH, LONG, COUNT = 10, 2000, 5000


def threads(count, samples):
    """Return the seconds of one training on `threads` threads."""
    return fastrnn.train(fastrnn.Elman(16), batch_size=64, until="samples", max_samples=samples, threads=count).seconds


def sequences(longest):
    """Return (x, y, mask): COUNT sequences of LENGTH steps, one of them of `longest`."""
    rng, lengths = np.random.default_rng(0), np.full(COUNT, LENGTH)
    lengths[7] = longest
    mask = (np.arange(longest) < lengths[:, None]).astype(float)
    return rng.integers(0, 2, (COUNT, longest, 2)) * mask[..., None], rng.integers(0, 2, (COUNT, longest, 1)), mask


def seconds(data, batch_size, many):
    """Return the seconds of training one network, or 16 side by side, on these arrays, without the time to read them.
    """
    train = fastrnn.train_many if many else fastrnn.train
    seeds = {"seeds": range(16)} if many else {}
    made = train(
        fastrnn.Elman(16), data, **seeds, batch_size=batch_size, until="samples", max_samples=100_000, threads=1
    )
    return made.seconds


def ratio(one, other, rounds):
    """Return the median of other() / one(), after one call of each."""
    one(), other()
    return float(np.median([other() / one() for _ in range(rounds)]))


def main():
    print(f"8 threads over 1: {ratio(lambda: threads(1, 2_000_000), lambda: threads(8, 2_000_000), 7):.2f}", flush=True)
    short, long = sequences(LENGTH), sequences(LONG)
    steps = (COUNT * LENGTH + LONG - LENGTH) / (COUNT * LENGTH)
    print(f"one sequence of {LONG} steps among {COUNT} of {LENGTH}: {steps:.2f} times the steps")
    for many in (False, True):
        for batch_size in (1, 16, 256):
            taken = ratio(lambda: seconds(short, batch_size, many), lambda: seconds(long, batch_size, many), 3)
            print(f"  {'train_many' if many else 'train'}, batch {batch_size}: {taken:.2f} times the time", flush=True)


if __name__ == "__main__":
    parser_for("promises", __doc__).parse_args()
    main()
