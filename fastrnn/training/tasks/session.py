"""A network in training on batches, between calls of the compiled kernels: weights, slots and counters."""

import numpy as np

from fastrnn.cores import cores
from fastrnn.kernels.batches import Shared, Thread, batches_program
from fastrnn.kernels.block_data import block_for, layer_for
from fastrnn.kernels.combining import COMBINED, MOST_PARTS, TREE_SIZE
from fastrnn.kernels.recurrent.learn import learn_program, update_program
from fastrnn.kernels.recurrent.update import OPTIONS
from fastrnn.kernels.workspace import GOES_ON, aligned_zeros
from fastrnn.machine.records import values_of
from fastrnn.networks import columns_for, lanes_for, places_of
from fastrnn.threads import on_threads
from fastrnn.training.tasks.engine import BaseSession, arrays_for, frames_for, network_for, nothing
from fastrnn.training.tasks.small_session import SmallSession

# Where samples fill at most this share of their vectors, it is faster to let units fill vectors, and no slower for
# any cell: `python -m bench.sizes batch`.
ENOUGH = 0.75


class Session(BaseSession):
    """A session with a sample in each lane; sizes: inputs and outputs; weights: {name: array}."""

    def __init__(self, cell, sizes, source, steps, config, threads, weights):
        lanes = lanes_for(config.dtype)
        columns = columns_for(-(-config.batch_size // lanes))
        net = network_for(cell, sizes, source, config, own_weights=False, columns=columns)
        self.size = columns * lanes
        self.groups = min(MOST_PARTS, -(-config.batch_size // self.size))
        threads = min(threads, self.groups, cores())
        super().__init__(net, places_of(cell, *sizes), cell, source, steps, config, threads)
        self.programs = (
            learn_program(net, self.terms, config.dtype, lanes),
            update_program(net, self.optimizer, self.terms, config.dtype, lanes),
        )
        self.shared, self.driver = self._shared(weights, lanes), batches_program(config.dtype, lanes)
        # What each thread works on, and the arrays of its programs.
        self.memory = []
        self.own = [self._thread(lanes) for _ in range(threads)]
        self.frames = [self.driver.frame(**values_of(own)) for own in self.own]
        self.driver.compile()

    def _shared(self, weights, lanes):
        """Return what threads share."""
        rows = -(-self.net.table.count // lanes) * lanes
        shapes = {"theta": (rows,), "previous": (rows,), "gradient": (self.groups, rows)}
        arrays = arrays_for(self.net, self.optimizer, self.config, self.places, self.steps, shapes)
        for name, places in self.places.items():
            arrays["theta"][places] = weights[name]
        arrays["previous"][:] = arrays["theta"]
        self.arrays = arrays
        return Shared(
            theta=arrays["theta"],
            previous=arrays["previous"],
            gradients=arrays["gradient"],
            rows=rows // lanes,
            sums=aligned_zeros((self.groups, lanes), self.dtype),
            outputs=aligned_zeros((self.groups, lanes), np.int64),
            update=frames_for(self.programs[1:], arrays, self.net, self.config, self.steps)[0],
            options=arrays["options"],
            bad=arrays["bad"],
            statistics=np.zeros(4),
            result=np.zeros(2, np.int64),
            clean=np.zeros(1, np.int64),
            tree=aligned_zeros((TREE_SIZE,), np.int64),
            drawn=np.zeros(1, np.int64),
        )

    def _thread(self, lanes):
        """Return one thread's Thread, with memory of its own for a block."""
        config, net, shared = self.config, self.net, self.shared
        block = block_for(net, self.steps, self.dtype, lanes, self.source.last_only)
        arrays = self.arrays | {name: getattr(block, name) for name in ("x", "y", "mask", "lengths", "weights")}
        if self.memory:
            shapes = {name: (count, lanes) for name, count in net.training_arrays(self.steps).items()}
            arrays |= {name: aligned_zeros(shape, self.dtype) for name, shape in shapes.items()}
        (learn,) = frames_for(self.programs[:1], arrays, net, config, self.steps)
        self.memory.append(arrays)
        counts = config.batch_size, self.size, self.groups
        return Thread(layer_for(self.source, block, self.dtype, lanes), block, config.seed, *counts, learn, shared)

    def _call(self, threads, patience, rates, history, stop, learning=1):
        shared, updates = self.shared, len(rates)
        shared.drawn[:] = shared.result[:] = shared.tree[COMBINED] = 0
        shared.options[OPTIONS.index("rate"), :updates] = rates[:1]

        def work(thread, threads):
            frame = self.frames[thread]
            self.driver.set_words(
                frame, step=self.step, patience=patience, rates=rates, updates=updates, history=history, stop=stop,
                thread=thread, threads=threads, learning=learning
            )
            self.driver.run(frame)

        # One update may take long: for Ctrl-C this thread must wait, not work.
        worked = on_threads(threads if updates else 1, work, nothing if updates == 1 else None)
        return len(worked), *shared.result.tolist()

    def _gradient(self, statistics):
        self._call(1, 0, np.zeros(1), np.zeros((1, 4)), GOES_ON, learning=0)
        statistics[:] = self.shared.statistics
        return self.shared.gradients[0]

    @property
    def theta(self):
        """The present weights."""
        return self.shared.theta

    @property
    def counter(self):
        """Samples since the last mistake."""
        return self.shared.clean


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
