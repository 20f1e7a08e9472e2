"""The results of a grid's models so far, and which are missing."""

import itertools


class Results:
    """Rows (Measures) by point and seed; `done`: their number."""

    def __init__(self, grid):
        self.grid = grid
        self.rows = [[None] * grid.seeds for _ in grid.points]
        self.done = 0

    def add(self, point, offset, rows):
        """Add the rows of a unit that begins at the seed number `offset` of a point, given by its number."""
        before = self.rows[point][offset : offset + len(rows)]
        self.rows[point][offset : offset + len(rows)] = rows
        self.done += before.count(None)

    def missing(self, point):
        """Return [(first, last)]: ranges of seed numbers of a point that have no row; last is exclusive."""
        runs = itertools.groupby(range(self.grid.seeds), key=lambda offset: self.rows[point][offset] is None)
        return [(run[0], run[-1] + 1) for run in (list(group) for absent, group in runs if absent)]

    def complete(self, point):
        """Return whether a point has all its rows."""
        return None not in self.rows[point]
