"""Boxes of hidden states, pushed through a network in interval arithmetic with outward rounding.

Products are in centre-radius form, W [c - r, c + r] within W c +- |W| r, which is two ordinary matrix products
(S. M. Rump, "Fast and parallel interval arithmetic", BIT 39, 1999); all rounding errors, the kernels' and
NumPy's, go into the radius by a bound made beforehand, so that no rounding mode need be set.
"""

import numpy as np

from fastrnn.certify.rounding import LARGEST, Rounding, own


class Boxes:
    """A network h_t = f(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh), z_t = W_ho h_t + b_o on boxes: arrays (N, H), float64,
    of lower and upper ends. The cell's interval extension is f."""

    def __init__(self, model, automaton):
        weights = {name: weight.astype(np.float64) for name, weight in model.weights.items()}
        hidden, outputs = model.hidden_size, model.output_size
        biases = [weights.get(name, np.zeros(hidden)) for name in ("b_ih", "b_hh")]
        self.cell, self.rounding = model.cell, Rounding.of(model)
        extra, self.slack = own(model.input_size + hidden + 2)
        self.gamma_pre, self.gamma_out = self.rounding.gamma_pre + extra, self.rounding.gamma_out + extra
        self.w_hh, self.abs_hh = np.ascontiguousarray(weights["w_hh"].T), np.ascontiguousarray(np.abs(weights["w_hh"]).T)
        self.w_ho, self.abs_ho = np.ascontiguousarray(weights["w_ho"].T), np.ascontiguousarray(np.abs(weights["w_ho"]).T)
        b_o = weights.get("b_o", np.zeros(outputs))
        self.out, self.out_error = b_o, self.gamma_out * np.abs(b_o)
        # What each symbol adds to the pre-activations (S, H), and its share of the errors.
        given = automaton.inputs @ weights["w_ih"].T + sum(biases)
        size = automaton.inputs @ np.abs(weights["w_ih"]).T + sum(np.abs(b) for b in biases)
        error = np.nextafter(self.slack * (self.gamma_pre * size + self.rounding.underflow), np.inf)
        self.given_low, self.given_high = given - error, given + error
        if not max(size.max(), self.abs_hh.sum(0).max(), np.abs(b_o).max(), self.abs_ho.max()) < LARGEST:
            raise ValueError(f"certify: weights add up to more than {LARGEST}; sums could overflow")

    def _spread(self, low, high, weight, absolute, share):
        """(centre, radius) of the product of boxes with a weight, errors included."""
        centre = 0.5 * (low + high)
        # The true distance of either end, whatever the rounding of the centre: half an ulp more is in the slack.
        radius = np.maximum(high - centre, centre - low) + share * np.maximum(np.abs(low), np.abs(high))
        return centre @ weight, self.slack * (radius @ absolute)

    def fed(self, low, high):
        """Bounds of the recurrent part of the pre-activations, W_hh h."""
        centre, radius = self._spread(low, high, self.w_hh, self.abs_hh, self.gamma_pre)
        return np.nextafter(centre - radius, -np.inf), np.nextafter(centre + radius, np.inf)

    def step(self, fed_low, fed_high, symbols=None):
        """Boxes after one more input: of every symbol (N, S, H), or of symbols (N) one for each box (N, H)."""
        if symbols is None:
            low, high = fed_low[:, None] + self.given_low, fed_high[:, None] + self.given_high
        else:
            low, high = fed_low + self.given_low[symbols], fed_high + self.given_high[symbols]
        return self.cell.interval_activate(np.nextafter(low, -np.inf), np.nextafter(high, np.inf), self.rounding.activation)

    def margins(self, low, high, labels):
        """(N): how far the logits of each box lie on the right side of zero, at least; labels (N, O) of +1 and -1, or 0."""
        centre, radius = self._spread(low, high, self.w_ho, self.abs_ho, self.gamma_out)
        radius = self.slack * (radius + self.out_error + self.rounding.underflow)
        least = np.nextafter((labels * (centre + self.out) - radius).min(axis=1), -np.inf)
        # Nothing is asked of the node before the first step.
        return np.where(labels[:, 0] == 0, np.inf, least)
