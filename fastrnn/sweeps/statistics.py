"""Statistics of a point: how many models became exact, and after how many samples."""

import math
from statistics import NormalDist
from typing import NamedTuple

# The central 95 % of a normal distribution are within this many standard deviations.
Z = NormalDist().inv_cdf(0.975)


class Summary(NamedTuple):
    """The statistics of a point's models.

    models, exact, diverged: counts; share: exact / models; low, high: its 95 % Wilson interval; first_quartile, median,
    third_quartile: samples to exactness, of all models, those that never became exact counted as the slowest; None
    where the quartile is one of them.
    """

    models: int
    exact: int
    diverged: int
    share: float
    low: float
    high: float
    first_quartile: int | None
    median: int | None
    third_quartile: int | None


def summary(rows):
    """Return the Summary of a point's rows, Measures."""
    models = len(rows)
    samples = sorted(row.samples_to_exact for row in rows if row.samples_to_exact >= 0)
    exact = len(samples)
    diverged = sum(row.stopped == "diverged" for row in rows)
    return Summary(models, exact, diverged, exact / models, *wilson(exact, models),
                   *(_quantile(samples, models, share) for share in (0.25, 0.5, 0.75)))


def wilson(successes, trials, z=Z):
    """Return (low, high): the score interval of a binomial share.

    (p + z^2/2n -+ z sqrt(p (1 - p)/n + z^2/4n^2)) / (1 + z^2/n), p = successes / trials, n = trials. It stays within
    [0, 1] and keeps its level also near 0 and 1, where p -+ z sqrt(p (1 - p)/n) has no width left.
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the American
    Statistical Association 22 (1927).
    """
    share, square = successes / trials, z * z / trials
    centre = share + square / 2
    half = math.sqrt(square * (share * (1 - share) + square / 4))
    # At the ends the two are equal up to rounding.
    low = 0.0 if successes == 0 else (centre - half) / (1 + square)
    high = 1.0 if successes == trials else (centre + half) / (1 + square)
    return low, high


def _quantile(samples, models, share):
    """Return the smallest value that at least `share` of the models do not exceed; None if it belongs to models not in
    `samples`."""
    rank = math.ceil(share * models)
    return samples[rank - 1] if rank <= len(samples) else None
