"""Sweeps: thousands of models over a grid of settings, on any number of machines, and their results."""

from fastrnn.sweep.driver import UnitFailed
from fastrnn.sweep.grid import Grid
from fastrnn.sweep.journal import ForeignJournal
from fastrnn.sweep.run import owns, smallest, sweep
from fastrnn.sweep.sizes import Smallest
from fastrnn.sweep.statistics import Summary, wilson
from fastrnn.sweep.table import Table
from fastrnn.sweep.workers import Processes

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
