"""The tutorial's own loop, one sample after the other, in Python and as compiled by numba."""

import numpy as np

from fastrnn import reference


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


def _learn_samples(synapse_0, synapse_1, synapse_h, operands, alpha, steps):
    """Update the synapses in place after each (a, b) row of operands, as fastrnn.reference does.

    Inner loops run along contiguous rows, so that numba makes SIMD code of them.
    """
    hidden = synapse_h.shape[0]
    layer_1, delta, next_delta = np.zeros((steps + 1, hidden)), np.zeros(hidden), np.zeros(hidden)
    layer_2_delta = np.zeros(steps)
    update_0, update_1, update_h = np.zeros_like(synapse_0), np.zeros(hidden), np.zeros_like(synapse_h)
    for sample in range(operands.shape[0]):
        a, b = operands[sample, 0], operands[sample, 1]
        for t in range(steps):
            x_a, x_b, y = float(a >> t & 1), float(b >> t & 1), float(a + b >> t & 1)
            for j in range(hidden):
                delta[j] = x_a * synapse_0[0, j] + x_b * synapse_0[1, j]
            for i in range(hidden):
                for j in range(hidden):
                    delta[j] += layer_1[t, i] * synapse_h[i, j]
            total = 0.0
            for j in range(hidden):
                layer_1[t + 1, j] = 1 / (1 + np.exp(-delta[j]))
                total += layer_1[t + 1, j] * synapse_1[j, 0]
            layer_2 = 1 / (1 + np.exp(-total))
            layer_2_delta[t] = (y - layer_2) * layer_2 * (1 - layer_2)
        update_0[:], update_1[:], update_h[:], next_delta[:] = 0, 0, 0, 0
        for t in range(steps - 1, -1, -1):
            for j in range(hidden):
                total = layer_2_delta[t] * synapse_1[j, 0]
                for k in range(hidden):
                    total += next_delta[k] * synapse_h[j, k]
                delta[j] = total * layer_1[t + 1, j] * (1 - layer_1[t + 1, j])
            for j in range(hidden):
                next_delta[j] = delta[j]
                update_1[j] += layer_1[t + 1, j] * layer_2_delta[t]
                update_0[0, j] += float(a >> t & 1) * delta[j]
                update_0[1, j] += float(b >> t & 1) * delta[j]
            for i in range(hidden):
                for j in range(hidden):
                    update_h[i, j] += layer_1[t, i] * delta[j]
        for j in range(hidden):
            synapse_1[j, 0] += alpha * update_1[j]
            synapse_0[0, j] += alpha * update_0[0, j]
            synapse_0[1, j] += alpha * update_0[1, j]
        for i in range(hidden):
            for j in range(hidden):
                synapse_h[i, j] += alpha * update_h[i, j]


class Compiled:
    """The same arithmetic as compiled by numba, many samples per call."""

    def __init__(self, work, threads, weights, x, y):
        import numba

        self.synapses, self.rng = _synapses(weights), np.random.RandomState(0)
        self.steps, self.rate = work.steps, work.rate
        self.learn_samples = numba.njit(_learn_samples)

    def _learn(self, updates):
        operands = self.rng.randint(2**self.steps // 2, size=(updates, 2))
        self.learn_samples(*self.synapses, operands, self.rate, self.steps)
        return operands

    def run(self, updates):
        self._learn(updates)

    def sample(self):
        before, ((a, b),) = _named(self.synapses), self._learn(1)
        shifts = np.arange(self.steps)
        x = np.stack([a >> shifts & 1, b >> shifts & 1], axis=1)[None]
        return before, x, (a + b >> shifts & 1)[None, :, None], _named(self.synapses)
