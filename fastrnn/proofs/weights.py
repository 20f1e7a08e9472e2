"""A model's weights in float64, for each pre-activation of its cell's formula."""

import numpy as np

from fastrnn.exchange.arrays import arrays_of


class Weights:
    """The parts of each pre-activation: pre = w_x x + b + w_h h; w_h is missing where the state does not reach.

    step: the cell's Step; hidden; w_x {symbol: (H, I)}, w_h {symbol: (H, H)}, b {symbol: (H)}, and size {symbol: (H)},
    the magnitudes of both biases; operand: symbols of those whose w_h multiplies the operand in place of h; vectors
    {symbol: (H)}; w_ho (O, H), b_o (O).
    """

    def __init__(self, model):
        self.step, self.hidden = model.cell.traced(), model.hidden_size
        pre, magnitudes = self.step.pre, {name: np.abs(weight) for name, weight in model.weights.items()}
        arrays, sizes = (arrays_of(model.cell, each, np.float64) for each in (model.weights, magnitudes))
        self.operand = pre[: self.step.from_operand]
        w_x, w_h, w_q = (map(np.ascontiguousarray, arrays[name]) for name in ("w_x", "w_h", "w_q"))
        self.w_x = dict(zip(pre, w_x))
        self.w_h = dict(zip((*pre[len(pre) - self.step.from_h :], *self.operand), (*w_h, *w_q)))
        self.b, self.size = (dict(zip(pre, each["bias"])) for each in (arrays, sizes))
        self.vectors = dict(zip(self.step.vectors, arrays["vectors"]))
        self.w_ho, self.b_o = arrays["w_o"], arrays["b_o"]
        self.largest = float(max(each.max(initial=0) for each in magnitudes.values()))
