"""Pictures of training. matplotlib is needed, and imported, only here and only when something is drawn."""

import os

from fastrnn.files import write_atomically
from fastrnn.program import install


def plot_history(history, path):
    """Draw loss (logarithmic) and accuracies against samples into `path`, a .png, .pdf, .svg or other picture.

    history: a History. Returns None. Raises ValueError, in one line, without matplotlib, for an ending that it
    cannot write, or an empty history; OSError if the file cannot be written. An existing file is replaced.
    """
    ending = check_format(path)
    if not len(history.samples):
        raise ValueError("plot: the history is empty; nothing to draw")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    # A Figure of its own, not pyplot: no window system, no state shared with the user's own plots.
    figure = Figure(figsize=(7, 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    losses, accuracies = figure.subplots(2, 1, sharex=True)
    losses.plot(history.samples, history.loss, color="black", linestyle="-")
    if (history.loss > 0).any():
        losses.set_yscale("log")
    losses.set_ylabel("loss per sample")
    losses.set_title("Training")
    accuracies.plot(history.samples, history.bit_accuracy, color="0.45", linestyle="--", label="bits right")
    accuracies.plot(history.samples, history.exact_accuracy, color="black", linestyle="-", label="whole answers right")
    accuracies.set_ylim(-0.03, 1.03)
    accuracies.yaxis.set_major_formatter(PercentFormatter(1))
    accuracies.set_ylabel("accuracy")
    accuracies.set_xlabel("training samples")
    accuracies.xaxis.set_major_formatter(lambda value, position: f"{value:,.0f}")
    accuracies.legend(loc="best", frameon=False)
    for axes in (losses, accuracies):
        axes.grid(color="0.9")
        axes.spines[["top", "right"]].set_visible(False)
    write_atomically(path, lambda file: figure.savefig(file, format=ending, dpi=150))


def check_format(path):
    """The picture format of a file's ending, as matplotlib names it.

    Raises ValueError, in one line, without matplotlib or for an ending that it cannot write.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ValueError(f"plot: matplotlib is missing ({error}): {install('matplotlib')}") from error
    known = Figure().canvas.get_supported_filetypes()
    ending = os.path.splitext(os.fspath(path))[1].lower().removeprefix(".")
    if ending not in known:
        raise ValueError(f"plot: got {os.fspath(path)!r}, expected an ending of {', '.join(sorted(known))}")
    return ending


def plot_generalization(found, path):
    """Draw the share of right answers and bits, and the smallest |logit|, against the width into `path`.

    found: a Generalization. Returns None; raises as `plot_history`. An existing file is replaced.
    """
    ending = check_format(path)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    figure = Figure(figsize=(8, 9), layout="constrained")
    FigureCanvasAgg(figure)
    answers, bits, margins = panels = figure.subplots(3, 1, sharex=True)
    # Told apart without colour: by marker, by dashes, by shade; and in one place each, side by side, where all are right.
    styles = [("o", "-", "black"), ("s", "--", "0.35"), ("^", ":", "black"), ("x", "-.", "0.35"), ("D", "-", "0.6"),
              ("v", "--", "black"), ("+", ":", "0.35"), ("*", "-.", "black"), ("<", "-", "0.35"), (">", "--", "0.6")]
    widths = list(found.tallies)
    for place, family in enumerate(found.families):
        marker, dashes, shade = styles[place % len(styles)]
        tallies = [found.tallies[width].get(family) for width in widths]
        known = [(width, tally) for width, tally in zip(widths, tallies) if tally]
        style = {
            "marker": marker,
            "linestyle": dashes,
            "color": shade,
            "markersize": 5,
            "linewidth": 1,
            "fillstyle": "none",
        }
        for axes, value in ((answers, lambda tally: tally.exact_accuracy), (bits, lambda tally: tally.bit_accuracy),
                            (margins, lambda tally: tally.margin)):
            axes.plot([width for width, _ in known], [value(tally) for _, tally in known], label=family, **style)
    answers.set_title(f"{found.task.name}, trained at {found.task.bits} bits")
    for axes, label in ((answers, "whole answers right"), (bits, "bits right")):
        axes.set_ylim(-0.03, 1.03)
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.set_ylabel(label)
    margins.set_yscale("log")
    margins.set_ylabel("smallest |logit|")
    margins.set_xlabel("bits")
    margins.set_xscale("log", base=2)
    margins.xaxis.set_major_formatter(lambda value, position: f"{value:,.0f}")
    for axes in panels:
        axes.grid(color="0.9")
        axes.spines[["top", "right"]].set_visible(False)
        axes.axvline(found.task.bits, color="0.75", linewidth=3, zorder=0)
    figure.legend(*answers.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    write_atomically(path, lambda file: figure.savefig(file, format=ending, dpi=150))
