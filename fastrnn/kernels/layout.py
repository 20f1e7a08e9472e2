"""Where each weight lives: all of a network in one array of vectors, `theta` of shape (rows, lanes).

A vector (row) runs over the hidden units that receive (w_ih, w_hh, biases) or feed the output (w_ho);
a panel is `lanes` neighbouring hidden units. With P panels, rows follow each other as

    w_hh (P, K)    w_ih (P, I)    b_ih (P)    b_hh (P)    w_ho (P, O)    b_o (O, in lane 0)

with K = H rounded up to whole tiles, so that the optimizer sees one flat array whatever the cell, and a register tile
over k, i or o reads neighbouring rows. Lanes and rows past the last hidden unit are dead: zero, and held at zero by
`live`.
"""

from typing import NamedTuple

from fastrnn.kernels.tiles import UNIT


class Layout(NamedTuple):
    """Panels, rows of w_hh in each, first row of each weight, rows in all."""

    panels: int
    hidden: int
    w_hh: int
    w_ih: int
    b_ih: int
    b_hh: int
    w_ho: int
    b_o: int
    count: int


def layout_of(cell, lanes):
    """The layout of a cell with `lanes` elements a vector."""
    inputs, hidden, outputs = cell.input_size, cell.hidden_size, cell.output_size
    panels = -(-hidden // lanes)
    rows = -(-hidden // UNIT) * UNIT
    w_ih = panels * rows
    b_ih = w_ih + panels * inputs
    b_hh = b_ih + panels
    w_ho = b_hh + panels
    b_o = w_ho + panels * outputs
    return Layout(panels, rows, 0, w_ih, b_ih, b_hh, w_ho, b_o, b_o + outputs)
