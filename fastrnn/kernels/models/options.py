"""Terms of training that cost something in every update, chosen by type; none of these types holds any value.

A caller by address hands over None for each of them, so that it need not be compiled for every choice.
"""

from typing import NamedTuple


class Plain(NamedTuple):
    """Without the term."""


class Penalised(NamedTuple):
    """With the saturation penalty, weighed by the row `saturation`."""


class Shrinking(NamedTuple):
    """With weight decay and L1, weighed by the rows `decay` and `l1`."""
