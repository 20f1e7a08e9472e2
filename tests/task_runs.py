"""Tasks run on words of bits and through the trainer's own data, for the tests of tasks."""

import numpy as np

from fastrnn.cells.elman import Elman
from fastrnn.compiling import jit
from fastrnn.kernels.layout import layout_of
from fastrnn.kernels.protocol import fill
from fastrnn.kernels.workspace import lanes_of, workspace
from fastrnn.tasks.base import label_words, tasks
from fastrnn.tasks.planes import answers_of, to_words

BLOCK = 16


@jit
def run_fill(task, seed, first, samples, work):
    fill(task, seed, first, samples, work)


def variants():
    """{description: task} of every registered task, with its defaults and with each parameter one and three larger."""
    found = [task for made_of in tasks().values() for task in (made_of(), *_changed(made_of()))]
    return {task.described(): task for task in found}


def _changed(task):
    for name, value in vars(task).items():
        if name != "bits":
            yield from (type(task)(**{**vars(task), name: value + more}) for more in (1, 3))


def labels(task, x, state=None):
    """y (W, T, O) for words x (W, T, I)."""
    y = np.zeros((*x.shape[:2], task.output_size), np.uint64)
    label_words(task.kernel, x, y, np.zeros((len(x), 64), np.uint64) if state is None else state)
    return y


def answers(task, rows):
    """The task's answers to tuples of operands, by its kernel."""
    return answers_of(task, labels(task, to_words(rows, task.bits)), len(rows))


def work_for(task, dtype=np.float32):
    cell = Elman(1).kernel(task.input_size, task.output_size)
    return workspace(cell, layout_of(cell, lanes_of(dtype)), task.bits, dtype, bits=False)


def drawn(task, seed, first, samples=BLOCK, work=None):
    """(x, y, mask), copies of the training data from sample `first` on."""
    work = work_for(task) if work is None else work
    run_fill(task.kernel, seed, first, samples, work)
    return work.x.copy(), work.y.copy(), work.mask.copy()


def operands_of(x):
    """The ints in x (T, I, BLOCK): for each sample a tuple."""
    return [
        tuple(int(sum(int(x[t, i, s]) << t for t in range(x.shape[0]))) for i in range(x.shape[1]))
        for s in range(BLOCK)
    ]
