"""The loss of the networks of each subject beside those of simple models."""

import numpy as np

from fastrnn.analysis.best import best_networks
from fastrnn.drawing import BLACK, COLOURS, MARKERS, Picture, after_data, short_name
from fastrnn.training.sequences.job import Roles
from fastrnn.training.sequences.one import as_fits
from fastrnn.wording import counted

# Characters of a name below its place.
LONGEST_LABEL = 20
# More names than this cover each other; their places are numbered.
MOST_NAMES = 40
# Inches: of a value with its name or without, and of the picture at least and at most.
NAMED_WIDTH, POINT_WIDTH, LEAST_WIDTH, MOST_WIDTH = 0.24, 0.05, 8, 14


def plot_each(fits, baselines=(), path=None, axes=None):
    """Draw the loss of the best network of each value of a group, sorted, beside those of simple models.

    The best network of a value, for example of a subject, is that of the lowest validation loss (training loss where
    nothing validates); its other networks are small grey points. Losses are those of the test sequences, or of
    validation or training sequences where none tests. The legend says for how many values a simple model is worse.

    Parameters
    ----------
    fits : Fits
        Of train_many(..., each=NAME).
    baselines : dict
        {name: losses (G, 3)} of the values in sorted order, as baselines_of_each returns them.
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
        In one line, for fits without groups, losses of another number of values, if no loss is finite, without
        matplotlib, for an unknown ending, or for both a path and axes.
    OSError
        If the file cannot be written.
    """
    fits = as_fits(fits)
    if not isinstance(baselines, dict) and len(baselines):
        raise TypeError(f"baselines: got {type(baselines).__name__}, expected {{name: losses (values, 3)}}")
    if len(fits.groups) != 1:
        raise ValueError('fits: have no groups, expected those of train_many(..., each="subject")')
    values, which, best, of_best = best_networks(fits)
    (group,) = fits.groups
    role = max((n for n in range(3) if np.isfinite(of_best[:, n]).any()), default=None)
    if role is None:
        raise ValueError("fits: no loss is finite, expected networks that did not diverge")
    losses = of_best[:, role]
    order = np.argsort(losses, kind="stable")
    order = order[np.isfinite(losses[order])]
    others = {name: _losses_of(name, each, len(values))[:, role] for name, each in dict(baselines).items()}
    named = len(order) <= MOST_NAMES
    width = float(np.clip((NAMED_WIDTH if named else POINT_WIDTH) * len(order) + 1.5, LEAST_WIDTH, MOST_WIDTH))
    picture = Picture(path, axes, size=(width, 4.5))
    (axes,) = picture.axes
    places = np.arange(len(order))
    line = {"color": BLACK, "marker": "o", "markersize": 4.5, "linewidth": 1, "zorder": 3}
    axes.plot(places, losses[order], label="best network", **line)
    rest = np.flatnonzero(~np.isin(np.arange(len(fits)), best) & np.isfinite(fits.loss[:, role]))
    at = np.full(len(values), -1)
    at[order] = places
    rest = rest[at[which[rest]] >= 0]
    if len(rest):
        grey = {"s": 7, "color": "0.7", "linewidths": 0, "label": "its other seeds and options"}
        axes.scatter(at[which[rest]], fits.loss[rest, role], **grey)
    for n, (name, each) in enumerate(others.items()):
        both = np.isfinite(each[order])
        lower = int((losses[order] < each[order])[both].sum())
        label = f"{name}, worse for {lower:,} of {int(both.sum()):,}"
        look = {"color": [colour for colour in COLOURS if colour != BLACK][n % 7], "marker": MARKERS[1 + n % 7]}
        axes.plot(places[both], each[order][both], linestyle="none", markersize=4.5, alpha=0.85, label=label, **look)
    if named:
        labels = [short_name(values[n], LONGEST_LABEL) for n in order]
        axes.set_xticks(places, labels, rotation=90, fontsize="small", parse_math=False)
    axes.set_xlim(-0.7, len(order) - 0.3)
    axes.set_xlabel(group if named else f"{group}, sorted by the network's loss")
    axes.set_ylabel(f"{Roles._fields[role]} loss per step")
    text = f"{type(fits.cell).__name__}, the best network of each of {counted(len(order), 'value')} of {group}"
    picture.legend(axes, after_data(fits, text))
    picture.finish()
    return axes


def _losses_of(name, losses, count):
    losses = np.asarray(losses, float)
    if losses.shape != (count, 3):
        raise ValueError(f"baselines: {name} has shape {losses.shape}, expected ({count}, 3), a row for each value")
    return losses
