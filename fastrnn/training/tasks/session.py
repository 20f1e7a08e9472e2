"""A network in training on batches, between calls of the compiled kernels: weights, slots and counters."""

import time

import numpy as np

from fastrnn.bits.stream import flops_of_step
from fastrnn.cores import cores
from fastrnn.kernels.barrier import BARRIER_SIZE
from fastrnn.kernels.batches import (
    DIVERGED,
    GROUPS,
    RAN,
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
from fastrnn.thread_choice import ThreadChoice
from fastrnn.threads import on_threads
from fastrnn.training.tasks.engine import arrays_for, frame_for, network_for, optimizer_of, slots_named, terms_of
from fastrnn.training.tasks.resumable import Resumable, nothing
from fastrnn.training.tasks.small_session import SmallSession

# Where samples fill at most this share of their vectors, it is faster to let units fill vectors, and no slower for
# any cell: `python -m bench.sizes batch`.
ENOUGH = 0.75


class Session(Resumable):
    """Weights in training on `source` (a task's kernel, or Arrays) with sequences of `steps` steps.

    cell: a Cell; sizes: inputs and outputs; threads: at most this many; weights: {name: array}.
    """

    def __init__(self, cell, sizes, source, steps, config, threads, weights):
        self.config, self.source, self.steps = config, source, steps
        dtype, lanes = np.dtype(config.dtype), lanes_for(config.dtype)
        columns = columns_for(-(-config.batch_size // lanes))
        self.net = network_for(cell, sizes, source, config, own_weights=False, columns=columns)
        self.size, self.lanes, self.dtype = columns * lanes, lanes, dtype
        self.groups = min(GROUPS, -(-config.batch_size // self.size))
        # Each thread makes the whole update on its own weights: more threads than cores would only make it more often.
        self.threads = self.current = min(threads, self.groups, cores())
        self.choice = ThreadChoice(self.threads)
        self.flops = flops_of_step(self.net.sizes, len(self.net.step.pre))
        self.optimizer, terms = optimizer_of(config), terms_of(cell, config, steps)
        terms = terms._replace(long=self.net.long(steps))
        self.slots = slots_named(self.optimizer)
        self.programs = (
            learn_program(self.net, terms, config.dtype, lanes),
            update_program(self.net, self.optimizer, terms, config.dtype, lanes),
        )
        self.places = places_of(cell, *sizes)
        self.rows = -(-self.net.table.count // lanes) * lanes
        last_only = getattr(source, "last_only", False)
        self.arrays = []
        self.blocks = [block_for(self.net, steps, dtype, lanes, last_only) for _ in range(self.threads)]
        self.work = [self._work(block, weights) for block in self.blocks]
        self.shared = Shared(
            aligned_zeros((2, self.groups, self.rows), dtype), aligned_zeros((2, self.groups, lanes), dtype),
            np.zeros((2, self.groups), np.int64), np.zeros(1, np.int64), np.zeros(BARRIER_SIZE, np.int64),
            np.zeros(2, np.int64), np.zeros(BARRIER_SIZE, np.int64))
        self.step = self.first_step = 0
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
        segment, window = min(config.truncate or self.steps, self.steps), self.net.window(self.steps)
        frames = [frame_for(program, arrays | given, segment=segment, window=window) for program in self.programs]
        own = {name: arrays[name] for name in (*shapes, "options", "bad")}
        return Work(*frames, **own, statistics=np.zeros(4))

    def _thread(self, block, work):
        """Return one thread's Thread."""
        plan = Plan(self.config.seed, self.config.batch_size, self.size, self.groups)
        lay, laid = layer_for(self.source, block)
        calls = Calls(lay, *(program.address for program in self.programs))
        return Stored(Thread(laid, seen(block), plan, calls, self.where, work, self.shared))

    def run(self, rates, saturations, patience, stop=None):
        """Make updates with these learning rates and saturation penalties; return (statistics of the updates made (n,
        4), why the kernel stopped).

        stop (1), int64: once it is not 0, the call ends within one block of samples, without the update that it began.
        DIVERGED takes the last update back: self.step may be one less than before the call.
        """
        history, made = np.zeros((len(rates), 4)), 0
        self.shared.given_up[:] = 0
        while True:
            threads, count = self.choice.next(len(rates) - made)
            part = slice(made, made + count)
            began = time.perf_counter()
            threads, more, why = self._run(
                threads, self.step, patience, rates[part], saturations[part], history[part],
                GOES_ON if stop is None else stop)
            self.choice.measured(threads, more, time.perf_counter() - began)
            if why == DIVERGED:
                # The weights before the last update came with a finite loss, those after it did not or are not finite.
                # That update may have been the last one of the call before.
                more = max(more - 1, self.first_step - self.step)
            self.step, made = self.step + more, made + more
            if why != RAN or made == len(rates):
                return history[: max(made, 0)], why

    def _run(self, threads, *arguments):
        """One call of the kernels: (threads that worked, updates made, why they stopped)."""
        updates = len(arguments[2])
        self.shared.drawn[:] = 0

        def work(thread, threads):
            if thread >= self.current:
                # It took no part in the last call. No thread writes into these before all threads have met.
                for name in ("theta", "previous", "slots", "running"):
                    self.arrays[thread][name][:] = self.arrays[0][name]
            return run_batches(self.stored[thread].reference, *arguments, thread, threads)

        # Without updates it is only compiled. One update may take long: for Ctrl-C this thread must wait, not work.
        results = on_threads(threads if updates else 1, work, nothing if updates == 1 else None)
        self.current = len(results)
        return self.current, *results[0]

    def gradient(self):
        """Return (gradients by name, statistics (4)) of the batch of the present step, without an update."""
        work, row = self.work[0], np.zeros(4)
        work.options[self.where.saturation] = self.config.saturation
        gradient_of(self.stored[0].reference, self.step, row, GOES_ON)
        return self._named(work.gradient), row

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
