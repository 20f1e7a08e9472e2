"""The best networks of a fit with --each, of which each predicts its own sequences alone."""

import numpy as np

from fastrnn.cli.errors import UserError


class BestOfEach:
    """Predicts as one Fit does: the sequences of each value of a group by the best network that was fitted to it."""

    def __init__(self, fits, table):
        ((self.name, values),) = fits.groups.items()
        self.best, self.table = {value: fits[values == value].best for value in np.unique(values)}, table
        self.cell = fits[0].cell
        self.hidden_size = max(each.hidden_size for each in self.best.values())

    def predict(self, data):
        """Return (steps, O) predictions."""
        return self._gathered("predict", data)

    def classes(self, data):
        """Return (steps,) classes."""
        return self._gathered("classes", data)

    def bits(self, data):
        """Return (steps, O) bits."""
        return self._gathered("bits", data)

    def losses(self, data):
        """Return (steps,) losses."""
        return self._gathered("losses", data)

    def states(self, data):
        """Return (steps, W) states. Raises UserError where networks have different sizes."""
        sizes = {each.hidden_size for each in self.best.values()}
        if len(sizes) > 1:
            found = ", ".join(map(str, sorted(sizes)))
            raise UserError(f"--states: the best networks have different sizes, {found} units: choose one by --model")
        return self._gathered("states", data)

    def _gathered(self, method, data):
        values, out = data.groups[self.name], None
        owner = np.repeat(values, data.lengths)
        for value in np.unique(values):
            if value not in self.best:
                raise UserError(f"{self.table}: no network was fitted to {self.name} {value!s}; choose one by --model")
            part = getattr(self.best[value], method)(data.select(values == value))
            out = np.empty((data.steps, *part.shape[1:]), part.dtype) if out is None else out
            out[owner == value] = part
        return out
