"""Many updates of a group of models, or of one model on blocks of its samples, inside one compiled call.

A round is a list of blocks. Each block says what is to be done with it and after it: see ITEM and the flags. Rounds
repeat until a model is done (fastrnn.kernels.recurrent.decide), there were as many as the frame asks for, or training
is to stop.
"""

from types import SimpleNamespace

from fastrnn.kernels.recurrent import decide
from fastrnn.kernels.recurrent.block import run_block
from fastrnn.kernels.recurrent.network import BLOCK_ARRAYS
from fastrnn.kernels.recurrent.update import update_weights
from fastrnn.machine.execute import Program

# What describes a block: its steps; the addresses of x, y, mask, of the columns' lengths and of weights (3, C), what
# each counts in training, validation and test; flags; and, where states are carried, the addresses of the states
# (S, H, C) that it starts from and that it leaves, or 0.
ITEM = ("steps", "x", "y", "mask", "lengths", "weights", "flags", "start", "finish")
# Flags: the block begins an update; some model learns from it; the update is made after it; it counts in an
# evaluation; that is over after it, and models are decided on (before the update, if there is one).
FRESH, LEARN, UPDATE, EVALUATE, DECIDE = 1, 2, 4, 8, 16
ROLES = decide.ROLES

POINTERS = (
    "theta",
    "gradient",
    "slots",
    "options",
    "running",
    "flags",
    "factor",
    "best",
    "active",
    "progress",
    "criteria",
    "sums",
    "history",
    "norm",
    *BLOCK_ARRAYS,
)
# stop: the address of an int64; where it is not 0, the kernel ends after the block that it is at, and leaves `round`
# and all weights as they were before the round, unless updates came within it. made: blocks of the round.
# window: steps of a window; segment: steps between two borders that no derivative crosses.
WORDS = ("window", "segment", "blocks", "count", "rounds", "round", "every", "evaluations", "done", "stop", "made")


def frame_of(m, names):
    """Return the arrays of a frame by name."""
    return SimpleNamespace(**{name: m.pointer(name) for name in names})


def train_kernel(net, optimizer, terms):
    """Return the kernel: a function of a machine."""

    def kernel(m):
        frame, table, asked = frame_of(m, POINTERS), m.integers("blocks"), m.integers("stop")
        every = m.word("every")
        for n, stop in m.loop(m.word("rounds")):
            evaluating = (m.word("round") % every).equals(0)
            for _ in m.when(evaluating):
                decide.begin(m, net, frame)
                clear(m, net, frame.sums, decide.SUMS)
            for number, leave in m.loop(m.word("count")):
                block, flags = _block(m, table, number)
                learning, counting = _has(flags, LEARN), _has(flags, EVALUATE).both(evaluating)
                for _ in m.when(_has(flags, FRESH)):
                    clear(m, net, frame.gradient, net.table.count)
                for _ in m.when(learning.either(counting)):
                    run_block(m, net, frame, block, learning, counting, terms)
                    for _ in m.when(counting):
                        _add_up(m, net, frame, block)
                for _ in m.when(_has(flags, DECIDE).both(evaluating)):
                    m.set_word("done", decide.decide(m, net, frame, every, terms.plateau))
                for _ in m.when(_has(flags, UPDATE)):
                    update_weights(m, net, optimizer, frame, terms, n)
                m.set_word("made", number + 1)
                leave(m.read(asked, 0))
            for _ in m.when(m.word("made").equals(m.word("count"))):
                m.set_word("round", m.word("round") + 1)
            stop(m.word("done"))
            stop(m.read(asked, 0))

    return kernel


def train_program(net, optimizer, terms, dtype, lanes):
    """Return the Program of a training kernel."""
    text = f"{net.text} {net.span} | {optimizer.text} {terms}"
    return Program(train_kernel(net, optimizer, terms), (*POINTERS, *WORDS), dtype, lanes, text)


def _has(flags, flag):
    """Return the condition that one of the flags is set."""
    return (flags % (2 * flag)) // flag


def _block(m, table, number):
    """Return (a block's arrays, its flags)."""
    row = number * len(ITEM)
    words = {name: m.read(table, row + n) for n, name in enumerate(ITEM)}
    block = {name: m.as_pointer(words[name]) for name in ("x", "y", "mask", "lengths", "weights")}
    return SimpleNamespace(**block, **{name: words[name] for name in ("steps", "start", "finish")}), words["flags"]


def _add_up(m, net, frame, block):
    """Add the block's losses and correct steps to the sums of training, validation and test."""
    zero = m.constant(0.0)
    for role in range(decide.ROLES):
        for kind in range(2):
            row = kind * decide.ROLES + role
            values = []
            for c in range(net.columns):
                weight = m.load(block.weights, m.integer(role * net.columns + c))
                value = m.load(frame.column_sums, m.integer(kind * net.columns + c))
                values.append(m.select(weight > 0.0, weight * value, zero))
            if net.own_weights:
                total = m.load(frame.sums, m.integer(row))
                for value in values:
                    total = total + value
                m.store(frame.sums, m.integer(row), total)
            else:
                total = values[0]
                for value in values[1:]:
                    total = total + value
                m.add_sums(frame.sums, [m.integer(row)], [total])


def clear(m, net, pointer, count):
    """Set numbers, one for each model, to 0."""
    rows = count if net.own_weights else -(-count // m.lanes)
    for row in m.range(rows):
        m.store(pointer, row, m.constant(0.0))
