"""The smallest hidden size with which a network learns the task: for most seeds, and for at least one."""

from dataclasses import dataclass
from typing import NamedTuple

from fastrnn.sweeps.grid import AXES
from fastrnn.sweeps.statistics import Summary, summary
from fastrnn.sweeps.table import Table

ENOUGH_EXACT = 0.95
_OTHERS = tuple(axis for axis in AXES if axis != "hidden_size")


class Evidence(NamedTuple):
    """A hidden size, and a Summary of the results of its models."""

    hidden_size: int
    summary: Summary


class Finding(NamedTuple):
    """The result for one combination of the other axes of the grid.

    Attributes
    ----------
    others : dict
        {axis: value}.
    ever : Evidence or None
        The smallest hidden size with which at least one model became exact; None if there is none in the grid.
    usually : Evidence or None
        The smallest hidden size with which at least the required share did.
    """

    others: dict
    ever: Evidence | None
    usually: Evidence | None


@dataclass
class Smallest:
    """The result of `smallest`.

    Attributes
    ----------
    share : float
        The share of the models that had to become exact.
    findings : list of Finding
        One for each combination of the axes other than hidden_size.
    table : Table
        All sizes that were tried.
    """

    share: float
    findings: list
    table: Table


def search_sizes(grid, results, complete, share=ENOUGH_EXACT):
    """The Smallest within a grid, whose hidden sizes are tried in ascending order until the share is reached.

    From below, so that no smaller size of the grid is left untried: a larger network need not be a better one.
    complete(numbers of points) fills in their results.
    """
    searches = {}
    for number, point in enumerate(grid.points):
        others = tuple((axis, point.value(axis)) for axis in _OTHERS)
        searches.setdefault(others, []).append((point.cell.hidden_size, number))
    searches = {others: sorted(sizes) for others, sizes in searches.items()}
    found = {others: {"ever": None, "usually": None} for others in searches}
    for step in range(len(grid.hidden_size)):
        open_searches = [others for others in searches if found[others]["usually"] is None]
        complete([searches[others][step][1] for others in open_searches])
        for others in open_searches:
            size, number = searches[others][step]
            evidence = Evidence(size, summary(results.rows[number]))
            if evidence.summary.exact:
                found[others]["ever"] = found[others]["ever"] or evidence
            if evidence.summary.share >= share:
                found[others]["usually"] = evidence
    tried = [number for number in range(len(grid.points)) if results.complete(number)]
    findings = [Finding(dict(others), **evidence) for others, evidence in found.items()]
    return Smallest(share, findings, Table.of(results, tried))
