"""Shared by a group of models: the compiled program, the places of weights, the optimizer."""

import numpy as np

from fastrnn.caching import cached_property
from fastrnn.kernels.recurrent import train as loops
from fastrnn.kernels.recurrent.layout import named_places
from fastrnn.kernels.recurrent.update import OPTIONS, traced_optimizer
from fastrnn.networks import BLOCK_COLUMNS, columns_for, kernel_network, lanes_for, weights_that_learn


class FitRecipe:
    """Everything that all models of a call with the same cell share.

    places: {name: rows} of the named weights; given: whether the data give initial states; steps: of the longest
    sequence to train on.
    """

    def __init__(self, cell, head, outputs, config, inputs, own_weights=True, own_data=False, given=False,
                 steps=1):
        self.cell, self.head, self.config = cell, head, config
        self._made_of = (cell, head, outputs, config, inputs, own_weights, own_data, given, steps)
        self.dtype, self.lanes = np.dtype(config.dtype), lanes_for(config.dtype)
        # A batch of sequences in the lanes fills a column with each vector of them, one of a model in a lane with each.
        columns = BLOCK_COLUMNS
        if config.batch_size is not None:
            lanes = 1 if own_weights else self.lanes
            columns = columns_for(-(-config.batch_size // lanes), own_weights)
        sizes = inputs, outputs
        self.net = kernel_network(cell, head, sizes, own_weights, own_data, config.before, columns=columns)
        carried, zero = config.terms.carried or given, config.initial_state == "zero"
        gathered = config.batch_size is not None
        self.terms = config.terms._replace(
            carried=carried, long=self.net.long(steps), far=self.net.far(steps), fresh=zero and not carried,
            gathered=gathered,
        )
        self.places = named_places(cell, self.net.step, self.net.sizes, cell.bias)
        self.names = weights_that_learn(cell, config.initial_state)
        self.rows = self.net.table.count
        for option in ("l1_on", "decay_on"):
            if unknown := sorted(set(getattr(config, option)) - set(self.names)):
                raise ValueError(f"{option}: got {unknown[0]!r}, expected names of weights ({', '.join(self.names)})")

    @classmethod
    def for_data(cls, cell, head, outputs, config, data, lanes):
        """Return the FitRecipe of a cell for Sequences; lanes: as in Many."""
        given, steps = data.initial is not None, int(data.lengths.max())
        return cls(cell, head, outputs, config, data.x.shape[1], lanes != "sequences", lanes != "models", given, steps)

    def __reduce__(self):
        # Formulas and compiled code are made again where a pickle is read, as processes of an executor do.
        return FitRecipe, self._made_of

    def predicting_net(self, models, sequences):
        """Return the Network that predicts, whatever the lanes hold in training: a model in each lane, or sequences of
        one model.

        Its weights lie as those of `net`. Few sequences would leave most of their lanes empty, and long ones take
        memory there.
        """
        cell, head, outputs, config, inputs, *_ = self._made_of
        beside = models > 1 or sequences <= BLOCK_COLUMNS
        columns = BLOCK_COLUMNS if sequences > (1 if beside else self.lanes) else 1
        return kernel_network(cell, head, (inputs, outputs), beside, not beside, config.before, columns=columns)

    @cached_property
    def optimizer(self):
        return traced_optimizer(self.config.build_optimizer())

    @cached_property
    def options(self):
        """The names of the numbers of each model that its updates depend on."""
        return (*OPTIONS, *self.optimizer.options)

    @cached_property
    def common_options(self):
        """The `options` that are equal for all models, (K,); 0 for the others."""
        values = np.zeros(len(self.options))
        limit = self.config.max_grad_norm
        values[self.options.index("max_norm")] = np.inf if limit is None else limit
        return values

    @cached_property
    def program(self):
        return loops.train_program(self.net, self.optimizer, self.terms, self.config.dtype, self.lanes)

    @cached_property
    def factors(self):
        """The factors on the learning rate of all rounds that a schedule has, and of the last one, without an update.
        """
        return self.config.factors(0, self.config.limit + 1 if self.config.scheduled else 0).astype(self.dtype)

    @cached_property
    def flags(self):
        """The flags of weights, (3, R): 1 where a row learns, where L1 and where weight decay applies."""
        flags = np.zeros((3, self.rows), self.dtype)
        for name in self.names:
            flags[0, self.places[name]] = 1
            flags[1, self.places[name]] = name in self.config.l1_on
            flags[2, self.places[name]] = name in self.config.decay_on
        return flags

    def shapes(self):
        """Return {name: shape} of the weights that learn."""
        return {name: self.places[name].shape for name in self.names}

    def vector(self, weights):
        """Return (R,) of named weights; rows of missing ones are 0."""
        return self.vectors({name: values[None] for name, values in weights.items()})[0]

    def vectors(self, weights):
        """Return (M, R) of named weights (M, ...); rows of missing ones are 0."""
        rows = np.zeros((len(next(iter(weights.values()))), self.rows), self.dtype)
        for name, values in weights.items():
            rows[:, self.places[name]] = values
        return rows

    def named(self, rows):
        """Return {name: array} of the weights in (R,) rows."""
        return {name: np.ascontiguousarray(rows[self.places[name]]) for name in self.names}
