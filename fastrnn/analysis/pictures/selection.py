"""Test loss against the number of hidden units."""

import numpy as np

from fastrnn.drawing import BLACK, COLOURS, LINES, SKY, Picture, after_data
from fastrnn.wording import counted


def plot_selection(selection, baselines=(), path=None, axes=None):
    """Draw the test loss of each hidden size: a thin line for each outer fold, and the mean with its standard error.

    Parameters
    ----------
    selection : Selection or dict
        What cross_validate returned; or {name: Selection}, for example one for each subject, with one line each.
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
    picture = Picture(path, axes)
    (axes,) = picture.axes
    lines, sizes, mean, error, unit = _lines(selection)
    one = next(iter(selection.values())) if isinstance(selection, dict) else selection
    # A line of one size would not be seen.
    thin = {"color": SKY, "linewidth": 0.9, "zorder": 1.5, "marker": "." if len(sizes) == 1 else None}
    for n, losses in enumerate(lines.values()):
        axes.plot(sizes, losses, label=f"one {unit}" if n == 0 else None, **thin)
    axes.errorbar(
        sizes,
        mean,
        error,
        color=BLACK,
        linewidth=2,
        marker="o",
        markersize=5,
        capsize=3,
        zorder=3,
        label=f"mean over {len(lines)} {unit}s, standard error",
    )
    named = baselines if isinstance(baselines, dict) else {each.name: each.test_loss for each in baselines}
    for n, (name, loss) in enumerate(named.items()):
        colour, dashes = (*[each for each in COLOURS if each not in (BLACK, SKY)],)[n % 6], LINES[1 + n % 3]
        axes.axhline(loss, color=colour, linestyle=dashes, linewidth=1.4, label=name)
    if len(sizes) > 1:
        axes.set_xscale("log")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("hidden units")
    axes.set_ylabel("test loss per step")
    cell, seeds = type(one.fits.cell).__name__, counted(len(set(one.fits.seeds.tolist())), "seed")
    picture.legend(axes, after_data(one.fits, f"{cell}, {one.outer.max() + 1} outer folds, {seeds}"))
    picture.finish()
    return axes


def _lines(selection):
    """Return ({name: losses by size}, sizes, mean, standard error, the word for a line)."""
    if not isinstance(selection, dict):
        table, summary = selection.chosen(), selection.summary()
        wide = table.pivot(index="outer", columns="hidden_size", values="test_loss")
        return (
            dict(zip(wide.index, wide.to_numpy())),
            wide.columns.tolist(),
            summary.test_loss.to_numpy(),
            summary.error.to_numpy(),
            "outer fold",
        )
    summaries = {name: each.summary().set_index("hidden_size").test_loss for name, each in selection.items()}
    sizes = sorted(set.union(*(set(losses.index) for losses in summaries.values())))
    lines = {name: losses.reindex(sizes).to_numpy() for name, losses in summaries.items()}
    values = np.array(list(lines.values()))
    counts = np.isfinite(values).sum(0)
    error = np.nanstd(values, 0, ddof=1) / np.sqrt(counts) if len(values) > 1 else np.full(len(sizes), np.nan)
    return lines, sizes, np.nanmean(values, 0), error, "subject"
