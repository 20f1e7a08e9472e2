"""fastrnn itself, as `train` runs it: many updates a call, data drawn inside, statistics kept."""

import numpy as np

from fastrnn.bench.workload import INPUTS, added
from fastrnn.cells.elman import Elman
from fastrnn.tasks.addition import Addition
from fastrnn.train.config import TrainConfig
from fastrnn.train.loop import SAMPLES_A_THREAD
from fastrnn.train.session import Session


class Fastrnn:
    """The trainer's session on the addition task; x and y are not used."""

    def __init__(self, work, threads, weights, x, y):
        self.work = work
        config = TrainConfig(optimizer="sgd", learning_rate=work.rate, batch_size=work.batch, dtype=work.dtype)
        task = Addition(bits=work.steps)
        # As `train` chooses: where a batch is too small, threads wait for each other longer than they work.
        threads = min(threads, max(1, work.batch // SAMPLES_A_THREAD))
        self.session = Session(Elman(work.hidden, bias=False), (INPUTS, 1), task.kernel, work.steps, config, threads, weights)

    def run(self, updates):
        statistics, _ = self.session.run(np.full(updates, self.work.rate), np.zeros(updates), 0)
        if len(statistics) < updates:
            raise ArithmeticError(f"{self.work}: training diverged, so its speed means nothing")

    def sample(self):
        before, x = self.session.weights(), self._batch(self.session.step * self.work.batch)
        self.run(1)
        return before, x, added(x), self.session.weights()

    def _batch(self, first):
        """The operands' bits (B, T, 2) that the kernels draw, from NumPy's generator of the same words."""
        last, steps = first + self.work.batch, self.work.steps
        words = [np.random.Philox(key=[0, 0], counter=[0, word, 0, 0]).random_raw(steps * INPUTS)
                 for word in range(first // 64, -(-last // 64))]
        octets = np.stack(words).astype("<u8").view(np.uint8).reshape(len(words), steps, INPUTS, 8)
        bits = np.unpackbits(octets, axis=3, bitorder="little").transpose(0, 3, 1, 2).reshape(-1, steps, INPUTS)
        x = bits[first % 64 : first % 64 + self.work.batch].copy()
        x[:, -1] = 0
        return x
