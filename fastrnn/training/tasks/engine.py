"""What sessions of one network and groups of models share: network, optimizer, terms of updates; the base of sessions.
"""

import sys
import time

import numpy as np

from fastrnn.bits.stream import flops_of_step
from fastrnn.formula.evaluate import on_numpy
from fastrnn.formula.graph import symbol
from fastrnn.heads.sigmoid import Sigmoid
from fastrnn.kernels.events import CLEAN, DIVERGED, ENDED, RUNNING
from fastrnn.kernels.recurrent.update import OPTIONS, Terms, traced_optimizer
from fastrnn.kernels.workspace import GOES_ON, aligned_zeros
from fastrnn.networks import kernel_network, lanes_for
from fastrnn.schedules import rates
from fastrnn.thread_choice import ThreadChoice


def network_for(cell, sizes, source, config, own_weights, columns, wide=1):
    """Return the Network of a cell with outputs that are bits; its kernels count wrong outputs."""
    return kernel_network(
        cell,
        Sigmoid(config.loss),
        tuple(sizes),
        own_weights,
        True,
        columns=columns,
        bits=source.inputs_are_bits,
        counted="mistakes",
        wide=wide,
    )


def optimizer_of(config):
    """Return the formulas of the optimizer."""
    return traced_optimizer(config.build_optimizer())


def terms_of(net, cell, config, steps, options):
    """Return the Terms of updates; options (models, rows): OPTIONS of each, of which a penalty counts if any has it."""
    used = dict(zip(OPTIONS, np.any(options, axis=0)))
    penalised = bool(used["decay"] or used["l1"])
    return Terms(
        penalties=penalised,
        clipped=config.max_grad_norm is not None,
        truncated=segment_of(config, steps) < steps,
        saturating=cell.extremes or () if used["saturation"] else (),
        retaining=config.retention_penalty > 0,
        decoupled=penalised,
        watched=True,
        together=True,
        fresh=True,
        summed=config.reduction == "sum" or config.batch_size == 1,
        long=net.long(steps),
        far=net.far(steps),
    )


def arrays_for(net, optimizer, config, places, steps, shapes):
    """Return {name: array} of the working memory of one network's session: `shapes`, and the arrays that all sessions
    have.

    places: of the weights, which all learn; steps: of the longest sequence.
    """
    lanes = lanes_for(config.dtype)
    rows = -(-net.table.count // lanes) * lanes
    shapes = {
        **shapes,
        "slots": (max(1, len(optimizer.slots)), rows),
        "running": (max(1, len(optimizer.running)), 1),
        "options": (len(OPTIONS) + len(optimizer.options), 1),
        "flags": (3, rows),
        "active": (1, lanes),
        "norm": (lanes, 1),
        "bad": (1, lanes),
    }
    shapes |= {name: (count, lanes) for name, count in net.training_arrays(steps).items()}
    arrays = {name: aligned_zeros(shape, config.dtype) for name, shape in shapes.items()}
    arrays["active"][:] = 1
    # The other numbers of a table neither learn nor have penalties.
    for each in places.values():
        arrays["flags"][:, each] = 1
    arrays["options"][:, 0] = options_of(config, optimizer)
    return arrays


def frames_for(programs, arrays, net, config, steps, **words):
    """Return frames of Programs, for other Programs, with arrays by name, and words."""
    words |= {"segment": segment_of(config, steps), "window": net.window(steps)}
    return [program.loaded(**arrays, **words) for program in programs]


def segment_of(config, steps):
    """Return the steps that a gradient goes back, in sequences of this many steps."""
    return min(config.tbptt_steps or steps, steps)


def options_of(config, optimizer):
    """Return the numbers of OPTIONS and of the optimizer, in order."""
    named = {
        "rate": config.rate,
        "scale": 1 / config.batch_size if config.reduction == "mean" else 1.0,
        "l1": config.l1,
        "decay": config.weight_decay,
        "max_norm": np.inf if config.max_grad_norm is None else config.max_grad_norm,
        "activity": 0.0,
        "saturation": config.saturation_penalty,
        "retention": config.retention_penalty,
        **config.build_optimizer()._asdict(),
    }
    return [named[name] for name in (*OPTIONS, *optimizer.options)]


def slot_name(slot, name):
    """Return the name, in files, of what an optimizer keeps in a slot for the weights of this name."""
    return f"slot.{slot}.{name}"


def running_at(optimizer, config, steps):
    """Return the optimizer's running numbers after this many updates, for files that do not store them."""
    options = {
        symbol(name): np.full(1, value, config.dtype) for name, value in config.build_optimizer()._asdict().items()
    }
    running = [np.zeros(1, config.dtype) for _ in optimizer.running]
    for _ in range(steps if running else 0):
        known = options | {symbol(name): value for name, value in zip(optimizer.running, running)}
        running = on_numpy(optimizer.advance, known)
    return [float(value[0]) for value in running]


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


def nothing():
    """Do nothing: the default of a function that is called while waiting."""
