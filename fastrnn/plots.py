"""Pictures of training on tasks. matplotlib is imported only when something is drawn."""

from fastrnn.drawing import BLACK, BLUE, COLOURS, LINES, MARKERS, VERMILLION, Picture, title_of


def plot_history(run, path=None, axes=None):
    """Draw the loss, on a logarithmic axis, and the accuracies of a Run against samples.

    Parameters
    ----------
    run : Run
        The finished training.
    path : str or None
        A file to write, ending in .png, .svg, .pdf or another format of matplotlib; an existing one is replaced.
    axes : sequence of 2 matplotlib Axes, or None
        Where to draw; None: in a figure of its own.

    Returns
    -------
    list of 2 matplotlib Axes

    Raises
    ------
    ValueError
        In one line, without matplotlib, for an unknown ending, both a path and axes, or an empty history.
    OSError
        If the file cannot be written.
    """
    history, picture = run.history, Picture(path, axes, panels=2, size=(7, 2.75), columns=1, share_y=False)
    if not len(history.samples):
        raise ValueError("plot: the history is empty; nothing to draw")
    from matplotlib.ticker import PercentFormatter

    losses, accuracies = picture.axes
    losses.plot(history.samples, history.loss, color=BLACK)
    if (history.loss > 0).any():
        losses.set_yscale("log")
    losses.set_ylabel("loss per sample")
    losses.set_title(title_of(run.model), fontsize="medium")
    accuracies.plot(history.samples, history.bit_accuracy, color=VERMILLION, linestyle="--", label="bits right")
    accuracies.plot(history.samples, history.exact_accuracy, color=BLUE, linestyle="-", label="whole answers right")
    accuracies.set_ylim(-0.03, 1.03)
    accuracies.yaxis.set_major_formatter(PercentFormatter(1))
    accuracies.set_ylabel("accuracy")
    accuracies.set_xlabel("training samples")
    accuracies.xaxis.set_major_formatter(lambda value, position: f"{value:,.0f}")
    accuracies.legend(loc="best", frameon=False)
    picture.finish()
    return picture.axes


def plot_generalization(found, path=None, axes=None, title=None):
    """Draw the share of right answers and bits, and the smallest |logit|, of a Generalization against the width.

    title: by default the task's; `title_of` makes one of the model. path, axes (three) and errors as in plot_history.
    Returns the axes.
    """
    picture = Picture(path, axes, panels=3, size=(8, 3), columns=1, share_y=False)
    from matplotlib.ticker import PercentFormatter

    answers, bits, margins = picture.axes
    # Side by side in one place where all are right: markers of their own, not filled.
    widths = list(found.tallies)
    for place, family in enumerate(found.families):
        tallies = [found.tallies[width].get(family) for width in widths]
        known = [(width, tally) for width, tally in zip(widths, tallies) if tally]
        style = {
            "marker": (*MARKERS, "<", ">")[place % 10],
            "linestyle": LINES[place % len(LINES)],
            "color": COLOURS[place % len(COLOURS)],
            "markersize": 5,
            "linewidth": 1,
            "fillstyle": "none",
        }
        for each, value in ((answers, lambda tally: tally.exact_accuracy), (bits, lambda tally: tally.bit_accuracy),
                            (margins, lambda tally: tally.margin)):
            each.plot([width for width, _ in known], [value(tally) for _, tally in known], label=family, **style)
    answers.set_title(title or f"{found.task.name.capitalize()}, trained at {found.task.bits} bits", fontsize="medium")
    for each, label in ((answers, "whole answers right"), (bits, "bits right")):
        each.set_ylim(-0.03, 1.03)
        each.yaxis.set_major_formatter(PercentFormatter(1))
        each.set_ylabel(label)
    margins.set_yscale("log")
    margins.set_ylabel("smallest |logit|")
    margins.set_xlabel("bits")
    margins.set_xscale("log", base=2)
    margins.set_xticks(widths[:: 1 if len(widths) < 10 else 2])
    margins.set_xticks([], minor=True)
    margins.xaxis.set_major_formatter(lambda value, position: f"{value:,.0f}")
    for each in picture.axes:
        each.axvline(found.task.bits, color="0.75", linewidth=3, zorder=0, label="width in training")
    if axes is None:
        handles = answers.get_legend_handles_labels()
        picture.figure.legend(*handles, loc="outside lower center", ncols=4, frameon=False)
    else:
        answers.legend(frameon=False, fontsize="small")
    picture.finish()
    return picture.axes
