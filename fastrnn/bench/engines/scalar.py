"""The tutorial's own loop, one sample after the other, in Python and compiled."""

import numpy as np

from fastrnn import reference
from fastrnn.original import update_per_sample


def _synapses(weights):
    """Return the weights by the tutorial's names and shapes; see the table in fastrnn.reference."""
    return reference.Synapses(*(np.ascontiguousarray(weights[name].T, np.float64) for name in ("w_ih", "w_ho", "w_hh")))


def _named(synapses):
    names = ("w_ih", "w_ho", "w_hh")
    return {name: synapse.T.copy() for name, synapse in zip(names, synapses)}


class Scalar:
    """fastrnn.reference: draws, look-ups, forward pass, backpropagation and update, as in its `train`."""

    def __init__(self, work, threads, weights, x, y):
        self.synapses, self.rng = _synapses(weights), np.random.RandomState(0)
        self.rate, self.updates = work.rate, reference.Synapses(*map(np.zeros_like, self.synapses))
        self.table, self.largest = reference.binary_table(work.steps), 2**work.steps // 2

    def _draw(self):
        a_int, b_int = self.rng.randint(self.largest), self.rng.randint(self.largest)
        return self.table[a_int], self.table[b_int], self.table[a_int + b_int]

    def _learn(self, a, b, c):
        reference.forward_backward(self.synapses, a, b, c, self.updates)
        reference.apply_updates(self.synapses, self.updates, self.rate)

    def run(self, updates):
        for _ in range(updates):
            self._learn(*self._draw())

    def sample(self):
        before, (a, b, c) = _named(self.synapses), self._draw()
        self._learn(a, b, c)
        # The tutorial writes numbers with the most significant bit first.
        x, y = np.stack([a[::-1], b[::-1]], axis=1)[None], c[::-1][None, :, None]
        return before, x, y, _named(self.synapses)


class Compiled:
    """fastrnn.original's compiled engine: the same arithmetic, many samples per call."""

    def __init__(self, work, threads, weights, x, y):
        self.synapses, self.rng = _synapses(weights), np.random.RandomState(0)
        self.steps, self.rate = work.steps, work.rate

    def _learn(self, updates):
        operands = self.rng.randint(2**self.steps // 2, size=(updates, 2))
        update_per_sample(self.synapses, operands, self.rate, self.steps)
        return operands

    def run(self, updates):
        self._learn(updates)

    def sample(self):
        before, ((a, b),) = _named(self.synapses), self._learn(1)
        shifts = np.arange(self.steps)
        x = np.stack([a >> shifts & 1, b >> shifts & 1], axis=1)[None]
        return before, x, (a + b >> shifts & 1)[None, :, None], _named(self.synapses)
