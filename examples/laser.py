"""One step ahead in the chaos of a laser: GRUs, persistence and autoregression: `make example ARGS=laser`.

Data set A of the Santa Fe competition (U. Huebner et al., Physical Review A 40, 1989), from the package reservoirpy.
"""

import importlib.util
import os
import sys

import numpy as np

from fastrnn import GRU, Sequences, analysis, train_many
from fastrnn.data import TEST, TRAIN, VALIDATION

TRAINING, PIECE = 5000, 200


def laser():
    """Return the intensities, one for each step."""
    found = importlib.util.find_spec("reservoirpy")
    if found is None:
        sys.exit("examples/laser.py: reservoirpy is missing: pip install '.[examples]'")
    return np.load(os.path.join(os.path.dirname(found.origin), "datasets", "santafe_laser.npy"))[:, 0].astype(float)


def main(size=8, seeds=4, epochs=1000):
    """Print the normalised squared errors of the steps after the first 5,000; the last 1,000 of those stop training.

    Returns that of the network with the lowest validation loss.
    """
    series = laser()
    series = (series - series[:TRAINING].mean()) / series[:TRAINING].std()
    held = TRAINING - TRAINING // 5
    # Pieces of 200 steps train faster than one of 4,000.
    offsets = [*range(0, held, PIECE), held, TRAINING, len(series) - 1]
    data = Sequences(series[:-1, None], series[1:, None], offsets=offsets)
    roles = np.array([TRAIN] * (len(offsets) - 3) + [VALIDATION, TEST])
    whole = Sequences(series[:-1, None], series[1:, None], offsets=[0, TRAINING, len(series) - 1])
    variance = series[TRAINING + 1 :].var()
    print("normalised squared error of one step ahead")
    both = [TRAIN, TEST]
    for each in (analysis.persistence_baseline(whole, both), analysis.linear_baseline(whole, both, 20)):
        print(f"  {each.name:40} {each.test_loss / variance:.4f}")
    training = {"learning_rate": 0.01, "schedule": "cosine", "epochs": epochs, "patience": 30}
    fits = train_many(GRU(size), data, seeds=range(seeds), roles=roles, **training)
    error = fits.loss[:, 2] / variance
    chosen = float(error[fits.loss[:, 1].argmin()])
    print(f"  {f'GRU, {size} units, of lowest validation loss':40} {chosen:.4f}"
          f"    {seeds} seeds: {error.min():.4f} to {error.max():.4f}")
    return chosen


if __name__ == "__main__":
    main()
