"""One block of samples of a stream: forward, back, gradients and statistics; and the update that follows a batch.

Two programs, for drivers that draw samples, let threads meet and decide about models between them.
"""

import operator
from functools import reduce
from types import SimpleNamespace

from fastrnn.kernels.recurrent.block import run_block
from fastrnn.kernels.recurrent.frame import clear, frame_of, vectors_of
from fastrnn.kernels.recurrent.network import BLOCK_ARRAYS
from fastrnn.kernels.recurrent.tally import SUMS, TALLY_POINTERS, TALLY_WORDS, tally
from fastrnn.kernels.recurrent.update import update_weights, updating
from fastrnn.machine.execute import Program

# A frame begins with the words, which drivers change.
LEARN_POINTERS = (
    "theta",
    "gradient",
    "options",
    "mask",
    "lengths",
    "weights",
    "sums",
    *BLOCK_ARRAYS,
)
# x, y: addresses of the block's data; fresh: whether the gradient begins with this block; window: steps of a window;
# segment: steps between two borders that no derivative crosses.
LEARN_WORDS = ("x", "y", "steps", "fresh", "window", "segment")
UPDATE_POINTERS = ("theta", "gradient", "slots", "options", "running", "flags", "active", "norm", "bad")


def learn_program(net, terms, dtype, lanes, optimizer=None):
    """Return the Program that adds the gradient and the SUMS of one block; of models side by side it keeps a tally.

    optimizer: of models side by side, where a block of one span of steps is a batch: it updates at once.
    """
    side = net.own_weights
    more = (*(("active", *TALLY_POINTERS) if side else ()), *(UPDATE_POINTERS if optimizer else ()))
    pointers, words = dict.fromkeys((*LEARN_POINTERS, *more)), LEARN_WORDS + TALLY_WORDS * side

    def kernel(m):
        frame = frame_of(m, pointers)
        use = optimizer and updating(m, net, optimizer, frame, terms)
        pointer = m.as_integers if net.bits else m.as_pointer
        block = SimpleNamespace(
            x=pointer(m.word("x")),
            y=pointer(m.word("y")),
            mask=frame.mask,
            lengths=frame.lengths,
            weights=frame.weights,
            steps=m.word("steps"),
        )
        for _ in m.when(m.word("fresh")) if not optimizer else ():
            clear(m, frame.gradient, vectors_of(net, net.table.count, m.lanes))
        run_block(m, net, frame, block, m.integer(1), m.integer(1), terms, use)
        _count(m, net, frame)

    text = f"{net.text} {net.span} | {terms} {optimizer.text if optimizer else ''}"
    return Program(kernel, (*words, *pointers), dtype, lanes, text)


def _count(m, net, frame):
    """Add the block's losses and mistakes to the sums, of the columns and lanes that hold a sample."""
    totals = [[] for _ in SUMS]
    for c in range(net.columns):
        counts = m.load(frame.weights, c) > 0.0
        loss, wrong = (m.load(frame.column_sums, kind * net.columns + c) for kind in range(2))
        ever = m.select(wrong > 0.0, m.constant(1.0), 0.0)
        for values, value in zip(totals, (loss, wrong, ever)):
            values.append(m.select(counts, value, 0.0))
    sums = [reduce(operator.add, values) for values in totals]
    if net.own_weights:
        tally(m, frame, sums)
    else:
        m.add_sums(frame.sums, range(len(SUMS)), sums)


def update_program(net, optimizer, terms, dtype, lanes):
    """Return the Program that makes one update with the gradient."""

    def kernel(m):
        frame = frame_of(m, UPDATE_POINTERS)
        update_weights(m, net, optimizer, frame, terms)

    return Program(kernel, UPDATE_POINTERS, dtype, lanes, f"{net.text} | {optimizer.text} {terms}")
