"""Predicted probabilities against observed shares."""

import numpy as np

from fastrnn.drawing import MARKERS, Picture, look, title_of_fits
from fastrnn.training.sequences.one import as_fits


def plot_calibration(found, path=None, axes=None, title=None):
    """Draw the share of ones against the predicted probability, with standard errors.

    Right probabilities lie on the diagonal.

    Parameters
    ----------
    found : Calibration or dict
        One Calibration, or {name: Calibration}.
    path : str or None
        A file to write, ending in .png, .svg, .pdf or another format of matplotlib.
    axes : matplotlib Axes or None
        Where to draw; None: in a figure of its own.
    title : Fit, Fits, str or None
        The model whose predictions these are, or a text.

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
    picture = Picture(path, axes, size=(4.5, 4.5))
    (axes,) = picture.axes
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, zorder=1)
    named = found if isinstance(found, dict) else {None: found}
    for n, (name, each) in enumerate(named.items()):
        colour, dashes = look(n)
        error = np.sqrt(each.observed * (1 - each.observed) / each.steps)
        axes.errorbar(
            each.predicted,
            each.observed,
            error,
            color=colour,
            linestyle=dashes,
            marker=MARKERS[n % len(MARKERS)],
            markersize=4,
            capsize=2,
            label=name and f"{name}, error {each.error:.3f}",
        )
    lines = [title if title is None or isinstance(title, str) else title_of_fits(as_fits(title))]
    if not isinstance(found, dict):
        lines.append(f"expected calibration error {found.error:.3f}")
    else:
        axes.legend(frameon=False, fontsize="small")
    # A title of the user may have formulas, names of data have none.
    axes.set_title("\n".join(filter(None, lines)), fontsize="medium", parse_math=isinstance(title, str))
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_aspect("equal")
    axes.set_xlabel("predicted probability")
    axes.set_ylabel("share of ones")
    picture.finish()
    return axes
