"""`cross_validate`: nested cross-validation of cells, sizes and options on one's own sequences.

M. Stone, "Cross-validatory choice and assessment of statistical predictions", Journal of the Royal Statistical
Society B 36 (1974); nested folds as in S. Varma and R. Simon, "Bias in error estimation when using cross-validation
for model selection", BMC Bioinformatics 7 (2006).
"""

import errno
import itertools
import os
from dataclasses import dataclass

import numpy as np

from fastrnn.arguments import as_whole
from fastrnn.data.roles import TEST, VALIDATION, folds
from fastrnn.data.targets import nearest
from fastrnn.optimizers.base import optimizers
from fastrnn.training.checks import check_kinds
from fastrnn.training.config import FitConfig
from fastrnn.training.fit import PER_MODEL
from fastrnn.training.fits import Fits
from fastrnn.training.parts import fit_parts


@dataclass(frozen=True, eq=False, repr=False)
class Selection:
    """Nested cross-validation: a row for each fit, and what is chosen from them.

    fits: the Fits, row by row; outer, inner, seed (M,): the fold and seed of each; grid: {name: (M,) values};
    validation_steps, test_steps (M,): counted steps.
    """

    fits: Fits
    outer: np.ndarray
    inner: np.ndarray
    grid: dict
    validation_steps: np.ndarray
    test_steps: np.ndarray

    def __len__(self):
        return len(self.fits)

    def __repr__(self):
        best = self.summary().sort_values("test_loss").iloc[0]
        return (
            f"Selection({len(self)} fits; {self.outer.max() + 1} x {self.inner.max() + 1} folds; least test loss "
            f"{best.test_loss:.4g} with {int(best.hidden_size)} units)"
        )

    @property
    def table(self):
        """A pandas table with a row for each fit."""
        frame = self.fits.to_frame()
        frame.insert(0, "outer", self.outer)
        frame.insert(1, "inner", self.inner)
        return frame

    def chosen(self):
        """A pandas table with a row for each outer fold and hidden size: the options chosen, and the test loss.

        For each inner fold and choice of options the seed with the least validation loss is taken; the choice with the
        least mean of these losses, weighted by counted steps, is that of the outer fold; its test loss is the mean
        over the inner folds.
        """
        import pandas

        frame = self.table
        names = [name for name in self.grid if name != "hidden_size"]
        validation = frame.validation_loss.fillna(np.inf).to_numpy()
        # Where nothing validates, the training loss says which seed is best.
        validation = np.where(self.validation_steps > 0, validation, frame.train_loss.fillna(np.inf))
        rows = []
        for (outer, size), own in frame.groupby(["outer", "hidden_size"], sort=True):
            scored = []
            for values, group in own.groupby(names, sort=False) if names else [((), own)]:
                best = group.assign(score=validation[group.index]).groupby("inner").score.idxmin().to_numpy()
                weights = self.validation_steps[best]
                counted = weights > 0
                loss = np.average(validation[best][counted], weights=weights[counted]) if counted.any() else np.nan
                scored.append((loss, best, values))
            loss, best, values = min(scored, key=lambda each: each[0])
            rows.append(
                {
                    "outer": outer,
                    "hidden_size": size,
                    **dict(zip(names, values)),
                    "validation_loss": loss,
                    "test_loss": frame.test_loss[best].mean(),
                    "test_accuracy": frame.test_accuracy[best].mean(),
                    "test_steps": self.test_steps[best[0]],
                }
            )
        return pandas.DataFrame(rows)

    def summary(self):
        """A pandas table with a row for each hidden size: mean test loss over outer folds, weighted by counted steps.

        error: the standard error of the mean over folds; likelihood: exp(-loss), the normalised likelihood of a step.
        """
        import pandas

        rows = []
        chosen = self.chosen()
        # A fold without a counted step tests nothing.
        for size, own in chosen[chosen.test_steps > 0].groupby("hidden_size"):
            weights = own.test_steps / own.test_steps.sum()
            mean = (own.test_loss * weights).sum()
            error = np.sqrt((weights**2 * (own.test_loss - mean) ** 2).sum() * len(own) / max(len(own) - 1, 1))
            rows.append(
                {
                    "hidden_size": size,
                    "test_loss": mean,
                    "error": error,
                    "likelihood": np.exp(-mean),
                    "test_accuracy": (own.test_accuracy * weights).sum(),
                    "folds": len(own),
                }
            )
        return pandas.DataFrame(rows)


def cross_validate(
    cell,
    data,
    *,
    outer=10,
    inner=9,
    seeds=3,
    grid=None,
    by=None,
    seed=0,
    output=None,
    config=None,
    threads=None,
    progress=None,
    **options,
):
    """Fit a cell to Sequences in nested folds, with all choices of options, and return the Selection.

    Parameters
    ----------
    cell : Cell
    data : Sequences
    outer, inner, by, seed
        The folds, as fastrnn.data.folds divides sequences, or groups of them.
    seeds : int or integers
        A number of initial weights, or their seeds.
    grid : {name: values}
        Of hidden_size, learning_rate, l1, weight_decay, activity and the optimizer's options; each combination is
        fitted. With inner=None nothing validates, so that only hidden_size may have several values.
    output : str or None
        A folder that keeps finished fits; the same call goes on where it was interrupted.
    config, options
        As for `train_many`, for all fits.
    progress : function or None
        progress(fits_done, fits, loss), called now and then, as by `train_many`.

    Raises
    ------
    ValueError, TypeError
        In one line, for arguments that make no sense.
    NotADirectoryError
        If `output` is a file.
    KeyboardInterrupt
        After Ctrl-C, with what is finished kept in `output`.
    """
    check_kinds(cell, data, config, options.get("weights"), {"progress": progress})
    seeds = np.arange(as_whole("seeds", seeds, 1)) if np.ndim(seeds) == 0 else np.asarray(seeds)
    if not len(seeds):
        raise ValueError("seeds: got none, expected at least one")
    grid = _checked(grid, options, inner, config)
    if output is not None and os.path.exists(output) and not os.path.isdir(output):
        raise NotADirectoryError(errno.ENOTDIR, "output: is a file, expected a folder", os.fspath(output))
    grid.setdefault("hidden_size", np.array([cell.hidden_size]))
    roles = folds(data, outer, inner, by, seed)
    points = list(itertools.product(*grid.values()))
    # Fits of one size and fold stand side by side: sequences that none of them needs are left out.
    order = [
        (row, point, each)
        for size in np.unique(grid["hidden_size"])
        for row in range(len(roles))
        for point in points
        if dict(zip(grid, point))["hidden_size"] == size
        for each in seeds
    ]
    rows = np.array([row for row, _, _ in order])
    columns = {name: np.array([point[n] for _, point, _ in order]) for n, name in enumerate(grid)}
    own_seeds = np.array([each for _, _, each in order])
    fits = fit_parts(cell, data, own_seeds, roles, rows, columns, output, config, threads, progress, options)
    steps = np.add.reduceat((data.weight > 0).astype(float), data.offsets[:-1])
    validation, test = ((roles == role) @ steps for role in (VALIDATION, TEST))
    return Selection(fits, rows // (inner or 1), rows % (inner or 1), columns, validation[rows], test[rows])


def _checked(grid, options, inner, config):
    """{name: (K,) values} of a grid. Raises ValueError or TypeError for one that cannot be fitted, or chosen from."""
    if not isinstance(grid, (dict, type(None))):
        raise TypeError(f"grid: got {type(grid).__name__}, expected {{name: values}}")
    grid = {name: _axis(name, values) for name, values in (grid or {}).items()}
    optimizer = options.get("optimizer", (config or FitConfig()).optimizer)
    axes = ["hidden_size", *PER_MODEL, *getattr(optimizers().get(str(optimizer)), "_fields", ())]
    for name in ("roles", "validation", "each", "hidden_size", "callback", "checkpoint"):
        if name in options:
            raise TypeError(
                f"{name}: is not for cross_validate, which gives roles by folds, sizes by grid, and keeps fits in "
                "output"
            )
    for name, values in grid.items():
        if name in options:
            raise TypeError(f"{name}: is an axis of the grid and an option, expected one of them")
        if name in FitConfig.__dataclass_fields__ and name not in PER_MODEL:
            raise ValueError(f"grid: {name} is the same for all fits, expected hidden_size, {', '.join(PER_MODEL)} "
                             "or an option of the optimizer")
        if name not in axes:
            raise ValueError(f"grid: got {name!r}, which cannot differ between fits: {nearest(name, axes)}")
        if values.ndim != 1 or not len(values):
            raise ValueError(f"grid: {name} has shape {values.shape}, expected at least one number")
        if inner is None and name != "hidden_size" and len(values) > 1:
            raise ValueError(f"grid: {name} has {len(values)} values, but with inner=None nothing validates them")
    return grid


def _axis(name, values):
    """(K,) values of an axis of a grid."""
    try:
        return np.atleast_1d(np.asarray(values))
    except ValueError:
        raise ValueError(f"grid: {name} holds lists of different lengths, expected numbers") from None
