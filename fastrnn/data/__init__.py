"""Sequences of the user: how they are stored, read from files and tables, and divided for training and testing.

    >>> data = fastrnn.Sequences.read("choices.csv", inputs=["choice", "reward"], target="choice", lag=1,
    ...                               group=["subject", "session"])
    >>> data
    Sequences(96 of 60 steps; inputs: choice, reward; target: choice, bits; 5,760 of 5,760 steps count)
"""

from fastrnn.data.encoder import Encoder
from fastrnn.data.roles import NAMES, TEST, TRAIN, UNUSED, VALIDATION, check_roles, folds, split
from fastrnn.data.sequences import Sequences

__all__ = ["Encoder", "NAMES", "Sequences", "TEST", "TRAIN", "UNUSED", "VALIDATION", "check_roles", "folds", "split"]
