"""A model's weights in float64, for each pre-activation of its cell's formula."""

import numpy as np

from fastrnn.kernels.recurrent.layout import gates_of


class Weights:
    """The parts of each pre-activation: pre = w_x x + b + w_h h; w_h is missing where the state does not reach.

    step: the cell's Step; hidden; w_x {symbol: (H, I)}, w_h {symbol: (H, H)}, b {symbol: (H)}, and size {symbol: (H)},
    the magnitudes of both biases; operand: symbols of those whose w_h multiplies the operand in place of h; vectors
    {symbol: (H)}; w_ho (O, H), b_o (O).
    """

    def __init__(self, model):
        cell, self.step, self.hidden = model.cell, model.cell.traced(), model.hidden_size
        named = {name: weight.astype(np.float64) for name, weight in model.weights.items()}
        pre, first_h = self.step.pre, len(self.step.pre) - self.step.from_h
        self.operand = pre[: self.step.from_operand]
        # Those that the input reaches, and those that the state or the operand does, as gates_of numbers them.
        numbered = pre[: self.step.from_x], (*pre[first_h:], *self.operand)
        self.w_x, self.w_h, self.b, self.size = {}, {}, {}, {}
        for places, symbols, weight, bias, into in zip(
            gates_of(cell, self.step), numbered, ("w_ih", "w_hh"), ("b_ih", "b_hh"), (self.w_x, self.w_h)
        ):
            for gate, place in enumerate(places):
                rows, symbol = slice(gate * self.hidden, (gate + 1) * self.hidden), symbols[place]
                into[symbol] = named[weight][rows]
                own = named[bias][rows] if bias in named else np.zeros(self.hidden)
                self.b[symbol] = self.b.get(symbol, 0.0) + own
                self.size[symbol] = self.size.get(symbol, 0.0) + np.abs(own)
        self.vectors = {symbol: named[name] for symbol, name in zip(self.step.vectors, cell.vectors)}
        self.w_ho, self.b_o = named["w_ho"], named.get("b_o", np.zeros(model.output_size))
        self.largest = max(np.abs(weight).max(initial=0) for weight in named.values())
