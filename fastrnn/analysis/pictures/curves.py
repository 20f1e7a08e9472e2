"""Learning curves."""

import numpy as np

from fastrnn.drawing import BLUE, GREEN, VERMILLION, Picture
from fastrnn.training.one import as_fits

ROLES = (("training", BLUE, "-"), ("validation", VERMILLION, "--"), ("test", GREEN, ":"))
# More lines than this are one black surface.
MOST_LINES = 50


def plot_learning_curves(fits, baselines=(), path=None, axes=None):
    """Draw the losses of Fits, or of a Fit, against epochs: a line for each model and role, a point at the best epoch.

    Of more than 50 models 50 are drawn, evenly chosen. baselines: [Baseline] or {name: loss}, as horizontal lines;
    path, axes and errors as in plot_selection. Returns the axes.
    """
    fits, picture = as_fits(fits), Picture(path, axes)
    (axes,) = picture.axes
    chosen = np.unique(np.linspace(0, len(fits) - 1, min(len(fits), MOST_LINES)).round().astype(int))
    histories = [fits.history(i) for i in chosen]
    thin = {"linewidth": 1.4 if len(chosen) == 1 else 0.8, "alpha": 1 if len(chosen) < 5 else 0.5}
    for role, (name, colour, dashes) in enumerate(ROLES):
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
    axes.set_ylabel("loss a step")
    picture.legend(axes)
    picture.finish()
    return axes
