"""The timing method: after a warm-up, rounds visit all cases in changing order; results are medians with their spread.

A machine drifts: it warms, its clock changes, others use it. Every case runs once in each round, so a drift hits
all of them, and ratios are formed within a round before the median is taken over rounds.
"""

import random
from statistics import median, quantiles

# Beyond this distance between the quartiles, as a share of the median, a row is called unstable.
UNSTABLE = 0.10


def calibrate(run, seconds):
    """Return the number of updates that take about `seconds` seconds; this also warms up."""
    updates, taken = 1, run(1)
    taken = min(taken, run(1))
    while taken < seconds / 4:
        updates *= 2 if taken < seconds / 1000 else max(2, int(seconds / 4 / taken) + 1)
        taken = run(updates)
    return max(1, round(updates * seconds / taken))


def measure(cases, rounds, seconds, progress=None):
    """Return {key: (updates per round, [seconds per update in each round])} for cases {key: run}, run(updates) ->
    seconds.

    progress(done, total, key) is called before each piece of work.
    """
    total, done = len(cases) * (rounds + 1), 0
    counts, taken = {}, {key: [] for key in cases}
    for key, run in cases.items():
        if progress:
            progress(done, total, key)
        counts[key] = calibrate(run, seconds)
        done += 1
    for each in range(rounds):
        order = list(cases)
        random.Random(each).shuffle(order)
        for key in order:
            if progress:
                progress(done, total, key)
            taken[key].append(cases[key](counts[key]) / counts[key])
            done += 1
    return {key: (counts[key], taken[key]) for key in cases}


def quartile_spread(values):
    """Return the distance between the quartiles as a share of the median."""
    if len(values) < 2:
        return 0.0
    low, _, high = quantiles(values, n=4, method="inclusive")
    return (high - low) / median(values)


def unstable(values):
    """Return whether a row's figures vary too much between rounds."""
    return quartile_spread(values) > UNSTABLE


def times(base, values):
    """Return how many times as fast as `base` the values are: the median of the ratios within rounds."""
    return median(b / v for b, v in zip(base, values))
