"""A network in training on a few samples at a time, between calls of the compiled kernels: weights, slots, counters."""

import numpy as np

from fastrnn.bits.stream import flops_of_step
from fastrnn.heads.base import traced as traced_head
from fastrnn.heads.sigmoid import Sigmoid
from fastrnn.kernels.batches import DIVERGED
from fastrnn.kernels.recurrent.layout import Sizes
from fastrnn.kernels.recurrent.units_learn import learn_program, update_program
from fastrnn.kernels.recurrent.units_network import UnitsNetwork
from fastrnn.kernels.recurrent.update import OPTIONS
from fastrnn.kernels.reference import Stored
from fastrnn.kernels.small_batches import (
    Calls,
    Places,
    SmallBatches,
    Work,
    gradient_of_small_batch,
    run_small_batches,
    samples_for,
    samples_layer_for,
)
from fastrnn.networks import REGISTERS, VECTOR_BYTES, lanes_for, weights_that_learn
from fastrnn.threads import on_threads
from fastrnn.training.tasks.engine import arrays_for, frame_for, optimizer_of, slots_named, terms_of
from fastrnn.training.tasks.resumable import Resumable, nothing


class SmallSession(Resumable):
    """As Session, but for batches of a few samples: hidden units lie in the lanes, and one thread is used."""

    def __init__(self, cell, sizes, source, steps, config, weights):
        self.config, self.source, self.steps, self.dtype = config, source, steps, np.dtype(config.dtype)
        lanes, head = lanes_for(config.dtype), traced_head(Sigmoid(config.loss), sizes[1], "mistakes")
        ragged = config.batch_size > 1 and not source.inputs_are_bits
        self.net = UnitsNetwork(cell.traced(), head, Sizes(sizes[0], cell.hidden_size, sizes[1]), lanes,
                                VECTOR_BYTES, REGISTERS, config.batch_size, ragged)
        self.flops = flops_of_step(self.net.sizes, len(self.net.step.pre))
        self.optimizer, terms = optimizer_of(config), terms_of(cell, config, steps)
        terms = terms._replace(long=self.net.long(steps))
        self.slots, self.threads, self.step, self.first_step = slots_named(self.optimizer), 1, 0, 0
        self.programs = (
            learn_program(self.net, terms, config.dtype),
            update_program(self.net, self.optimizer, terms, config.dtype),
        )
        places = self.net.places(cell)
        self.places = {name: places[name] for name in weights_that_learn(cell)}
        self.samples = samples_for(self.net.sizes, steps, self.dtype, lanes, config.batch_size)
        arrays, self.work = self._work(weights)
        self.arrays = [arrays]
        lay, laid = samples_layer_for(source, self.samples)
        calls = Calls(lay, *(program.address for program in self.programs))
        learn, update = (program.names.index for program in self.programs)
        self.where = Places(
            *(learn(name) for name in ("theta", "x", "y", "mask", "steps", "lengths")),
            *(update(name) for name in ("theta", "following")),
            *(OPTIONS.index(name) for name in ("rate", "saturation")),
        )
        self.stored = Stored(SmallBatches(laid, self.samples, calls, self.where, self.work))

    def _work(self, weights):
        """Return ({name: array}, Work)."""
        net, config, rows = self.net, self.config, self.net.table.count
        shapes = {"weights": (3, rows), "gradient": (rows,), "sums": (net.columns, 2)}
        arrays = arrays_for(net, self.optimizer, config, self.places, self.steps, shapes)
        for name, places in self.places.items():
            arrays["weights"][:, places] = weights[name]
        words = {
            "stride": self.samples.x[0].size,
            "segment": min(config.truncate or self.steps, self.steps),
            "chunks": self.samples.y.shape[2],
            "window": net.window(self.steps),
            "whole": int(net.whole(self.steps)),
        }
        frames = [frame_for(program, arrays, **words) for program in self.programs]
        own = {name: arrays[name] for name in ("weights", "sums", "options", "bad")}
        return arrays, Work(*frames, **own, present=np.zeros(1, np.int64), clean=np.zeros(1, np.int64))

    def run(self, rates, saturations, patience, stop=None):
        """As Session.run; a call lasts as long as its updates."""
        history = np.zeros((len(rates), 4))

        def work(thread, threads):
            return run_small_batches(
                self.stored.reference, self.config.seed, self.step, patience, rates, saturations, history
            )

        made, why = on_threads(1, work, nothing if len(rates) == 1 else None)[0]
        if why == DIVERGED:
            # The weights before the last update came with a finite loss, those after it did not or are not finite. That
            # update may have been the last one of the call before.
            made = max(made - 1, self.first_step - self.step)
        self.step += made
        return history[: max(made, 0)], why

    def gradient(self):
        """Return (gradients by name, statistics (4)) of the batch of the present step, without an update."""
        row = np.zeros(4)
        self.work.options[self.where.saturation] = self.config.saturation
        gradient_of_small_batch(self.stored.reference, self.config.seed, self.step, row)
        return self._named(self.arrays[0]["gradient"]), row

    @property
    def theta(self):
        """The present weights."""
        return self.work.weights[self.work.present[0]]

    @property
    def counter(self):
        """Samples since the last mistake."""
        return self.work.clean
