"""Sweeps: thousands of models over a grid of settings, on any number of machines, and their results."""

from fastrnn.sweeps.driver import UnitFailed
from fastrnn.sweeps.grid import Grid
from fastrnn.sweeps.journal import ForeignJournal
from fastrnn.sweeps.run import owns, smallest, sweep
from fastrnn.sweeps.sizes import Smallest
from fastrnn.sweeps.statistics import Summary, wilson
from fastrnn.sweeps.table import Table
from fastrnn.sweeps.workers import Processes

__all__ = [
    "ForeignJournal",
    "Grid",
    "Processes",
    "Smallest",
    "Summary",
    "Table",
    "UnitFailed",
    "owns",
    "smallest",
    "sweep",
    "wilson",
]
