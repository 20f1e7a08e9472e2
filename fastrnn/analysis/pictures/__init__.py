"""Pictures of fits. Each function draws into `axes`, or into a new figure, and writes it to `path` if one is given."""

from fastrnn.analysis.pictures.calibration import plot_calibration
from fastrnn.analysis.pictures.curves import plot_learning_curves
from fastrnn.analysis.pictures.each import plot_each
from fastrnn.analysis.pictures.portrait import plot_field, plot_portrait
from fastrnn.analysis.pictures.selection import plot_selection

__all__ = ["plot_calibration", "plot_each", "plot_field", "plot_learning_curves", "plot_portrait", "plot_selection"]
