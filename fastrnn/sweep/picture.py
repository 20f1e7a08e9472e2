"""A picture of a sweep: how a setting, such as the number of hidden units, influences convergence."""

import itertools
import os

import numpy as np

from fastrnn.files import write_atomically
from fastrnn.program import install
from fastrnn.sweep.grid import AXES

LABELS = {
    "hidden_size": "hidden units",
    "activation": "activation",
    "learning_rate": "learning rate",
    "batch_size": "batch size",
    "bits": "bits of the sum",
}
# Told apart without colour: by marker, line and shade.
_STYLES = tuple(zip("osD^vPX*", itertools.cycle(("-", "--", ":", "-.")), itertools.cycle(("black", "0.4"))))
_WIDEST_LEGEND = len(_STYLES)


def draw_table(table, path):
    """Draw the share of exact models and the samples to exactness of a Table into `path`, a .png, .pdf, .svg, ...

    Across: hidden units if they vary, else the first axis that does; one line for each combination of the others.
    Above: the share with its 95 % interval. Below: median and quartiles of the samples, models that never became
    exact counted as the slowest; a quartile that is never reached is an arrow upward.
    Returns None. Raises ValueError without matplotlib, for an ending that it cannot write, or more than 8 lines;
    OSError if the file cannot be written. An existing file is replaced.
    """
    ending = check_picture(path, table.grid)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # A Figure of its own, not pyplot: no window system, no state shared with the user's own plots.
    figure = Figure(figsize=(7, 6), layout="constrained")
    FigureCanvasAgg(figure)
    across, lines = _lines(table)
    shares, samples = figure.subplots(2, 1, sharex=True)
    places = _places(shares, table, across)
    for shift, (style, (name, summaries)) in zip(_shifts(len(lines)), zip(_STYLES, lines.items())):
        _draw_line(
            shares,
            samples,
            [
                (places[value] * shift if shares.get_xscale() == "log" else places[value] + shift - 1, each)
                for value, each in summaries
            ],
            style,
            name,
        )
    _finish(shares, samples, table, LABELS[across], len(lines) > 1)
    write_atomically(path, lambda file: figure.savefig(file, format=ending, dpi=120))


def check_picture(path, grid):
    """The picture format of a file's ending, as matplotlib names it. Raises ValueError as `draw_table` does."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ValueError(f"plot: matplotlib is missing ({error}): {install('matplotlib')}") from error
    known = Figure().canvas.get_supported_filetypes()
    ending = os.path.splitext(os.fspath(path))[1].lower().removeprefix(".")
    if ending not in known:
        raise ValueError(f"plot: got {os.fspath(path)!r}, expected an ending of {', '.join(sorted(known))}")
    lines = len(grid.points) // len(grid.along(_across(grid)))
    if lines > _WIDEST_LEGEND:
        raise ValueError(
            f"plot: got {lines} lines, one for each combination beside {LABELS[_across(grid)]}, expected at most "
            f"{_WIDEST_LEGEND}; sweep over fewer values, or draw the table yourself"
        )
    return ending


def _across(grid):
    return next((axis for axis in AXES if axis in grid.varied), AXES[0])


def _lines(table):
    """(axis that goes across, {name of a line: [(value, Summary)]})"""
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
    """{value: where it is across}; sets scale and ticks."""
    values = list(dict.fromkeys(point.value(across) for point in table.points))
    numbers = not isinstance(values[0], str)
    places = dict(zip(values, values if numbers else range(len(values))))
    if numbers:
        axes.set_xscale("log")
    axes.set_xticks(list(places.values()), [f"{value:g}" if numbers else value for value in values])
    axes.set_xticks([], minor=True)
    return places


def _shifts(count):
    """Factors that keep the bars of several lines apart."""
    return 1 + 0.03 * (np.arange(count) - (count - 1) / 2)


def _draw_line(shares, samples, points, style, name):
    marker, line, shade = style
    look = {
        "marker": marker,
        "linestyle": line,
        "color": shade,
        "markersize": 5,
        "linewidth": 1.2,
        "capsize": 3,
        "elinewidth": 0.9,
    }
    x = [place for place, _ in points]
    share = np.array([summary.share for _, summary in points])
    ends = np.array([[summary.low, summary.high] for _, summary in points]).T
    shares.errorbar(x, share, np.abs(ends - share), label=name, **look)
    # A logarithmic axis leaves out what is not a number.
    first, median, third = (
        np.array([np.nan if getattr(summary, name) is None else getattr(summary, name) for _, summary in points])
        for name in ("first_quartile", "median", "third_quartile")
    )
    samples.plot(
        x,
        median,
        label=name,
        **{option: look[option] for option in ("marker", "linestyle", "color", "markersize", "linewidth")},
    )
    samples.vlines(x, first, third, color=shade, linewidth=0.9)
    for quartile in (first, third):
        samples.plot(x, quartile, linestyle="", marker="_", color=shade, markersize=7)
    for place, start, end in zip(x, first, third):
        if np.isfinite(start) and not np.isfinite(end):
            samples.annotate(
                "",
                (place, 1),
                (place, start),
                ("data", "axes fraction"),
                "data",
                arrowprops={"arrowstyle": "->", "color": shade, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0},
            )


def _finish(shares, samples, table, label, legend):
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, PercentFormatter

    shares.set_ylim(-0.03, 1.03)
    shares.yaxis.set_major_formatter(PercentFormatter(1))
    shares.set_ylabel("exact models, 95 % interval")
    grid = table.grid
    shares.set_title(f"{grid.title}: {grid.seeds:,} seeds a point")
    samples.set_yscale("log")
    known = [
        value for each in table.summaries for value in (each.first_quartile, each.median, each.third_quartile) if value
    ]
    samples.set_ylim(min(known, default=1) / 1.2, 1.5 * max(known, default=grid.config.max_samples))
    samples.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    samples.set_ylabel("training samples to exactness,\nmedian and quartiles")
    samples.set_xlabel(label)
    samples.yaxis.set_major_formatter(FuncFormatter(lambda value, position: f"{value:,.0f}"))
    samples.yaxis.set_minor_formatter(NullFormatter())
    if legend:
        shares.legend(loc="best", frameon=False, fontsize="small")
    for axes in (shares, samples):
        axes.grid(color="0.9")
        axes.spines[["top", "right"]].set_visible(False)
