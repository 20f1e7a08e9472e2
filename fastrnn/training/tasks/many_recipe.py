"""Shared by all groups of models of one training: the network, the programs, options of all models."""

import numpy as np

from fastrnn.bits.stream import flops_of_step
from fastrnn.caches import nearest_bytes
from fastrnn.kernels.model_queue import CALLER, NOBODY, Queue
from fastrnn.kernels.recurrent.block import learn_program, update_program
from fastrnn.kernels.recurrent.update import OPTIONS
from fastrnn.networks import columns_for, lanes_for, places_of
from fastrnn.training.tasks.engine import network_for, optimizer_of, options_of, terms_of
from fastrnn.training.tasks.history_bins import bin_updates

# In float32 a count of samples ends here.
MOST_PATIENCE = 1 << 24
# The kernels' names of options.
ROWS_CALLED = {"learning_rate": "rate", "weight_decay": "decay", "saturation_penalty": "saturation"}


class RunRecipe:
    """Everything that all groups of one call of `train_many` share, and the programs they run.

    cell: a Cell; sizes: inputs and outputs; models: their number; varied: {option: float64 (models,)} of those that
    differ; threads: that share the models.
    """

    def __init__(self, cell, sizes, source, steps, config, models, varied=None, threads=1):
        self.source, self.steps, self.config = source, steps, config
        self.dtype, self.lanes = np.dtype(config.dtype), lanes_for(config.dtype)
        self.net = self._network(cell, sizes, models // threads)
        places = places_of(cell, *sizes)
        # A model's weights as one vector: the named ones, flattened one after the other.
        self.rows = np.concatenate([each.ravel() for each in places.values()])
        self.optimizer, self.flops = optimizer_of(config), flops_of_step(self.net.sizes, len(self.net.step.pre))
        self.options = self._options(models, varied or {})
        terms = terms_of(self.net, cell, config, steps, self.options)._replace(watched=False)
        # Where all of a gradient is there at once, it never goes to memory.
        self.at_once = config.batch_size <= self.net.columns and steps <= self.net.span and config.max_grad_norm is None
        self.learn = learn_program(self.net, terms, config.dtype, self.lanes, self.optimizer if self.at_once else None)
        self.update = update_program(self.net, self.optimizer, terms, config.dtype, self.lanes)

    def _network(self, cell, sizes, models):
        """Return the Network; where it is small and a batch is one sample, two registers of models are used, whose
        chains overlap."""
        columns = columns_for(self.config.batch_size, own_weights=True)
        net = network_for(cell, sizes, self.source, self.config, True, columns)
        arrays = net.arrays(min(self.steps, net.span))
        if columns > 1 or models < 2 * self.lanes or self.steps > net.span:
            return net
        if 2 * (net.table.count + sum(arrays.values())) * net.vector_bytes > nearest_bytes():
            return net
        self.lanes *= 2
        return network_for(cell, sizes, self.source, self.config, True, columns, 2)

    def _options(self, models, varied):
        """Return (models, rows): OPTIONS and the optimizer's own options of each model."""
        names = (*OPTIONS, *self.optimizer.options)
        options = np.tile(np.array(options_of(self.config, self.optimizer), float), (models, 1))
        for name, values in varied.items():
            if (name := ROWS_CALLED.get(name, name)) in names:
                options[:, names.index(name)] = values
        return options

    @property
    def vectors(self):
        """The number of vectors from which a model continues."""
        return 1 + len(self.optimizer.slots)

    def queue(self, seeds, results, judge=CALLER, first_limit=None):
        """Return the Queue of all models, which wait; seeds: of each; results: the ModelResults with their initial
        weights, to which the kernels write."""
        config = self.config
        verify_after = config.verify_after if first_limit is None and judge != NOBODY else 0
        return Queue(
            next=np.zeros(1, np.int64),
            order=np.arange(len(seeds)),
            length=len(seeds),
            seeds=np.asarray(seeds, np.uint64),
            options=self.options,
            weights=results.weights,
            rows=self.rows,
            width=len(self.rows),
            samples_to_exact=results.samples_to_exact,
            began=results.began,
            stretch=bin_updates(config.batch_size),
            batch=config.batch_size,
            limit=config.updates,
            # On their own data, models are checked after a number of updates, and the patience is set after that.
            first_limit=config.updates if first_limit is None else min(first_limit, config.updates),
            patience=np.full(1, patience_of(verify_after), float),
            judge=judge,
            stops=int(config.until == "exact"),
        )


def patience_of(samples):
    """Return the kernels' limit of samples without a mistake before a decision; 0 samples: no decision is requested."""
    return min(samples, MOST_PATIENCE) or np.inf
