"""The parts of an update, each timed alone on the arrays of one block, as they lie in the cache during training.

One update of a part is REPEATS blocks of 16 samples (for `Update`, REPEATS updates of the weights). For each
part `flops(work)` and `bytes(work)` say what one block computes and how much of its arrays it reads and writes.
The sum of the parts is not the whole: in training one part's last stores overlap with the next one's loads.
"""

import numpy as np

from fastrnn.bench.workload import INPUTS, OUTPUTS
from fastrnn.cells.base import activate
from fastrnn.cells.elman import Elman
from fastrnn.compiling import jit
from fastrnn.kernels.backward import backward
from fastrnn.kernels.forward import forward
from fastrnn.kernels.gradients import add_recurrent
from fastrnn.kernels.head import head
from fastrnn.kernels.layout import layout_of
from fastrnn.kernels.packing import live, pack
from fastrnn.kernels.protocol import fill
from fastrnn.kernels.tiles import BLOCK, SPAN
from fastrnn.kernels.update import add_up, exchange, update
from fastrnn.kernels.workspace import aligned_zeros, workspace
from fastrnn.losses.squared import SquaredError
from fastrnn.optimizers.sgd import SGD
from fastrnn.simd import load, store
from fastrnn.tasks.addition import Addition

REPEATS = 400
LANES = 16


@jit
def _data(source, work, times):
    for n in range(times):
        fill(source, 0, n * BLOCK, BLOCK, work)


@jit
def _forward(cell, layout, theta, work, times):
    for _ in range(times):
        forward(cell, layout, theta, work.x, work.h, True)


@jit
def _activation(cell, work, times):
    for _ in range(times):
        for t in range(work.x.shape[0]):
            for p in range(work.h.shape[1]):
                for s in range(0, BLOCK, 4):
                    store(work.h, (t + 1, p, s), activate(cell, load(work.h, (t + 1, p, s), 4)))


@jit
def _head(cell, layout, theta, work, gradient, stats, times):
    for _ in range(times):
        head(cell, SquaredError(), layout, theta, work.h, work.y, work.mask, gradient, stats)


@jit
def _backward(cell, layout, theta, w_hh_t, work, gradient, times):
    for _ in range(times):
        backward(
            cell,
            layout,
            theta,
            w_hh_t,
            work.x,
            work.y,
            work.mask,
            work.h,
            work.d,
            gradient,
            None,
            work.x.shape[0],
            True,
        )


@jit
def _recurrent(cell, layout, work, gradient, times):
    for _ in range(times):
        end = work.x.shape[0]
        while end > 0:
            start = max(0, end - SPAN)
            add_recurrent(cell, layout, work.h, work.d, gradient, start, end, True)
            end = start


@jit
def _update(layout, theta, w_hh_t, gradients, gradient, alive, memory, times):
    for _ in range(times):
        add_up(layout, gradients, 0, alive, gradient)
        update(SGD(), None, layout, theta, theta, gradient, alive, memory, memory, 0.1, 0.0, (1.0, 1.0))
        exchange(layout, theta, w_hh_t)


class Part:
    """A block's arrays for a workload; `blocks(times)` does the part's work so many times."""

    def __init__(self, work, threads, weights, x, y):
        elman = Elman(work.hidden, bias=False)
        self.cell = elman.kernel(INPUTS, OUTPUTS)
        self.layout = layout_of(self.cell, LANES)
        self.theta = pack(self.cell, self.layout, weights, np.float32)
        self.w_hh_t = aligned_zeros((self.layout.panels * self.layout.hidden, LANES), np.float32)
        self.gradient, self.memory = np.zeros_like(self.theta), np.zeros_like(self.theta)
        self.gradients = aligned_zeros((2, min(32, -(-work.batch // BLOCK)), *self.theta.shape), np.float32)
        self.alive = live(self.cell, self.layout, elman.weights, np.float32)
        self.block = workspace(self.cell, self.layout, work.steps, np.float32, bits=True)
        self.stats, self.source = np.zeros(4), Addition(bits=work.steps).kernel
        _data(self.source, self.block, 1)
        _forward(self.cell, self.layout, self.theta, self.block, 1)

    def run(self, updates):
        self.blocks(REPEATS * updates)


class Data(Part):
    def blocks(self, times):
        _data(self.source, self.block, times)


class Forward(Part):
    def blocks(self, times):
        _forward(self.cell, self.layout, self.theta, self.block, times)


class Activation(Part):
    def blocks(self, times):
        _activation(self.cell, self.block, times)


class Head(Part):
    def blocks(self, times):
        # Targets become derivatives: the next round takes them for targets, which costs the same.
        _head(self.cell, self.layout, self.theta, self.block, self.gradient, self.stats, times)


class Backward(Part):
    def blocks(self, times):
        _backward(self.cell, self.layout, self.theta, self.w_hh_t, self.block, self.gradient, times)


class Recurrent(Part):
    def blocks(self, times):
        _recurrent(self.cell, self.layout, self.block, self.gradient, times)


class Update(Part):
    def blocks(self, times):
        _update(self.layout, self.theta, self.w_hh_t, self.gradients, self.gradient, self.alive, self.memory, times)


def work_of_block(part, work):
    """(floating-point operations, bytes) of one block in a part; each array counts once where it is read and once where it is written."""
    h, t = work.hidden, work.steps
    states, square = 4 * t * h * BLOCK, 4 * h * h
    small = 4 * t * BLOCK
    flops, size = {
        "data": (0, 4 * small),
        "forward": (4 * t * h + (t - 1) * 2 * h * h, 2 * small + 2 * states + square),
        "activation": (0, 2 * states),
        "head": (2 * t * h, states + 3 * small),
        "backward": (8 * t * h + (t - 1) * 4 * h * h, 3 * small + 4 * states + 3 * square),
        "recurrent": ((t - 1) * 2 * h * h, 2 * states + 2 * square),
        "update": (0, 6 * square),
    }[part]
    return BLOCK * flops, size
