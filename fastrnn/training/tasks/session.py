"""A network in training on batches, between calls of the compiled kernels: weights, slots and counters."""

import sys
import time

import numpy as np

from fastrnn.bits.stream import flops_of_step
from fastrnn.cores import cores
from fastrnn.kernels.batches import Shared, Thread, batches_program
from fastrnn.kernels.block_data import block_for, layer_for
from fastrnn.kernels.combining import COMBINED, MOST_PARTS, TREE_SIZE
from fastrnn.kernels.events import CLEAN, DIVERGED, ENDED, RUNNING
from fastrnn.kernels.recurrent.block import learn_program, update_program
from fastrnn.kernels.recurrent.update import OPTIONS
from fastrnn.kernels.workspace import GOES_ON, aligned_zeros
from fastrnn.machine.records import values_of
from fastrnn.networks import columns_for, lanes_for, places_of
from fastrnn.schedules import rates
from fastrnn.thread_choice import ThreadChoice
from fastrnn.threads import on_threads
from fastrnn.training.tasks.engine import (
    arrays_for,
    frames_for,
    network_for,
    optimizer_of,
    options_of,
    running_at,
    slot_name,
    terms_of,
)


class BaseSession:
    """The engine of one network, on `source` (a task's kernel, or Arrays) with sequences of `steps` steps.

    It has one place, 0, and the methods that fastrnn.training.tasks.driver says. net: the Network; places: {name:
    places} of the weights; threads: at most this many.
    What derives from it makes programs and arrays: {name: array}, of which slots (K, R) and running (K') belong to an
    update; theta: the present weights (R,); counter (1,): samples since the last mistake; and has _call(threads,
    patience, rates, history, stop), which returns the number of threads that worked, updates made, and why
    the kernel stopped, and _gradient(statistics), which returns the gradient (R,).
    """

    takes_back = True

    def __init__(self, net, places, cell, source, steps, config, threads=1):
        self.net, self.places, self.source, self.steps, self.config = net, places, source, steps, config
        self.dtype, self.flops = np.dtype(config.dtype), flops_of_step(net.sizes, len(net.step.pre))
        self.optimizer = optimizer_of(config)
        self.terms = terms_of(net, cell, config, steps, [options_of(config, self.optimizer)])
        self.threads, self.choice = threads, ThreadChoice(threads)
        self.step = self.first_step = 0
        self.expect(0, 0, sys.maxsize)

    def run(self, updates, stop=GOES_ON, now=0.0):
        """Make updates, until there is an event; return the number of those made, and set their statistics (n, 4).

        stop (1), int64: once it is not 0, the call ends within one block of samples, without the update that it began.
        DIVERGED takes the last update back: it may be one of an earlier call, and the number -1.
        """
        updates, config, made = min(updates, self.limit - self.step), self.config, 0
        history, steps = np.zeros((updates, 4)), rates(config.schedule, config.rate, self.step, updates, config.updates)
        while True:
            threads, count = self.choice.next(updates - made)
            part = slice(made, made + count)
            began = time.perf_counter()
            threads, more, why = self._call(threads, self.patience, steps[part], history[part], stop)
            self.choice.measured(threads, more, time.perf_counter() - began)
            if why == DIVERGED:
                # The weights before the last update came with a finite loss, those after it did not or are not finite.
                # That update may have been the last one of the call before.
                more = max(more - 1, self.first_step - self.step)
            self.step, made = self.step + more, made + more
            if why != RUNNING or made == updates:
                break
        self.event = why
        self.statistics = history[: max(made, 0)]
        return made

    def events(self):
        """Return {0: event} if the network needs a decision."""
        ended = self.event == RUNNING and self.step >= self.limit
        event = ENDED if ended else self.event
        return {0: event} if event in (CLEAN, DIVERGED, ENDED) else {}

    def made(self, place):
        """Return the number of updates so far."""
        return self.step

    def expect(self, place, patience, limit):
        """Have an event after `patience` samples without a mistake (0: never), or after `limit` updates in all."""
        self.patience, self.limit, self.event = patience, limit, RUNNING

    def gradient(self):
        """Return (gradients by name, statistics (4)) of the batch of the present step, without an update."""
        row = np.zeros(4)
        return self._named(self._gradient(row)), row

    def _named(self, rows):
        return {name: np.ascontiguousarray(rows[places]) for name, places in self.places.items()}

    def weights(self):
        """The present weights by name."""
        return self._named(self.theta)

    @property
    def clean_samples(self):
        """Samples since the last mistake."""
        return int(self.counter[0])

    def forget(self, place):
        """Restart the count of samples without a mistake."""
        self.counter[0] = 0

    def state(self):
        """Return ({name: array}, {name: value}), from which `restore` continues to the same bytes."""
        arrays = {
            slot_name(slot, name): array
            for slot, rows in zip(self.optimizer.slots, self.arrays["slots"])
            for name, array in self._named(rows.reshape(-1)).items()
        }
        running = self.arrays["running"].reshape(-1)[: len(self.optimizer.running)].tolist()
        return arrays, {"step": self.step, "clean": self.clean_samples, "bits": self.steps, "running": running}

    def restore(self, arrays, numbers):
        """Continue from the result of `state`; the weights are arguments of the constructor."""
        running = numbers.get("running")
        running = running_at(self.optimizer, self.config, numbers["step"]) if running is None else running
        for slot, rows in zip(self.optimizer.slots, self.arrays["slots"]):
            for name, places in self.places.items():
                rows.reshape(-1)[places] = arrays[slot_name(slot, name)]
        self.arrays["running"].reshape(-1)[: len(running)] = running
        self.step = self.first_step = numbers["step"]
        self.counter[0] = numbers["clean"]


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


def nothing():
    """Do nothing: the default of a function that is called while waiting."""
