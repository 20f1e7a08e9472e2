"""A table of behaviour, and when two Sequences are the same."""

import numpy as np
import pandas as pd

COLUMNS = {"inputs": ["stim", "rt", "choice", "reward"], "target": "choice", "subject": "rat", "session": "day"}


def choices(seed=0, rats=4, days=3):
    """A table of some rats' choices on some days, 4 to 9 trials each, as a pandas frame."""
    rng = np.random.default_rng(seed)
    parts = [pd.DataFrame({
        "rat": f"rat {rat}", "day": day, "trial": np.arange(trials) + 10,
        "stim": rng.choice(["tone", "light", "none"], trials),
        "rt": rng.normal(3, 2, trials), "choice": rng.integers(0, 2, trials), "reward": rng.integers(0, 2, trials) / 2})
        for rat in range(rats) for day in range(days) for trials in [rng.integers(4, 10)]]
    return pd.concat(parts, ignore_index=True)


def same(one, other):
    """Assert that two Sequences hold the same."""
    assert one.digest == other.digest and repr(one) == repr(other) and one.encoder == other.encoder
    assert one.ids.tolist() == other.ids.tolist() and one.groups.keys() == other.groups.keys()
    for name, values in one.groups.items():
        assert values.dtype == other.groups[name].dtype and values.tolist() == other.groups[name].tolist()
