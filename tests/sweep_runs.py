"""What tests of sweeps share: a grid, its whole table, and a thread that is interrupted."""

import functools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import fastrnn
from fastrnn.sweeps import Grid, sweep
from fastrnn.sweeps.workers import Threads

ROOT = Path(__file__).resolve().parent.parent

# Some models become exact and some do not.
GRID = Grid(hidden_size=(4, 12), learning_rate=(0.1, 0.2), seeds=10, config=fastrnn.TrainConfig(max_samples=3000))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """(Table, bytes of its CSV) of GRID, by one thread in one unit a point."""
    path = tmp_path_factory.mktemp("whole") / "sweep.csv"
    table = sweep(GRID, output=path, executor=functools.partial(Threads, 1), unit=10)
    return table, path.read_bytes()


class Counting(ThreadPoolExecutor):
    """A thread that notes which units it got, and presses Ctrl-C in place of the unit number `last`."""

    def __init__(self, last=None):
        super().__init__(1)
        self.units, self.last = [], last

    def submit(self, function, unit):
        if len(self.units) == self.last:
            raise KeyboardInterrupt
        self.units.append(unit)
        return super().submit(function, unit)
