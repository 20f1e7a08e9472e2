"""The result of `cross_validate`: a table of fits in nested folds, the choice from it, and the choice refitted."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fastrnn.training.sequences.fits import Fits


class Estimate(NamedTuple):
    """The mean test loss over the outer folds of the options chosen in each fold, weighted by counted steps.

    Attributes
    ----------
    test_loss : float
        The mean.
    error : float
        Its standard error over the folds.
    likelihood : float
        exp(-test_loss), the normalised likelihood.
    test_accuracy : float
        The share of steps that were predicted right.
    folds : int
        The number of folds with counted steps.
    """

    test_loss: float
    error: float
    likelihood: float
    test_accuracy: float
    folds: int


@dataclass(frozen=True, eq=False, repr=False)
class Selection:
    """The result of nested cross-validation: M fits, and the options that validation chose.

    Attributes
    ----------
    fits : Fits
        All fits.
    outer, inner : int arrays (M,)
        The folds of each fit.
    grid : dict
        {name: array (M,)}, the options of each fit.
    validation_steps, test_steps : int arrays (M,)
        Counted steps of each fit.
    refitted : Fits or None
        The models with the best options, fitted to all sequences, one for each seed.
    """

    fits: Fits
    outer: np.ndarray
    inner: np.ndarray
    grid: dict
    validation_steps: np.ndarray
    test_steps: np.ndarray
    refitted: Fits | None = None

    def __len__(self):
        return len(self.fits)

    def __repr__(self):
        estimate, folds = self.estimate(), f"{self.outer.max() + 1} x {self.inner.max() + 1} folds"
        return f"Selection({len(self)} fits; {folds}; test loss {estimate.test_loss:.4g} ± {estimate.error:.2g})"

    @property
    def best(self):
        """The model with the best options that was fitted to all sequences, a Fit.

        Of the seeds it is that of the smallest training loss. `estimate` says what test loss to expect of it. Raises
        ValueError if cross_validate was called with refit=False.
        """
        if self.refitted is None:
            raise ValueError("best: nothing was fitted to all sequences; call cross_validate with refit=True")
        return self.refitted.best

    @property
    def table(self):
        """A pandas table with a row for each fit."""
        frame = self.fits.to_frame()
        frame.insert(0, "outer", self.outer)
        frame.insert(1, "inner", self.inner)
        return frame

    def chosen(self):
        """Return the options that validation chose in each outer fold for each hidden size, and their test losses.

        For each inner fold and combination of options the seed with the smallest validation loss counts. The options
        with the smallest mean of these losses over the inner folds, weighted by counted steps, are chosen. Their test
        loss is the mean over the inner folds.

        Returns
        -------
        pandas.DataFrame
            A row for each outer fold and hidden size.
        """
        return self._chosen(["outer", "hidden_size"])

    def summary(self):
        """Return the mean test loss of each hidden size over the outer folds, weighted by counted steps.

        Returns
        -------
        pandas.DataFrame
            A row for each hidden size. `error` is the standard error of the mean over folds, `likelihood` is
            exp(-loss), the normalised likelihood.
        """
        import pandas

        chosen = self.chosen()
        # A fold without a counted step tests nothing.
        tested = chosen[chosen.test_steps > 0].groupby("hidden_size")
        return pandas.DataFrame([{"hidden_size": size, **_estimate(own)._asdict()} for size, own in tested])

    def estimate(self):
        """Return the test loss to expect of `best`.

        All options, hidden_size included, are chosen by validation separately in each outer fold, and tested there.

        Returns
        -------
        Estimate
            nan without inner folds, since nothing chooses among sizes.
        """
        if not self.validation_steps.any() and len(np.unique(self.fits.hidden_size)) > 1:
            return Estimate(*[np.nan] * 4, 0)
        chosen = self._chosen(["outer"])
        return _estimate(chosen[chosen.test_steps > 0])

    def choice(self):
        """Return the options with the smallest mean validation loss over all folds, and their epochs.

        Returns
        -------
        (dict, int)
            {name: value}, and the median over the folds of the best epochs, in whole evaluations.
        """
        picked = self._picked()
        values, own = self._least(picked)
        epochs = self.fits.best_epoch[own.index]
        return dict(zip(self.grid, values)), int(np.quantile(epochs, 0.5, method="lower"))

    def _picked(self):
        """Return the rows of `table` with the best seed of each fold and combination of options, and their `score` and
        `steps`."""
        frame = self.table
        validation = frame.validation_loss.fillna(np.inf).to_numpy()
        # Where nothing validates, the training loss says which seed is best.
        score = np.where(self.validation_steps > 0, validation, frame.train_loss.fillna(np.inf))
        frame = frame.assign(score=score, steps=self.validation_steps, test_steps=self.test_steps)
        return frame.loc[frame.groupby([*self.grid, "outer", "inner"], sort=False).score.idxmin()]

    def _least(self, picked):
        """Return (values of the grid, rows) of the combination with the lowest mean score."""
        points = list(picked.groupby(list(self.grid), sort=False))
        return min(points, key=lambda point: np.nan_to_num(_mean_score(point[1]), nan=np.inf))

    def _chosen(self, by):
        import pandas

        rows = []
        for values, own in self._picked().groupby(by, sort=True):
            point, best = self._least(own)
            rows.append(
                {
                    **dict(zip(by, values)),
                    **{name: value for name, value in zip(self.grid, point) if name not in by},
                    "validation_loss": _mean_score(best),
                    "test_loss": best.test_loss.mean(),
                    "test_accuracy": best.test_accuracy.mean(),
                    "test_steps": best.test_steps.iloc[0],
                }
            )
        return pandas.DataFrame(rows)


def _mean_score(rows):
    """Return the mean score of folds, weighted by counted steps; nan where none counts."""
    counted = rows.steps > 0
    return np.average(rows.score[counted], weights=rows.steps[counted]) if counted.any() else np.nan


def _estimate(chosen):
    """Return the Estimate from rows with test_loss, test_accuracy and test_steps, one for each outer fold."""
    weights, folds = chosen.test_steps / chosen.test_steps.sum(), len(chosen)
    mean = (chosen.test_loss * weights).sum()
    error = np.sqrt((weights**2 * (chosen.test_loss - mean) ** 2).sum() * folds / max(folds - 1, 1))
    found = mean, error, np.exp(-mean), (chosen.test_accuracy * weights).sum()
    return Estimate(*map(float, found), folds)
