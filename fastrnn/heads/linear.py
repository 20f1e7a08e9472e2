"""Real outputs: o = z, with the mean squared error, or the error-to-signal ratio of sound.

    squared: sum_o (z_o - y_o)^2 / O      esr: sum (H z - H y)^2 / sum (H y)^2, over all counted steps and outputs

H is the pre-emphasis filter (H y)[t] = y[t] - c y[t - 1], without the second term where the step before does not count
or is none, as at the border of a piece that is trained with `carry`. A. Wright, E.-P. Damskaegg and V. Valimaki,
"Real-time black-box modelling with recurrent neural networks", DAFx 2019, where c is 0.85.
"""

from dataclasses import dataclass

from fastrnn.arguments import as_number, set_checked, shown
from fastrnn.formula import greater, where
from fastrnn.heads.base import Head

REAL_LOSSES = ("squared", "esr")


@dataclass(frozen=True)
class Linear(Head):
    """Real numbers; a prediction counts as correct within `tolerance` of each target.

    measure: "squared" or "esr", the error-to-signal ratio; pre_emphasis: the c of its filter, 0 for none.
    Raises ValueError for another measure, TypeError or ValueError for a tolerance that is no finite number of at least
    0, and for a pre_emphasis that is not from 0 to below 1.
    """

    measure: str = "squared"
    tolerance: float = 0.5
    pre_emphasis: float = 0.85

    name = "linear"
    targets = "reals"

    def __post_init__(self):
        if self.measure not in REAL_LOSSES:
            raise ValueError(f"measure: got {shown(self.measure)}, expected one of {', '.join(REAL_LOSSES)}")
        # Floats of Python: files store no others.
        set_checked(self, ["tolerance"], as_number)
        set_checked(self, ["pre_emphasis"], as_number, (expected := "a number of at least 0 and below 1"))
        if self.pre_emphasis >= 1:
            raise ValueError(f"pre_emphasis: got {shown(self.pre_emphasis)}, expected {expected}")

    @property
    def relative(self):
        """Whether the loss is divided by the energy of the filtered targets."""
        return self.measure == "esr"

    @property
    def emphasis(self):
        """The share of the previous step's error that the loss subtracts."""
        return self.pre_emphasis if self.relative else 0.0

    def loss(self, z, y):
        """Return the mean over outputs of the squared errors."""
        terms = [(a - b) ** 2 for a, b in zip(z, y)]
        return sum(terms[1:], terms[0]) * (1 / len(terms))

    def correct(self, z, y):
        """Return 1 where every output lies within the tolerance."""
        right = None
        for a, b in zip(z, y):
            near = where(greater((a - b) ** 2, self.tolerance**2), 0.0, 1.0)
            right = near if right is None else right * near
        return right

    def prediction(self, z):
        """Return the outputs unchanged."""
        return z
