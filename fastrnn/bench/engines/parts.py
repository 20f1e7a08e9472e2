"""The parts of an update, each timed alone on the arrays of one block, which lie in the cache as during training.

One update of a part is REPEATS blocks of PART_SAMPLES samples (for `Update`, REPEATS updates of the weights). For each
part
`work_of_block` says what one block computes and how much of its arrays it reads and writes. The sum of the parts is not
the whole: in training one part's last stores overlap with the next one's loads.
"""

import numpy as np

from fastrnn.bench.workload import INPUTS, OUTPUTS
from fastrnn.bits.stream import Stream
from fastrnn.cells.elman import Elman
from fastrnn.kernels.block_data import LAY, WORD
from fastrnn.machine.execute import Program
from fastrnn.model import Model
from fastrnn.tasks.addition import Addition
from fastrnn.training.tasks.config import TrainConfig
from fastrnn.training.tasks.session import Session

REPEATS = 100
PART_SAMPLES = WORD


def _lay(m):
    for n in m.range(m.word("times")):
        m.run(m.integers("frame"), LAY, seed=0, first=n * PART_SAMPLES, samples=PART_SAMPLES)


def _run(m):
    for _ in m.range(m.word("times")):
        m.run(m.integers("frame"))


_LAY = Program(_lay, ("frame", "times"), "float32", 1, "")
_RUN = Program(_run, ("frame", "times"), "float32", 1, "")


class TimedPart:
    """A session during training; `blocks(times)` does the part's work `times` times."""

    def __init__(self, work, threads, weights, x, y):
        self.work, elman, task = work, Elman(work.hidden, bias=False), Addition(bits=work.steps)
        # The same update many times must lead nowhere.
        config = TrainConfig(optimizer="sgd", learning_rate=1e-30, batch_size=PART_SAMPLES, dtype=work.dtype)
        self.session = Session(elman, (INPUTS, OUTPUTS), task.kernel, work.steps, config, 1, weights)
        self.stream = Stream(Model(elman, weights, task), PART_SAMPLES, 1)
        words = np.zeros((1, work.steps, INPUTS), np.uint64)
        self.forward = self.stream.frame(words, np.zeros((1, work.steps, OUTPUTS), np.uint64))
        self.session.run(1)
        self.thread = self.session.own[0]

    def run(self, updates):
        self.blocks(REPEATS * updates)


class Data(TimedPart):
    def blocks(self, times):
        _LAY.call(frame=self.thread.lay, times=times)


class Forward(TimedPart):
    def blocks(self, times):
        _RUN.call(frame=self.forward[0], times=times)


class Learn(TimedPart):
    def blocks(self, times):
        _RUN.call(frame=self.thread.learn, times=times)


class Update(TimedPart):
    def blocks(self, times):
        _RUN.call(frame=self.thread.shared.update, times=times)


def work_of_block(part, work):
    """Return (floating-point operations, bytes) of a part for one block; each array counts once where it is read and
    once where it is written."""
    h, t = work.hidden, work.steps
    states, square = 4 * t * h * PART_SAMPLES, 4 * h * h
    flops, size = {
        "data": (0, 8 * t * 3),
        "forward": (2 * t * h * (INPUTS + 1) + (t - 1) * 2 * h * h, 2 * states + square),
        "learn": (6 * t * h * (INPUTS + 1) + (t - 1) * 6 * h * h, 6 * states + 4 * square),
        "update": (0, 3 * square),
    }[part]
    return PART_SAMPLES * flops, size
