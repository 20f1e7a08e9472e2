"""fastrnn itself, as `train` runs it: many updates per call, data drawn inside, statistics recorded."""

import numpy as np

from fastrnn import streams
from fastrnn.bench.workload import INPUTS, MOST_MODELS, added
from fastrnn.cells.elman import Elman
from fastrnn.kernels.workspace import GOES_ON
from fastrnn.networks import flat, named, shapes_of
from fastrnn.tasks.addition import Addition
from fastrnn.threads import on_threads
from fastrnn.training.tasks.config import TrainConfig
from fastrnn.training.tasks.group import RunGroup
from fastrnn.training.tasks.many_recipe import RunRecipe
from fastrnn.training.tasks.many_results import ModelResults
from fastrnn.training.tasks.one_driver import SAMPLES_A_THREAD
from fastrnn.training.tasks.small_session import session_for


class Fastrnn:
    """The session of `train` on the addition task; x and y are not used."""

    def __init__(self, work, threads, weights, x, y):
        self.work = work
        config = TrainConfig(optimizer="sgd", learning_rate=work.rate, batch_size=work.batch, dtype=work.dtype)
        task = Addition(bits=work.steps)
        # As `train` chooses: where a batch is too small, threads wait for each other longer than they work.
        threads = min(threads, max(1, work.batch // SAMPLES_A_THREAD))
        self.session = session_for(
            Elman(work.hidden, bias=False), (INPUTS, 1), task.kernel, work.steps, config, threads, weights
        )

    def run(self, updates):
        if self.session.run(updates) < updates:
            raise ArithmeticError(f"{self.work}: training diverged, so its speed means nothing")

    def sample(self):
        before, x = self.session.weights(), self._batch(self.session.step * self.work.batch)
        self.run(1)
        return before, x, added(x), self.session.weights()

    def _batch(self, first):
        return drawn(0, first, self.work)


def drawn(seed, first, work):
    """Return the operands' bits (B, T, 2) that the kernels draw, computed with NumPy's generator."""
    last, steps = first + work.batch, work.steps
    words = [np.random.Philox(key=[seed, streams.SAMPLE_STREAM], counter=[0, word, 0, 0]).random_raw(steps * INPUTS)
             for word in range(first // 64, -(-last // 64))]
    octets = np.stack(words).astype("<u8").view(np.uint8).reshape(len(words), steps, INPUTS, 8)
    bits = np.unpackbits(octets, axis=3, bitorder="little").transpose(0, 3, 1, 2).reshape(-1, steps, INPUTS)
    x = bits[first % 64 : first % 64 + work.batch].copy()
    x[:, -1] = 0
    return x


# Updates that a group makes in a row where there are thousands of models, whose weights no cache holds: `train_many`
# makes thousands.
IN_A_ROW = 32


class ManyModels:
    """The groups of lanes of `train_many`, with seed i for model i; no model ever stops."""

    def __init__(self, work, threads, weights, x, y):
        self.work, self.threads, self.made = work, min(threads, work.models), 0
        # The check is of fewer models, update for update.
        self.together = 1 if work.models <= MOST_MODELS else IN_A_ROW
        config = TrainConfig(optimizer="sgd", learning_rate=work.rate, batch_size=work.batch, dtype=work.dtype)
        elman, task = Elman(work.hidden, bias=False), Addition(bits=work.steps)
        self.shapes = shapes_of(elman, INPUTS, 1)
        recipe = RunRecipe(elman, (INPUTS, 1), task.kernel, work.steps, config, work.models, threads=self.threads)
        self.places = [divmod(model, recipe.lanes) for model in range(work.models)]
        results = ModelResults(work.models, len(recipe.rows), recipe.dtype, work.batch)
        queue = recipe.queue(range(work.models), results)
        self.groups = [RunGroup(recipe, queue) for _ in range(self.places[-1][0] + 1)]
        for model, (group, lane) in enumerate(self.places):
            results.weights[model] = flat({name: weight[model] for name, weight in weights.items()}, self.shapes)
            self.groups[group].put(lane, model)
            self.groups[group].expect(lane, 0, 1 << 40)

    def run(self, updates):
        made = on_threads(
            self.threads,
            lambda thread, threads: [group.run(updates, GOES_ON) for group in self.groups[thread::threads]],
        )
        if any(count != updates for each in made for count in each):
            raise ArithmeticError(f"{self.work}: training diverged, so its speed means nothing")
        self.made += updates

    def sample(self):
        before, first = self._weights(), self.made * self.work.batch
        x = np.stack([drawn(model, first, self.work) for model in range(self.work.models)])
        self.run(1)
        return before, x, added(x), self._weights()

    def _weights(self):
        each = [named(self.groups[group].weights(lane), self.shapes) for group, lane in self.places]
        return {name: np.stack([weights[name] for weights in each]) for name in self.shapes}
