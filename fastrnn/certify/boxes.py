"""Boxes of hidden states, pushed through a network in interval arithmetic with outward rounding.

Products are in centre-radius form, W [c - r, c + r] within W c +- |W| r, which is two ordinary matrix products
(S. M. Rump, "Fast and parallel interval arithmetic", BIT 39, 1999); all rounding errors, the kernels' and
NumPy's, go into the radius by a bound made beforehand, so that no rounding mode need be set.
"""

import numpy as np

from fastrnn.certify.rounding import LARGEST, UNDERFLOW, Rounding, own


class Boxes:
    """A network h_t = f(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh), z_t = W_ho h_t + b_o on boxes: arrays (N, H), float64,
    of lower and upper ends. The cell's interval extension is f."""

    def __init__(self, model, automaton):
        weights = {name: weight.astype(np.float64) for name, weight in model.weights.items()}
        hidden, outputs = model.hidden_size, model.output_size
        biases = [weights.get(name, np.zeros(hidden)) for name in ("b_ih", "b_hh")]
        self.cell, self.rounding = model.cell, Rounding.of(model)
        terms = model.input_size + hidden + 2
        extra, self.slack = own(terms)
        self.gamma_pre, self.gamma_out = self.rounding.gamma_pre + extra, self.rounding.gamma_out + extra
        # NumPy's own products underflow as well.
        self.underflow = 2 * (self.rounding.underflow + terms * UNDERFLOW["float64"])
        self.largest_weight, self.limit = (
            max(np.abs(weight).max() for weight in weights.values()),
            LARGEST[str(model.dtype)],
        )
        self.w_hh, self.abs_hh = (
            np.ascontiguousarray(weights["w_hh"].T),
            np.ascontiguousarray(np.abs(weights["w_hh"]).T),
        )
        self.w_ho, self.abs_ho = (
            np.ascontiguousarray(weights["w_ho"].T),
            np.ascontiguousarray(np.abs(weights["w_ho"]).T),
        )
        self.out = weights.get("b_o", np.zeros(outputs))
        self.out_error = self.gamma_out * np.abs(self.out)
        # What each symbol adds to the pre-activations (S, H), and its share of the errors.
        given = automaton.inputs @ weights["w_ih"].T + sum(biases)
        size = automaton.inputs @ np.abs(weights["w_ih"]).T + sum(np.abs(b) for b in biases)
        error = np.nextafter(self.slack * (self.gamma_pre * size), np.inf)
        self.given_low, self.given_high, self.given_size = given - error, given + error, size.max(axis=0)

    def _spread(self, low, high, weight, absolute, share):
        """(centre, radius) of the product of boxes with a weight, errors included."""
        centre, far = 0.5 * (low + high), np.maximum(np.abs(low), np.abs(high))
        # The true distance of either end, whatever the rounding of the centre: half an ulp more is in the slack.
        radius = np.maximum(high - centre, centre - low) + share * far
        return centre @ weight, self.slack * (radius @ absolute + self._lost(far))

    def _lost(self, far):
        """What underflow may take from a sum, for states up to `far` (N, H): (N, 1)."""
        return self.underflow * (3 + self.largest_weight + far.max(axis=1, keepdims=True))

    def magnitudes(self, low, high):
        """(N): the largest sum of magnitudes in a step from each box, of the pre-activations or the logits."""
        far = np.maximum(np.abs(low), np.abs(high))
        sums = (far @ self.abs_hh + self.given_size).max(axis=1), (far @ self.abs_ho + np.abs(self.out)).max(axis=1)
        return self.slack * np.maximum(*sums)

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
        return self.cell.interval_activate(
            np.nextafter(low, -np.inf), np.nextafter(high, np.inf), self.rounding.activation
        )

    def margins(self, low, high, labels):
        """(N): how far the logits of each box lie on the right side of zero, at least; labels (N, O) of +1 and -1, or 0."""
        centre, radius = self._spread(low, high, self.w_ho, self.abs_ho, self.gamma_out)
        radius = self.slack * (radius + self.out_error)
        least = np.nextafter((labels * (centre + self.out) - radius).min(axis=1), -np.inf)
        # Nothing is asked of the node before the first step.
        return np.where(labels[:, 0] == 0, np.inf, least)
