"""Phase portraits."""

import numpy as np

from fastrnn.drawing import Picture, look

# Points of the data that are drawn for each input: more only hide each other.
POINTS_PER_INPUT = 400


def plot_portrait(portrait, path=None, axes=None):
    """Draw the change of the logit in a step against the logit before it, in one colour for each input.

    Points are steps of the data; for one-dimensional states a line shows all other states. An input has an attracting
    fixed point where its curve crosses zero from above to below.

    Parameters
    ----------
    portrait : Portrait
        From phase_portrait.
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
    picture = Picture(path, axes)
    (axes,) = picture.axes
    axes.axhline(0, color="0.6", linewidth=1, zorder=1)
    for n, label in enumerate(portrait.labels()):
        colour, dashes = look(n)
        own = np.flatnonzero(portrait.visited["input"] == n)
        own = own[:: max(1, -(-len(own) // POINTS_PER_INPUT))]
        line = portrait.dimensions == 1
        axes.scatter(
            portrait.visited["logit"][own],
            portrait.visited["change"][own],
            s=9,
            color=colour,
            linewidths=0,
            alpha=0.6,
            label=None if line else label,
        )
        if line:
            order = np.argsort(portrait.logit)
            axes.plot(
                portrait.logit[order],
                portrait.change[n][order],
                color=colour,
                linestyle=dashes,
                linewidth=1.4,
                label=label,
            )
    axes.set_xlabel("logit")
    axes.set_ylabel("change of the logit in a step")
    picture.legend(axes, portrait.title or None)
    picture.finish()
    return axes


def plot_field(portrait, path=None, axes=None):
    """Draw the plane of two-dimensional states: an arrow for each change in a step, a panel for each input.

    Shades show the logit; the line is where it is 0.

    Parameters
    ----------
    portrait : Portrait
        From phase_portrait, with two dimensions.
    path : str or None
        A file to write, ending in .png, .svg, .pdf or another format of matplotlib.
    axes : sequence of matplotlib Axes or None
        Where to draw, one for each input; None: in a figure of its own.

    Returns
    -------
    list of matplotlib Axes

    Raises
    ------
    ValueError
        In one line, for one-dimensional states, without matplotlib, for an unknown ending, both a path and axes, or
        another number of axes than inputs.
    OSError
        If the file cannot be written.
    """
    if portrait.dimensions != 2:
        raise ValueError("portrait: has one dimension, expected two; plot_portrait draws it")
    picture = Picture(path, axes, panels=len(portrait.inputs), size=(3.4, 3.2))
    if axes is None:
        picture.figure.suptitle(portrait.title, parse_math=False)
    points = int(round(np.sqrt(len(portrait.states))))
    x, y = (portrait.states[:, d].reshape(points, points) for d in range(2))
    logit = portrait.logit.reshape(points, points)
    limit = np.abs(logit).max() or 1
    skip = max(1, points // 12)
    for n, (axes, label) in enumerate(zip(picture.axes, portrait.labels())):
        axes.contourf(x, y, logit, 16, cmap="PuOr", vmin=-1.5 * limit, vmax=1.5 * limit)
        if logit.min() < 0 < logit.max():
            axes.contour(x, y, logit, [0.0], colors="black", linewidths=0.9)
        u, v = (portrait.velocity[n, :, d].reshape(points, points)[::skip, ::skip] for d in range(2))
        axes.quiver(x[::skip, ::skip], y[::skip, ::skip], u, v, angles="xy", width=0.006)
        axes.set_title(label, fontsize="medium")
        axes.set_xlabel("unit 0")
    picture.axes[0].set_ylabel("unit 1")
    picture.finish()
    return picture.axes
