"""Boxes of states, propagated through a network in interval arithmetic with outward rounding.

Products are in centre-radius form, W [c - r, c + r] within W c +- |W| r, which is two ordinary matrix products
(S. M. Rump, "Fast and parallel interval arithmetic", BIT 39, 1999); all rounding errors, the kernels' and
NumPy's, go into the radius by a bound made beforehand, so that no rounding mode need be set. The cell's formula follows
in intervals (fastrnn.formula.intervals).
"""

import numpy as np

from fastrnn.formula.graph import ordered
from fastrnn.formula.intervals import Intervals
from fastrnn.proofs.rounding import LARGEST, UNDERFLOW, Rounding, operations, own
from fastrnn.proofs.weights import Weights


class Boxes:
    """Propagates boxes through a network: arrays (N, P H), float64, of lower and upper ends of all P parts of the
    state, h first.

    joins: whether a step depends on the state by W_hh h alone, so that boxes may be joined after this product.
    hulls: as for Intervals.
    """

    def __init__(self, model, automaton, hulls=False):
        self.rounding, self.weights, dtype = Rounding.of(model), Weights(model), str(model.dtype)
        weights, step = self.weights, self.weights.step
        self.parts, self.limit = len(step.new), LARGEST[dtype]
        terms = model.input_size + model.hidden_size + 2
        extra, self.slack = own(terms)
        self.gamma_pre, self.gamma_out = self.rounding.gamma_pre + extra, self.rounding.gamma_out + extra
        # NumPy's own products underflow as well.
        self.underflow = 2 * (self.rounding.underflow + terms * UNDERFLOW["float64"])
        self.fed_pre = [symbol for symbol in step.pre if symbol in weights.w_h and symbol not in weights.operand]
        self.w_hh = _stacked([weights.w_h[symbol] for symbol in self.fed_pre], weights.hidden)
        self.w_q = _stacked([weights.w_h[symbol] for symbol in weights.operand], weights.hidden)
        self.w_ho = _stacked([weights.w_ho], weights.hidden)
        self.out_error = self.gamma_out * np.abs(weights.b_o)
        self.farthest = np.abs(automaton.inputs).max()
        # What each symbol adds to the pre-activations (S, H), and its share of the errors.
        self.given, self.given_size = {}, {}
        for symbol in step.pre:
            w_x = weights.w_x.get(symbol, np.zeros((weights.hidden, model.input_size)))
            value = automaton.inputs @ w_x.T + weights.b[symbol]
            size = np.abs(automaton.inputs) @ np.abs(w_x).T + weights.size[symbol]
            error = np.nextafter(self.slack * (self.gamma_pre * size), np.inf)
            # Those that the state does not reach lose to underflow here, the others in their product.
            error = error if symbol in weights.w_h else error + self._lost(np.zeros((1, 1)))
            self.given[symbol] = np.nextafter(value - error, -np.inf), np.nextafter(value + error, np.inf)
            self.given_size[symbol] = size.max(axis=0)
        self.vectors = {symbol: (value, value) for symbol, value in weights.vectors.items()}
        self.formula = Intervals(step.new, self.rounding.operations, hulls)
        self.operand = step.operand and Intervals([step.operand.node], self.rounding.operations)
        self.work = max(self.formula.work + (self.operand.work if self.operand else 0), len(step.pre))
        self.joins = not step.operand and not set(step.old) & set(ordered(step.new))

    def _spread(self, low, high, weight, share):
        """Return (centre, radius) of the product of boxes with a weight and its magnitudes, errors included."""
        centre, far = 0.5 * (low + high), np.maximum(np.abs(low), np.abs(high))
        # The true distance of either end, whatever the rounding of the centre: half an ulp more is in the slack.
        radius = np.maximum(high - centre, centre - low) + share * far
        return centre @ weight[0], self.slack * (radius @ weight[1] + self._lost(far))

    def _product(self, low, high, weight):
        centre, radius = self._spread(low, high, weight, self.gamma_pre)
        return np.nextafter(centre - radius, -np.inf), np.nextafter(centre + radius, np.inf)

    def _lost(self, far):
        """Return what a sum may lose by underflow, (N, 1), for states up to `far` (N, H)."""
        return self.underflow * (3 + self.weights.largest + np.maximum(far.max(axis=1, keepdims=True), self.farthest))

    def fed(self, low, high):
        """Return bounds of the recurrent part of the pre-activations, W_hh h (N, G H)."""
        return self._product(low[:, : self.weights.hidden], high[:, : self.weights.hidden], self.w_hh)

    def step(self, low, high, fed, symbols=None):
        """Return the boxes after one more input: of every symbol (N, S, P H), or of one symbol for each box (N) (N, P
        H).

        low, high: the boxes before it, of which only those parts count that the formula reads; fed: W_hh h.
        """
        return self._step(low, high, fed, symbols)[:2]

    def _step(self, low, high, fed, symbols=None):
        """Return (low, high, the largest magnitude of any intermediate value)."""
        hidden, step, sums = self.weights.hidden, self.weights.step, []

        def each(ends):
            """Return ends (N, H) in a shape that broadcasts with those of symbols."""
            return tuple(end[:, None] if symbols is None else end for end in ends)

        def given(symbol):
            return tuple(end if symbols is None else end[symbols] for end in self.given[symbol])

        def add(pre, product):
            for n, symbol in enumerate(pre):
                part = slice(n * hidden, (n + 1) * hidden)
                low, high = (a[..., part] + b for a, b in zip(product, given(symbol)))
                values[symbol] = np.nextafter(low, -np.inf), np.nextafter(high, np.inf)

        parts = [slice(n * hidden, (n + 1) * hidden) for n in range(self.parts)]
        old = [each((low[:, part], high[:, part])) for part in parts]
        values = {symbol: given(symbol) for symbol in step.pre if symbol not in self.weights.w_h}
        values |= dict(zip(step.old, old)) | self.vectors
        add(self.fed_pre, each(fed))
        if self.operand:
            ((q_low, q_high),), largest = self.operand(values)
            shape = q_low.shape
            flat = self._product(q_low.reshape(-1, hidden), q_high.reshape(-1, hidden), self.w_q)
            add(self.weights.operand, [end.reshape(*shape[:-1], -1) for end in flat])
            far = np.maximum(np.abs(q_low), np.abs(q_high))
            sums = [largest, self.slack * self._sums(far, self.w_q, self.weights.operand)]
        new, largest = self.formula(values)
        shape = (len(low), hidden) if symbols is not None else (len(low), len(self.given[step.pre[0]][0]), hidden)
        ends = [np.concatenate([np.broadcast_to(end, shape) for end in ends], axis=-1) for ends in zip(*new)]
        return *ends, np.max([largest, *sums])

    def _sums(self, far, weight, pre):
        """Return the largest sum of magnitudes in pre-activations that read numbers up to `far`."""
        given = np.concatenate([self.given_size[symbol] for symbol in pre])
        return (far @ weight[1] + given).max(axis=-1).max()

    def magnitude(self, low, high):
        """Return the largest magnitude in a step from any box: of sums of magnitudes, and of values of the formula."""
        far = np.maximum(np.abs(low), np.abs(high))[:, : self.weights.hidden]
        sums = [self._sums(far, self.w_hh, self.fed_pre)] if self.fed_pre else []
        sums += [(far @ self.w_ho[1] + np.abs(self.weights.b_o)).max()]
        sums += [size.max() for size in self.given_size.values()]
        return self.slack * np.max([*sums, self._step(low, high, self.fed(low, high))[2]])

    def _outputs(self, low, high):
        """Return (centre, radius) of the outputs z of each box."""
        hidden = self.weights.hidden
        centre, radius = self._spread(low[:, :hidden], high[:, :hidden], self.w_ho, self.gamma_out)
        return centre + self.weights.b_o, self.slack * (radius + self.out_error)

    def outputs(self, low, high):
        """Return bounds of the outputs z (N, O) of each box."""
        centre, radius = self._outputs(low, high)
        return np.nextafter(centre - radius, -np.inf), np.nextafter(centre + radius, np.inf)

    def margins(self, low, high, labels):
        """Return a lower bound (N) of the distance of each box's logits from the wrong side of zero; labels (N, O): +1,
        -1, or 0."""
        centre, radius = self._outputs(low, high)
        least = np.nextafter((labels * centre - radius).min(axis=1), -np.inf)
        # Nothing is asked of the node before the first step.
        return np.where(labels[:, 0] == 0, np.inf, least)


def check_formula(cell):
    """Raise ValueError unless a cell's formula reads everything that it declares, and its rounding is bounded."""
    step = cell.traced()
    results = [*step.new, *([step.operand.node] if step.operand else [])]
    if unread := {*step.pre, *step.vectors} - set(ordered(results)):
        first = min(each.args[0] for each in unread)
        raise ValueError(f"certify: the formula of the cell {cell.name} does not read {first}")
    try:
        Intervals(results, operations("float32"))
    except KeyError as error:
        said = f"certify: the formula of the cell {cell.name} has {error}, whose rounding is not bounded"
        raise ValueError(said) from None


def _stacked(weights, hidden):
    """Return matrices (rows, H) side by side, transposed, and their magnitudes."""
    joined = np.concatenate([np.zeros((0, hidden)), *weights]).T
    return np.ascontiguousarray(joined), np.ascontiguousarray(np.abs(joined))
