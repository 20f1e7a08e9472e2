"""A network in training on batches, between calls of the compiled kernels: weights, slots and counters."""

import numpy as np

from fastrnn.cores import cores
from fastrnn.kernels.barrier import BARRIER_SIZE
from fastrnn.kernels.batches import (
    GROUPS,
    Calls,
    Places,
    Plan,
    Shared,
    Thread,
    Work,
    gradient_of,
    run_batches,
)
from fastrnn.kernels.block_data import block_for, layer_for, seen
from fastrnn.kernels.recurrent.learn import learn_program, update_program
from fastrnn.kernels.recurrent.update import OPTIONS
from fastrnn.kernels.reference import Stored
from fastrnn.kernels.workspace import GOES_ON, aligned_zeros
from fastrnn.networks import columns_for, lanes_for, places_of
from fastrnn.threads import on_threads
from fastrnn.training.tasks.base_session import BaseSession, nothing
from fastrnn.training.tasks.engine import arrays_for, frames_for, network_for
from fastrnn.training.tasks.small_session import SmallSession

# Where samples fill at most this share of their vectors, it is faster to let units fill vectors, and no slower for
# any cell: `python -m bench.sizes batch`.
ENOUGH = 0.75


class Session(BaseSession):
    """A session with a sample in each lane; sizes: inputs and outputs; weights: {name: array}."""

    def __init__(self, cell, sizes, source, steps, config, threads, weights):
        dtype, lanes = np.dtype(config.dtype), lanes_for(config.dtype)
        columns = columns_for(-(-config.batch_size // lanes))
        net = network_for(cell, sizes, source, config, own_weights=False, columns=columns)
        self.size, self.rows = columns * lanes, -(-net.table.count // lanes) * lanes
        self.groups = min(GROUPS, -(-config.batch_size // self.size))
        # Each thread makes the whole update on its own weights: more threads than cores would only make it more often.
        threads = min(threads, self.groups, cores())
        super().__init__(net, places_of(cell, *sizes), cell, source, steps, config, threads)
        self.current = threads
        self.programs = (
            learn_program(net, self.terms, config.dtype, lanes),
            update_program(net, self.optimizer, self.terms, config.dtype, lanes),
        )
        last_only = getattr(source, "last_only", False)
        self.blocks = [block_for(net, steps, dtype, lanes, last_only) for _ in range(threads)]
        self.work = [self._work(block, weights) for block in self.blocks]
        self.shared = Shared(
            aligned_zeros((2, self.groups, self.rows), dtype), aligned_zeros((2, self.groups, lanes), dtype),
            np.zeros((2, self.groups), np.int64), np.zeros(1, np.int64), np.zeros(BARRIER_SIZE, np.int64),
            np.zeros(2, np.int64), np.zeros(BARRIER_SIZE, np.int64))
        learn, update = self.programs
        self.where = Places(
            learn.names.index("gradient"),
            learn.names.index("sums"),
            learn.names.index("steps"),
            learn.names.index("fresh"),
            update.names.index("gradient"),
            OPTIONS.index("rate"),
            OPTIONS.index("saturation"),
        )
        self.stored = [self._thread(block, work) for block, work in zip(self.blocks, self.work)]

    def _work(self, block, weights):
        """Return one thread's Work."""
        rows, config = self.rows, self.config
        shapes = dict.fromkeys(("theta", "gradient", "previous"), (rows,))
        arrays = arrays_for(self.net, self.optimizer, config, self.places, self.steps, shapes)
        for name, places in self.places.items():
            arrays["theta"][places] = weights[name]
        arrays["previous"][:] = arrays["theta"]
        self.arrays.append(arrays)
        given = {name: getattr(block, name) for name in ("x", "y", "mask", "lengths", "weights")}
        frames = frames_for(self.programs, arrays | given, self.net, config, self.steps)
        own = {name: arrays[name] for name in (*shapes, "options", "bad")}
        return Work(*frames, **own, statistics=np.zeros(4))

    def _thread(self, block, work):
        """Return one thread's Thread."""
        plan = Plan(self.config.seed, self.config.batch_size, self.size, self.groups)
        lay, laid = layer_for(self.source, block)
        calls = Calls(lay, *(program.address for program in self.programs))
        return Stored(Thread(laid, seen(block), plan, calls, self.where, work, self.shared))

    def _call(self, threads, *arguments):
        updates = len(arguments[1])
        self.shared.given_up[:] = self.shared.drawn[:] = 0

        def work(thread, threads):
            if thread >= self.current:
                # It took no part in the last call. No thread writes into these before all threads have met.
                for name in ("theta", "previous", "slots", "running"):
                    self.arrays[thread][name][:] = self.arrays[0][name]
            return run_batches(self.stored[thread].reference, self.step, *arguments, thread, threads)

        # Without updates it is only compiled. One update may take long: for Ctrl-C this thread must wait, not work.
        results = on_threads(threads if updates else 1, work, nothing if updates == 1 else None)
        self.current = len(results)
        return self.current, *results[0]

    def _gradient(self, statistics):
        gradient_of(self.stored[0].reference, self.step, statistics, GOES_ON)

    @property
    def theta(self):
        """The present weights."""
        return self.work[0].theta

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
