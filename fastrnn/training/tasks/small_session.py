"""A network in training on a few samples at a time, and for which batches that is faster."""

import numpy as np

from fastrnn.heads.base import traced as traced_head
from fastrnn.heads.sigmoid import Sigmoid
from fastrnn.kernels.recurrent.layout import Sizes
from fastrnn.kernels.recurrent.units_learn import units_learn_program, units_update_program
from fastrnn.kernels.recurrent.units_network import UnitsNetwork
from fastrnn.kernels.small_batches import SmallBatches, samples_for, samples_layer_for, small_batches_program
from fastrnn.machine.records import values_of
from fastrnn.networks import REGISTERS, VECTOR_BYTES, lanes_for, weights_that_learn
from fastrnn.threads import on_threads
from fastrnn.training.tasks.engine import arrays_for, frames_for
from fastrnn.training.tasks.session import BaseSession, Session, nothing

# Where samples fill at most this share of their vectors, it is faster to let units fill vectors, and no slower for
# any cell: `python -m bench.sizes batch`.
ENOUGH = 0.75


class SmallSession(BaseSession):
    """As Session, but for batches of a few samples: hidden units lie in the lanes, and one thread is used."""

    def __init__(self, cell, sizes, source, steps, config, weights):
        lanes, head = lanes_for(config.dtype), traced_head(Sigmoid(config.loss), sizes[1], "mistakes")
        ragged = config.batch_size > 1 and not source.inputs_are_bits
        net = UnitsNetwork(
            cell.traced(), head, Sizes(sizes[0], cell.hidden_size, sizes[1]), lanes=lanes, vector_bytes=VECTOR_BYTES,
            registers=REGISTERS, columns=config.batch_size, ragged=ragged
        )
        places = net.places(cell)
        places = {name: places[name] for name in weights_that_learn(cell)}
        super().__init__(net, places, cell, source, steps, config)
        self.programs = (
            units_learn_program(net, self.terms, config.dtype),
            units_update_program(net, self.optimizer, self.terms, config.dtype),
        )
        self.samples = samples_for(net.sizes, steps, self.dtype, lanes, config.batch_size)
        self.batches = self._batches(weights)
        self.driver = small_batches_program(config.dtype, lanes)
        self.frame = self.driver.frame(**values_of(self.batches))
        self.driver.compile()

    def _batches(self, weights):
        """Return the SmallBatches."""
        net, config, rows = self.net, self.config, self.net.table.count
        shapes = {"weights": (3, rows), "gradient": (rows,), "sums": (net.columns, 2)}
        arrays = arrays_for(net, self.optimizer, config, self.places, self.steps, shapes)
        self.arrays = arrays
        for name, places in self.places.items():
            arrays["weights"][:, places] = weights[name]
        words = {
            "stride": self.samples.x[0].size,
            "chunks": self.samples.y.shape[2],
            "whole": int(net.whole(self.steps)),
        }
        learn, update = frames_for(self.programs, arrays, net, config, self.steps, **words)
        lay = samples_layer_for(self.source, self.samples, self.dtype, net.lanes)
        own = {name: arrays[name] for name in ("weights", "sums", "options", "bad")}
        own |= {name: np.zeros(1, np.int64) for name in ("present", "clean")}
        sizes = {"width": own["weights"][0].nbytes, "batch_size": config.batch_size}
        return SmallBatches(lay, self.samples, learn, update, **own, **sizes)

    def _call(self, threads, patience, rates, history, stop, learning=1):
        # It lasts as long as its updates, whatever `stop` is.
        def work(thread, threads):
            self.driver.set_words(
                self.frame, seed=self.config.seed, step=self.step, patience=patience, rates=rates, updates=len(rates),
                history=history, learning=learning
            )
            self.driver.run(self.frame)

        on_threads(1, work, nothing if len(rates) == 1 else None)
        return 1, *self.driver.words(self.frame, "made", "why")

    def _gradient(self, statistics):
        self._call(1, 0, np.zeros(1), statistics, None, learning=0)
        return self.arrays["gradient"]

    @property
    def theta(self):
        """The present weights."""
        return self.batches.weights[self.batches.present[0]]

    @property
    def counter(self):
        """Samples since the last mistake."""
        return self.batches.clean


def session_for(cell, sizes, source, steps, config, threads, weights):
    """Return the Session, or for small batches the SmallSession, which has hidden units in the lanes."""
    if units_in_lanes(cell, config.batch_size, lanes_for(config.dtype)):
        return SmallSession(cell, sizes, source, steps, config, weights)
    return Session(cell, sizes, source, steps, config, threads, weights)


def units_in_lanes(cell, batch_size, lanes):
    """Return whether the lanes hold a sample's units: where samples would leave many of them empty.

    Of units, each sample fills some vectors; of samples, each unit does. The latter take longer for as many, as sums
    over lanes end their gradients, unless two vectors or more share what is loaded. Of cells with gates, whose chains
    are long, units are faster even where samples fill one vector.
    """
    step = cell.traced()
    if step.operand is not None:
        return False
    units, samples = -(-cell.hidden_size // lanes) * batch_size, cell.hidden_size * -(-batch_size // lanes)
    return batch_size == 1 or units <= samples * (1 if batch_size < lanes + (step.from_h > 1) else ENOUGH)
