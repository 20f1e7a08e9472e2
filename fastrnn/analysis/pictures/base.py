"""What all pictures have in common: colours, axes, files. matplotlib is imported only when something is drawn."""

from fastrnn.files import write_atomically
from fastrnn.plots import check_format

# M. Okabe and K. Ito, "Color Universal Design" (2008): told apart by everybody, whatever colours they see.
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


def look(number):
    """(colour, dashes) of the line with this number."""
    return COLOURS[number % len(COLOURS)], LINES[number // len(COLOURS) % len(LINES)]


class Picture:
    """Axes to draw into: those given, or `panels` new ones, which are written to `path` at the end.

    Raises ValueError, in one line, without matplotlib, for an ending that it cannot write, for both a path and axes,
    and for another number of axes than there are panels.
    """

    def __init__(self, path, axes, panels=1, size=(5.5, 4)):
        if path is not None and axes is not None:
            raise ValueError("path: got axes, too; save the figure that they belong to")
        self.path, self.ending = path, check_format(path or "picture.png")
        if axes is None:
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure

            # A Figure of its own, not pyplot: no window system, no state shared with the user's own pictures.
            columns = min(panels, 4)
            rows = -(-panels // columns)
            figure = Figure(figsize=(size[0] * columns, size[1] * rows), layout="constrained")
            FigureCanvasAgg(figure)
            grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
            for unused in grid.flat[panels:]:
                unused.remove()
            self.axes = list(grid.flat[:panels])
        else:
            self.axes = list(getattr(axes, "flat", axes if isinstance(axes, (list, tuple)) else [axes]))
            if len(self.axes) != panels:
                raise ValueError(f"axes: got {len(self.axes)}, expected {panels}")

    def legend(self, axes):
        """A legend above the axes, where no line is."""
        axes.legend(frameon=False, fontsize="small", loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)

    def finish(self):
        """Take away what distracts, and write the file."""
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
                figure = self.axes[0].figure
                write_atomically(self.path, lambda file: figure.savefig(file, format=self.ending, dpi=150, **options))
