"""Tasks run on words of bits and through the trainer's own data, for the tests of tasks."""

import numpy as np

from fastrnn.bits.label import label_words
from fastrnn.bits.planes import answers_of, to_words
from fastrnn.bits.stream import bits_network
from fastrnn.cells.elman import Elman
from fastrnn.kernels import block_data
from fastrnn.kernels.block_data import block_for, layer_for
from fastrnn.machine.execute import Program
from fastrnn.networks import lanes_for
from fastrnn.tasks.base import tasks

BLOCK = 16


def _lay(m):
    m.run(m.integers("frame"), block_data.LAY, **{name: m.word(name) for name in block_data.LAY})


LAY = Program(_lay, ("frame", *block_data.LAY), "float64", 1, "")


def variants():
    """{description: task} of every registered task, with its defaults and with each parameter one and three larger."""
    found = [task for made_of in tasks().values() for task in (made_of(), *_changed(made_of()))]
    return {task.described(): task for task in found}


def _changed(task):
    for name, value in vars(task).items():
        if name != "bits":
            yield from (type(task)(**{**vars(task), name: value + more}) for more in (1, 3))


def answers(task, rows):
    """The task's answers to tuples of operands, by its kernel."""
    return answers_of(task, label_words(task, to_words(rows, task.bits)), len(rows))


def block_of(task, dtype=np.float32):
    """An empty block for the task's samples."""
    name = np.dtype(dtype).name
    net = bits_network(Elman(1), task.input_size, task.output_size, name)
    return block_for(net, task.bits, dtype, lanes_for(name), task.last_only)


def drawn(task, seed, first, samples=BLOCK, block=None):
    """(x (T, I, BLOCK), y (T, O, BLOCK), mask (T, BLOCK)) of the training data from sample `first` on."""
    block = block_of(task) if block is None else block
    source = task.kernel
    frame = layer_for(source, block, block.mask.dtype, block.lengths.shape[-1])
    LAY.call(frame=frame, seed=seed, first=first, samples=samples)
    there = block.weights[0].reshape(-1)[:BLOCK]
    bits = np.arange(BLOCK, dtype=np.uint64)
    x, y = ((words[..., None] >> bits & np.uint64(1)).astype(there.dtype) for words in (block.x, block.y))
    mask = block.mask[:, None] * there
    assert block.outputs.sum() == mask.sum() * task.output_size
    return x, y, mask


def operands_of(x):
    """The ints in x (T, I, BLOCK): for each sample a tuple."""
    return [
        tuple(int(sum(int(x[t, i, s]) << t for t in range(x.shape[0]))) for i in range(x.shape[1]))
        for s in range(BLOCK)
    ]
