"""Shared by all groups of models of one training: the network, the programs, options of all models."""

import numpy as np

from fastrnn.bits.lanes import lane_source
from fastrnn.caches import nearest_bytes
from fastrnn.kernels.recurrent.learn import learn_program, update_program
from fastrnn.kernels.recurrent.update import OPTIONS
from fastrnn.networks import columns_for, lanes_for, places_of
from fastrnn.training.tasks.engine import network_for, optimizer_of, options_of, terms_of

# Samples in one stretch of the history, until a model has too many stretches.
STRETCH_SAMPLES = 256


class RunRecipe:
    """Everything that all groups of one call of `train_many` share, and the programs they run.

    cell: a Cell; sizes: inputs and outputs; varied: {option: float64 (models,)} of rate, decay, l1, saturation and the
    optimizer's options; threads: that share the models.
    """

    def __init__(self, cell, sizes, source, steps, config, varied, threads=1):
        self.source, self.steps, self.config, self.varied = source, steps, config, varied
        self.dtype, self.lanes = np.dtype(config.dtype), lanes_for(config.dtype)
        self.net = self._network(cell, sizes, len(varied["rate"]) // threads)
        places = places_of(cell, *sizes)
        # A model's weights as one vector: the named ones, flattened one after the other.
        self.rows = np.concatenate([each.ravel() for each in places.values()])
        self.optimizer = optimizer_of(config)
        penalised, saturated = varied["decay"].any() or varied["l1"].any(), varied["saturation"].any()
        terms = terms_of(cell, config, steps, bool(penalised), bool(saturated), watched=False)
        terms = terms._replace(long=self.net.long(steps))
        # Where all of a gradient is there at once, it never goes to memory.
        at_once = config.batch_size <= self.net.columns and steps <= self.net.span and config.clip is None
        self.learn = learn_program(self.net, terms, config.dtype, self.lanes, self.optimizer if at_once else None)
        self.update = update_program(self.net, self.optimizer, terms, config.dtype, self.lanes)
        self.segment, self.drawn_from = min(config.truncate or steps, steps), lane_source(source)
        self.at_once = at_once
        self.options = self._options(len(varied["rate"]))
        self.stretch = max(1, STRETCH_SAMPLES // config.batch_size)

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

    def _options(self, models):
        """Return (models, rows): OPTIONS and the optimizer's own options of each model."""
        names = (*OPTIONS, *self.optimizer.options)
        options = np.tile(np.array(options_of(self.config, self.optimizer), float), (models, 1))
        for name in set(names) & set(self.varied):
            options[:, names.index(name)] = self.varied[name]
        return options

    @property
    def vectors(self):
        """The number of vectors from which a model continues."""
        return 1 + len(self.optimizer.slots)
