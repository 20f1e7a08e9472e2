"""Draws a sweep: how a setting, such as the number of hidden units, influences convergence."""

import numpy as np

from fastrnn.drawing import COLOURS, LINES, MARKERS, Picture, check_format
from fastrnn.sweeps.grid import AXES
from fastrnn.wording import counted

LABELS = {
    "hidden_size": "hidden units",
    "activation": "activation",
    "learning_rate": "learning rate",
    "batch_size": "batch size",
    "bits": "bits of the sum",
}


def draw_table(table, path=None, axes=None):
    """Draw the share of exact models and the samples to exactness of a Table.

    Across: hidden units if they vary, else the first axis that does; one line for each combination of the others.
    Above: the share, and its 95 % interval as a band. Below: median and quartiles of the samples, models that never
    became exact counted as the slowest; a quartile that is never reached is an arrow upward.
    path: a .png, .svg, .pdf or other picture, which is replaced if it exists; axes: two of matplotlib's, or None for a
    figure of their own. Returns the axes. Raises ValueError without matplotlib, for an ending that it cannot write, or
    more than 8 lines; OSError if the file cannot be written.
    """
    check_picture(path or "picture.png", table.grid)
    picture = Picture(path, axes, panels=2, size=(7, 3), columns=1, share_y=False)
    shares, samples = picture.axes
    across, lines = _lines(table)
    places = _places(shares, table, across)
    for n, (name, summaries) in enumerate(lines.items()):
        style = {"marker": MARKERS[n], "linestyle": LINES[n % len(LINES)], "color": COLOURS[n]}
        _draw_line(shares, samples, [(places[value], each) for value, each in summaries], style, name)
    _finish(shares, samples, table, LABELS[across])
    if len(lines) > 1:
        picture.legend(shares, _title(table.grid))
    else:
        shares.set_title(_title(table.grid), fontsize="medium")
    picture.finish()
    return picture.axes


def check_picture(path, grid):
    """Return the picture format of a file's ending, by matplotlib's name. Raises ValueError as `draw_table` does."""
    ending, lines = check_format(path), len(grid.points) // len(grid.along(_across(grid)))
    if lines > len(MARKERS):
        raise ValueError(
            f"plot: got {lines} lines, one for each combination of the axes other than {LABELS[_across(grid)]}, "
            f"expected at most {len(MARKERS)}; sweep over fewer values, or draw the table yourself"
        )
    return ending


def _across(grid):
    return next((axis for axis in AXES if axis in grid.varied), AXES[0])


def _lines(table):
    """Return (the axis of the grid that is horizontal, {name of a line: [(value, Summary)]})."""
    across = _across(table.grid)
    others = [axis for axis in table.grid.varied if axis != across]
    lines = {}
    for point, summary in zip(table.points, table.summaries):
        name = ", ".join(
            f"{LABELS[axis]} {point.value(axis)}" if axis != "activation" else point.value(axis) for axis in others
        )
        lines.setdefault(name, []).append((point.value(across), summary))
    return across, lines


def _places(axes, table, across):
    """Return {value: its horizontal place}; sets scale and ticks."""
    values = list(dict.fromkeys(point.value(across) for point in table.points))
    numbers = not isinstance(values[0], str)
    places = dict(zip(values, values if numbers else range(len(values))))
    if numbers:
        axes.set_xscale("log")
    axes.set_xticks(list(places.values()), [f"{value:g}" if numbers else value for value in values])
    axes.set_xticks([], minor=True)
    return places


def _draw_line(shares, samples, points, style, name):
    look = {**style, "markersize": 5, "linewidth": 1.4}
    x = [place for place, _ in points]
    # Points of several lines stand over the same tick: bands hide less than bars would.
    shares.plot(x, [summary.share for _, summary in points], label=name, **look)
    low, high = np.array([[summary.low, summary.high] for _, summary in points]).T
    shares.fill_between(x, low, high, color=look["color"], alpha=0.15, linewidth=0)
    shares.vlines(x, low, high, color=look["color"], linewidth=0.9, alpha=0.6)
    # A logarithmic axis leaves out what is not a number.
    first, median, third = (
        np.array([np.nan if getattr(summary, name) is None else getattr(summary, name) for _, summary in points])
        for name in ("first_quartile", "median", "third_quartile")
    )
    samples.plot(x, median, label=name, **look)
    samples.vlines(x, first, third, color=look["color"], linewidth=0.9)
    for quartile in (first, third):
        samples.plot(x, quartile, linestyle="", marker="_", color=look["color"], markersize=7)
    for place, start, end in zip(x, first, third):
        if np.isfinite(start) and not np.isfinite(end):
            samples.annotate(
                "",
                (place, 1),
                (place, start),
                ("data", "axes fraction"),
                "data",
                arrowprops={"arrowstyle": "->", "color": look["color"], "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0},
            )


def _title(grid):
    return f"{grid.title.capitalize()}: {type(grid.cell).__name__}, {counted(grid.seeds, 'seed')} for each point"


def _finish(shares, samples, table, label):
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, PercentFormatter

    shares.set_ylim(-0.03, 1.03)
    shares.yaxis.set_major_formatter(PercentFormatter(1))
    shares.set_ylabel("exact models, 95 % interval")
    samples.set_yscale("log")
    known = [
        value for each in table.summaries for value in (each.first_quartile, each.median, each.third_quartile) if value
    ]
    most = max(known, default=table.grid.config.max_samples)
    samples.set_ylim(min(known, default=most / 100) / 1.2, 1.5 * most)
    samples.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    samples.set_ylabel("training samples to exactness,\nmedian and quartiles")
    samples.set_xlabel(label)
    samples.yaxis.set_major_formatter(FuncFormatter(lambda value, position: f"{value:,.0f}"))
    samples.yaxis.set_minor_formatter(NullFormatter())
    if not known:
        text = f"no model became exact\nwithin {table.grid.config.max_samples:,} samples"
        samples.set_yticks([])
        samples.set_yticks([], minor=True)
        samples.text(0.5, 0.5, text, transform=samples.transAxes, ha="center", va="center")
