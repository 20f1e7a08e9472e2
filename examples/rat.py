"""Small GRUs on 20,000 decisions of one rat, compared with logistic regression: `make example`.

Rat W053 compares two sounds, s1 and s2, and goes left or right (A. Akrami et al., Nature 554, 2018). The data come with
the package psytrack (N. A. Roy et al., Neuron 109, 2021; MIT licence). Writes build/rat: choices.csv, pictures.
"""

import csv
import importlib.util
import os
import sys

import numpy as np

from fastrnn import GRU, Sequences, analysis, train_many
from fastrnn.data import TEST, TRAIN, VALIDATION

FOLDER = os.path.join("build", "rat")
INPUTS = ("s1", "s2", "choice", "reward", "side")


def rat():
    """The dict that psytrack ships: one array for each entry, with a row for each trial."""
    found = importlib.util.find_spec("psytrack")
    if found is None:
        sys.exit("examples/rat.py: psytrack is missing: pip install '.[examples]'")
    path = os.path.join(os.path.dirname(found.origin), "examples", "sampleRatData.npz")
    # A pickle, which may run any code: it is read only because it comes with a package that was installed on purpose.
    return np.load(path, allow_pickle=True)["D"].item()


def write_table(data, path):
    """Write a row for each trial: the two sounds, the choice, whether it was rewarded, and which side was right."""
    day = np.repeat(np.arange(len(data["dayLength"])), data["dayLength"])
    choice, side = (data["y"] == 2).astype(int), (data["answer"] == 2).astype(int)
    sounds = data["inputs"]["s1"][:, 0], data["inputs"]["s2"][:, 0]
    columns = (day, *sounds, choice, data["correct"].astype(int), side)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["day", *INPUTS])
        writer.writerows(zip(*(column.tolist() for column in columns)))


def main(sizes=(1, 2, 4, 8), seeds=8, epochs=1500):
    """Print test losses in nats per trial; every fifth day is tested on, and another fifth stops training.

    Returns {size: that of the network with the lowest validation loss}.
    """
    os.makedirs(FOLDER, exist_ok=True)
    path = os.path.join(FOLDER, "choices.csv")
    write_table(rat(), path)
    # The sounds of this trial; choice, reward and right side of the trial before.
    lag = {"choice": 1, "reward": 1, "side": 1}
    data = Sequences.read(path, INPUTS, "choice", lag=lag, group="day", kind="classes", classes=2, name="rat W053")
    print(data)
    day = np.arange(len(data))
    roles = np.where(day % 5 == 4, TEST, np.where(day % 5 == 2, VALIDATION, TRAIN))
    # Regression stops by itself: it may learn from the days of validation, too.
    learned = np.where(roles == TEST, TEST, TRAIN)
    sounds = Sequences.read(path, ["s1", "s2"], "choice", group="day", kind="classes", classes=2)
    baselines = {
        "constant": analysis.constant_baseline(data, learned).test_loss,
        "logistic regression, sounds": analysis.logistic_baseline(sounds, learned).test_loss,
        "logistic regression, and last trial": analysis.logistic_baseline(data, learned).test_loss,
        "logistic regression, and last 5 trials": analysis.logistic_baseline(data, learned, history=5).test_loss,
    }
    print("\ntest loss, nats per trial")
    for name, loss in baselines.items():
        print(f"  {name:40} {loss:.4f}")
    best = {}
    for size in sizes:
        fits = train_many(
            GRU(size), data, seeds=range(seeds), roles=roles, learning_rate=0.01, l1=1e-4, epochs=epochs, patience=15
        )
        chosen = int(np.argmin(fits.loss[:, 1]))
        best[size] = fits[chosen]
        test = fits.loss[:, 2]
        name = f"GRU, {size} unit{'s' * (size > 1)}, smallest validation loss"
        spread = f"{test.mean():.4f}, standard deviation {test.std(ddof=1):.4f}"
        print(f"  {name:40} {test[chosen]:.4f}    {seeds} seeds: {spread}")
    _draw(best, data, roles, baselines)
    print(f"\npictures in {FOLDER}")
    return {size: one.loss.test for size, one in best.items()}


def _draw(best, data, roles, baselines):
    tested = data.select(np.flatnonzero(roles == TEST))
    found = {f"GRU {size}": analysis.calibration(one.predict(tested)[:, 1], tested.y) for size, one in best.items()}
    analysis.plot_calibration(found, os.path.join(FOLDER, "calibration.png"), title=f"{data.name}, test days")
    analysis.plot_learning_curves(best[max(best)], baselines, os.path.join(FOLDER, "curves.png"))


if __name__ == "__main__":
    main()
