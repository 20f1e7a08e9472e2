"""Helpers of all pictures: colours, titles, axes, files. matplotlib is imported only when something is drawn."""

import os

from fastrnn.errors import printable
from fastrnn.files import write_atomically
from fastrnn.program import install

# M. Okabe and K. Ito, "Color Universal Design" (2008): everybody can distinguish them, with any kind of colour vision.
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
# Yellow last: on white it is hard to see.
COLOURS = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, BLACK, YELLOW)
LINES = ("-", "--", "-.", ":")
MARKERS = "osD^vPX*"
# Characters of a name in a title, beside which axes keep their place.
LONGEST_NAME = 60


def look(number):
    """Return (colour, dashes) of the line with this number."""
    return COLOURS[number % len(COLOURS)], LINES[number // len(COLOURS) % len(LINES)]


def check_format(path):
    """Return the picture format of a file's ending, by matplotlib's name.

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


def title_of(model):
    """Return `Addition, 8 bits: Elman network with 16 units, seed 0`: the task, the network and the seed of a Model."""
    seed = model.metadata.get("config", {}).get("seed")
    task = "Own data" if model.task is None else model.task.described().capitalize()
    return f"{task}: {model.cell.described()}" + (f", seed {seed}" if seed is not None else "")


def title_of_fits(fits):
    """Return `choices: GRU network with 2 units, s1, seed 5`: the name of the data, if they have one, the network, the
    value of a group if it was fitted to one, and the seed of Fits; of several `choices: GRU, 1 to 4 units, 12 models`.
    """
    if len(fits) == 1:
        own = "".join(f", {short_name(values[0])}" for values in fits.groups.values())
        return after_data(fits, f"{fits.cell.described()}{own}, seed {fits.seeds[0]}")
    sizes = sorted({int(fits.hidden_size.min()), int(fits.hidden_size.max())})
    units = f"{' to '.join(map(str, sizes))} unit{'s' * (sizes != [1])}"
    return after_data(fits, f"{type(fits.cell).__name__}, {units}, {len(fits):,} models")


def after_data(fits, text):
    """Return `choices: ` and a text, or the text alone where the data have no name; names may come from any file."""
    return f"{short_name(fits.data_name)}: {text}" if fits.data_name else text


def short_name(name, most=LONGEST_NAME):
    """Return a name for a picture: printable, and its beginning if it has more characters than `most`."""
    name = printable(str(name))
    return name if len(name) <= most else f"{name[: most - 3]}..."


class Picture:
    """Axes to draw into: the given ones, or `panels` new ones, which are written to `path` at the end.

    size: of a panel, in inches; columns: panels next to each other, at most; share_x, share_y: whether all have
    one axis of this direction. Raises ValueError, in one line, without matplotlib, for an ending that it cannot write,
    for both a path and axes, and for another number of axes than there are panels.
    """

    def __init__(self, path, axes, panels=1, size=(5.5, 4), columns=4, share_x=True, share_y=True):
        if path is not None and axes is not None:
            raise ValueError("path: got axes, too; save the figure that they belong to")
        self.path, self.ending = path, check_format(path or "picture.png")
        if axes is None:
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure

            # A Figure of its own, not pyplot: no window system, no state shared with the user's own pictures.
            columns = min(panels, columns)
            rows = -(-panels // columns)
            figure = Figure(figsize=(size[0] * columns, size[1] * rows), layout="constrained")
            FigureCanvasAgg(figure)
            grid = figure.subplots(rows, columns, squeeze=False, sharex=share_x, sharey=share_y)
            for unused in grid.flat[panels:]:
                unused.remove()
            self.axes = list(grid.flat[:panels])
        else:
            self.axes = list(getattr(axes, "flat", axes if isinstance(axes, (list, tuple)) else [axes]))
            if len(self.axes) != panels:
                raise ValueError(f"axes: got {len(self.axes)}, expected {panels}")

    def legend(self, axes, title=None):
        """Put a legend above the axes, where it covers no line, and a title above it."""
        above = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "ncols": 2}
        legend = axes.legend(frameon=False, fontsize="small", title=title, title_fontsize="medium", **above)
        # Names of data may have dollars, and are no formulas.
        legend.get_title().set_parse_math(False)

    @property
    def figure(self):
        """The Figure that the axes belong to."""
        return self.axes[0].figure

    def finish(self):
        """Draw grid lines, remove the upper and right frame, and write the file."""
        from matplotlib import rc_context

        for axes in self.axes:
            axes.grid(color="0.92")
            axes.set_axisbelow(True)
            axes.spines[["top", "right"]].set_visible(False)
        if self.path is not None:
            # Equal pictures are equal bytes.
            date = {"svg": "Date", "pdf": "CreationDate"}.get(self.ending)
            options = {"metadata": {date: None}} if date else {}
            with rc_context({"svg.hashsalt": "fastrnn"}):
                write_atomically(
                    self.path, lambda file: self.figure.savefig(file, format=self.ending, dpi=150, **options)
                )
