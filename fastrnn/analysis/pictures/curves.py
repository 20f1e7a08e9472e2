"""Learning curves."""

import numpy as np

from fastrnn.drawing import BLUE, GREEN, VERMILLION, Picture, title_of_fits
from fastrnn.training.sequences.one import as_fits

ROLE_STYLES = (("training", BLUE, "-"), ("validation", VERMILLION, "--"), ("test", GREEN, ":"))
# More lines than this are one black surface.
MOST_LINES = 50


def plot_learning_curves(fits, baselines=(), path=None, axes=None):
    """Draw losses against epochs: a line for each model and role, and a point at the best epoch of validation.

    Of more than 50 models 50 are drawn, evenly spaced.

    Parameters
    ----------
    fits : Fits or Fit
        The models.
    baselines : list of Baseline or dict
        Baselines, or {name: loss}, drawn as horizontal lines.
    path : str or None
        A file to write, ending in .png, .svg, .pdf or another format of matplotlib.
    axes : matplotlib Axes or None
        Where to draw; None: in a figure of its own.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        In one line, without matplotlib, for an unknown ending, or for both a path and axes.
    OSError
        If the file cannot be written.
    """
    fits, picture = as_fits(fits), Picture(path, axes)
    (axes,) = picture.axes
    chosen = np.unique(np.linspace(0, len(fits) - 1, min(len(fits), MOST_LINES)).round().astype(int))
    histories = [fits.history(i) for i in chosen]
    thin = {"linewidth": 1.4 if len(chosen) == 1 else 0.8, "alpha": 1 if len(chosen) < 5 else 0.5}
    for role, (name, colour, dashes) in enumerate(ROLE_STYLES):
        label = name
        for i, history in zip(chosen, histories):
            losses = history["loss"][:, role]
            if not np.isfinite(losses).any():
                continue
            axes.plot(history["epoch"], losses, color=colour, linestyle=dashes, label=label, **thin)
            label = None
            if role == 1:
                axes.plot(fits.best_epoch[i], fits.loss[i, 1], marker="o", markersize=3.5, color=colour)
    named = baselines if isinstance(baselines, dict) else {each.name: each.test_loss for each in baselines}
    for n, (name, loss) in enumerate(named.items()):
        axes.axhline(loss, color="0.45", linestyle=("-", "--", "-.", ":")[n % 4], linewidth=1.2, label=name)
    # Where losses begin is of less interest than where they end.
    finite = np.concatenate([history["loss"][np.isfinite(history["loss"])] for history in histories])
    if len(finite) and finite.min() > 0 and finite.max() > 10 * finite.min():
        axes.set_yscale("log")
    axes.set_xlabel("epochs")
    axes.set_ylabel("loss per step")
    picture.legend(axes, title_of_fits(fits))
    picture.finish()
    return axes
