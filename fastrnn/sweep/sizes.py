"""The smallest hidden size with which a network learns the task: for most seeds, and for at least one."""

from dataclasses import dataclass
from typing import NamedTuple

from fastrnn.sweep.grid import AXES
from fastrnn.sweep.statistics import Summary, summary
from fastrnn.sweep.table import Table

SHARE = 0.95
_OTHERS = tuple(axis for axis in AXES if axis != "hidden_size")


class Evidence(NamedTuple):
    """A hidden size, and the results of its models."""

    hidden_size: int
    summary: Summary


class Finding(NamedTuple):
    """The result for one combination of the other axes, {axis: value}.

    ever: Evidence of the least hidden size of which at least one model became exact, usually: that of which at least
    the wanted share did; None if no size of the grid did.
    """

    others: dict
    ever: Evidence | None
    usually: Evidence | None


@dataclass
class Smallest:
    """Findings, one for each combination of the axes but hidden_size, and the Table of all sizes that were tried.

    share: of the models, that were to become exact.
    """

    share: float
    findings: list
    table: Table


def search_sizes(grid, results, complete, share=SHARE):
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
