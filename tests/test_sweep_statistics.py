"""The figures of a sweep's summary, against plain NumPy and against a case worked out by hand."""

import numpy as np
import pytest

from fastrnn.sweeps.statistics import summary, wilson
from fastrnn.sweeps.unit import Measures


def rows_of(samples):
    """Rows of models that became exact after these numbers of samples; -1: never."""
    return [Measures("exact" if value >= 0 else "samples", 1, 1, value, 0.5, 1.0) for value in samples]


@pytest.mark.parametrize("models", [1, 2, 3, 4, 5, 40, 101])
@pytest.mark.parametrize("share", [0, 0.2, 0.26, 0.5, 0.74, 1])
def test_quartiles_are_numpys_with_never_as_infinity(models, share):
    rng = np.random.default_rng(models)
    samples = np.where(rng.random(models) < share, rng.integers(0, 30, models), -1)
    figures = summary(rows_of(samples.tolist()))
    truth = np.quantile(np.where(samples < 0, np.inf, samples), [0.25, 0.5, 0.75], method="inverted_cdf")
    for ours, theirs in zip((figures.first_quartile, figures.median, figures.third_quartile), truth):
        assert ours == (None if np.isinf(theirs) else theirs)
    assert (figures.models, figures.exact, figures.share) == (models, (samples >= 0).sum(), (samples >= 0).mean())
    assert (figures.low, figures.high) == wilson(figures.exact, models)


def test_diverged_models_are_counted():
    rows = rows_of([3, -1]) + [Measures("diverged", 1, 1, -1, float("nan"), 0.0)]
    assert (summary(rows).diverged, summary(rows).exact, summary(rows).models) == (1, 1, 3)


def test_wilson_by_hand():
    # 12 of 16, z = 2: p = 3/4, z^2/n = 1/4; (3/4 + 1/8 -+ sqrt(1/4 (3/16 + 1/16))) / (5/4) = (7/8 -+ 1/4) / (5/4).
    assert wilson(12, 16, z=2) == pytest.approx((0.5, 0.9), abs=1e-15)


@pytest.mark.parametrize(("successes", "trials"), [(0, 7), (1, 7), (3, 7), (7, 7), (949, 1000), (1, 10**6)])
def test_wilson_is_where_the_share_is_z_standard_deviations_away(successes, trials):
    # What the interval is made from: p is an end if |share - p| = z sqrt(p (1 - p) / n).
    for z in (1.0, 1.959963984540054):
        low, high = wilson(successes, trials, z)
        for end in (low, high):
            share = successes / trials
            if end != share:
                assert abs(share - end) == pytest.approx(z * np.sqrt(end * (1 - end) / trials), rel=1e-9)
        assert 0 <= low <= successes / trials <= high <= 1 and low < high


def test_wilson_is_at_95_percent_by_default():
    assert wilson(8, 10) == pytest.approx(wilson(8, 10, z=1.959963984540054), abs=1e-15)
