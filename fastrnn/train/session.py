"""A network in training, between calls of the compiled kernels: weights, memories and counters."""

from functools import cached_property

import numpy as np

from fastrnn.cores import cores
from fastrnn.kernels.address import address_of
from fastrnn.kernels.barrier import BARRIER_SIZE
from fastrnn.kernels.block import forward_address, learn_address
from fastrnn.kernels.layout import layout_of
from fastrnn.kernels.online_steps import Calls as CallsOfOne
from fastrnn.kernels.online_steps import gradient_of_one, kernels_of_one, run_online
from fastrnn.kernels.packing import live, pack, unpack
from fastrnn.kernels.protocol import fill_address
from fastrnn.kernels.steps import DIVERGED, GROUPS, Calls, Plan, Replica, Shared, gradient_of, run_steps
from fastrnn.kernels.tiers import Tiers
from fastrnn.kernels.tiles import BLOCK
from fastrnn.kernels.workspace import aligned_zeros, lanes_of, single, workspace
from fastrnn.optimizers.base import kernel_of
from fastrnn.tasks.base import BitTask
from fastrnn.threads import on_threads


class Session:
    """Weights in training on `source` (a task's kernel, or Arrays) with sequences of `steps` steps.

    threads: the most that it runs on. at_once: as fastrnn.kernels.tiers has it, for single samples. Kernels of batches
    gain next to nothing: their tiles hold enough work for what they do not know.
    """

    def __init__(self, cell, sizes, source, steps, config, threads, weights, at_once=False):
        dtype = np.dtype(config.dtype)
        self.cell, self.config, self.source = cell.kernel(*sizes), config, source
        self.names, self.steps = cell.weights, steps
        self.truncate = min(config.truncate or steps, steps)
        self.layout = layout_of(self.cell, lanes_of(dtype))
        self.loss, self.optimizer = config.build_loss(), kernel_of(config.build_optimizer())
        self.groups = min(GROUPS, -(-config.batch_size // BLOCK))
        # Each thread makes the whole update on its own weights: more threads than cores would only make it more often.
        self.threads = self.current = min(threads, self.groups, cores())
        self.step, self.first_step, self.dtype = 0, 0, dtype
        shape = (self.layout.count, lanes_of(dtype))
        theta = pack(self.cell, self.layout, weights, dtype)
        self.replicas = [self._replica(theta, shape) for _ in range(self.threads)]
        bits = isinstance(source, BitTask)
        self.work = [workspace(self.cell, self.layout, steps, dtype, bits) for _ in range(self.threads)]
        self.one = single(self.cell, self.layout, steps, dtype)
        self.shrinking = (float(config.weight_decay), float(config.l1)) if config.weight_decay or config.l1 else None
        self.shared = Shared(
            aligned_zeros((2, self.groups, *shape), dtype), np.zeros((2, self.groups, 4)), np.zeros((1, 4)),
            np.zeros(1, np.int64), np.zeros(BARRIER_SIZE, np.int64), live(self.cell, self.layout, self.names, dtype),
            np.zeros(1, np.int64), np.zeros(2, np.int64))
        self.fill, self.at_once = fill_address(source, self.work[0]), at_once
        if config.batch_size > 1:
            forward_at = forward_address(self.cell, self.layout, theta, bits)
            self.calls = Calls(
                self.fill,
                forward_at,
                learn_address(
                    self.cell, self.loss, self.layout, theta, self.work[0], config.saturation > 0, forward_at
                ),
            )

    def _kernels_of_one(self, own):
        return kernels_of_one(
            self.cell,
            self.loss,
            self.optimizer,
            self.shrinking,
            self.layout,
            self.truncate,
            self.replicas[0],
            self.shared,
            self.work[0],
            self.one,
            self.config.saturation > 0,
            own,
        )

    @cached_property
    def tiers(self):
        """The kernels of updates with single samples; for a mere gradient the look into the cache would take as long as the rest."""
        return Tiers(self._kernels_of_one, self.at_once)

    def worked(self, seconds):
        """Count seconds spent in `run`: when there were enough, kernels may be compiled that need fewer."""
        if self.config.batch_size == 1:
            self.tiers.worked(seconds)

    def _replica(self, theta, shape):
        replica = Replica(*(aligned_zeros(shape, self.dtype) for _ in Replica._fields))
        replica = replica._replace(
            w_hh_t=aligned_zeros((self.layout.panels * self.layout.hidden, shape[1]), self.dtype)
        )
        replica.theta[:] = replica.previous[:] = theta
        return replica

    def _plan(self, patience=0):
        config = self.config
        clip = np.inf if config.clip is None else float(config.clip)
        return Plan(
            config.seed,
            self.step,
            config.batch_size,
            self.groups,
            clip,
            config.reduction == "mean",
            patience,
            self.truncate,
        )

    def run(self, rates, saturations, patience, stop=None):
        """Make updates with these learning rates and saturation penalties: (statistics of the updates made (n, 4), why the kernel stopped).

        stop (1), int64: once it is not 0, the call ends within one block of samples, without the update that it began.

        Without a penalty in the config, `saturations` is not looked at. DIVERGED takes the last update back: self.step
        may be one less than before the call.
        """
        shared = self.shared._replace(history=np.zeros((len(rates), 4)), given_up=np.zeros(2, np.int64))
        if stop is not None:
            shared = shared._replace(stop=stop)
        plan = self._plan(patience)
        online = self.config.batch_size == 1
        calls = CallsOfOne(self.fill, *self.tiers.addresses) if online else self.calls
        arguments = (
            self.cell,
            self.loss,
            self.optimizer,
            self.shrinking,
            self.source,
            self.layout,
            plan,
            calls,
            rates,
            saturations,
        )

        def work(thread, threads):
            if online:
                return run_online(*arguments, self.replicas[0], shared, self.work[0], self.one)
            if thread >= self.current:
                # It had no part in the call before. Nobody writes into these before all threads have met.
                for own, first in zip(self.replicas[thread], self.replicas[0]):
                    own[:] = first
            return run_steps(*arguments, self.replicas[thread], shared, self.work[thread], thread, threads)

        # Without updates it is only compiled. One alone may take so long that Ctrl-C must find this thread waiting, not working.
        results = on_threads(self.threads if len(rates) else 1, work, _nothing if len(rates) == 1 else None)
        self.current = len(results)
        made, why = results[0]
        if why == DIVERGED:
            # The weights before the last update came with a finite loss, those after it did not or are not finite. That
            # update may have been the last one of the call before.
            made = max(made - 1, self.first_step - self.step)
        self.step += made
        return shared.history[: max(made, 0)], why

    def gradient(self):
        """(gradients by name, statistics (4)) of the batch of the present step, without an update."""
        saturation = float(self.config.saturation)
        online = self.config.batch_size == 1
        calls = CallsOfOne(self.fill, address_of(*self._kernels_of_one(False)[0]), None) if online else self.calls
        arguments = (
            self.cell,
            self.loss,
            self.source,
            self.layout,
            self._plan(),
            calls,
            self.step,
            saturation,
            self.replicas[0],
            self.shared,
            self.work[0],
        )
        if online:
            gradient_of_one(*arguments, self.one)
        else:
            gradient_of(*arguments)
        return unpack(self.cell, self.layout, self.replicas[0].gradient, self.names), self.shared.history[0].copy()

    def weights(self):
        """The present weights by name."""
        return unpack(self.cell, self.layout, self.replicas[0].theta, self.names)

    @property
    def clean_samples(self):
        """Samples since the last mistake."""
        return int(self.shared.clean[0])

    def clean(self, samples):
        """Set the count of samples since the last mistake."""
        self.shared.clean[0] = samples

    def state(self):
        """({name: array}, {name: number}) from which `restore` goes on to the same bytes."""
        first, second = (unpack(self.cell, self.layout, memory, self.names)
                         for memory in (self.replicas[0].first, self.replicas[0].second))
        arrays = {f"first.{name}": array for name, array in first.items()}
        arrays |= {f"second.{name}": array for name, array in second.items()}
        return arrays, {"step": self.step, "clean": self.clean_samples, "bits": self.steps}

    def restore(self, arrays, numbers):
        """Take up what `state` gave; the weights come with the constructor."""
        for memory in ("first", "second"):
            named = {name: arrays[f"{memory}.{name}"] for name in self.names}
            for replica in self.replicas:
                getattr(replica, memory)[:] = pack(self.cell, self.layout, named, self.dtype)
        self.step = self.first_step = numbers["step"]
        self.clean(numbers["clean"])


def _nothing():
    """What a caller does that only waits."""
