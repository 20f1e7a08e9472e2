"""One block of sequences: forward in time, and back, window by window; and the programs that learn from blocks of a
stream, for drivers that draw samples, let threads meet and decide about models between them.

States are kept of one window of steps at a time. Forward leads through all windows and leaves a checkpoint before each;
back leads through the last window at once, and through each one before it after its states are computed once more.
"""

import operator
from functools import reduce
from types import SimpleNamespace

from fastrnn.kernels.recurrent.backward import back_step
from fastrnn.kernels.recurrent.forward import forward_step, head_step, head_steps
from fastrnn.kernels.recurrent.frame import clear, copy, frame_of, vectors_of
from fastrnn.kernels.recurrent.gradients import gradients, initial_gradients, output_gradients
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


def run_block(m, net, frame, block, learning, evaluating, terms, use=None):
    """Run a block forward, with the loss where `evaluating` holds, and backward where `learning` holds; use: see
    `gradients`."""
    clear(m, frame.column_sums, 2 * net.columns)
    if net.head.emphasis:
        clear(m, frame.errors, (net.sizes.outputs + 1) * net.columns)
    given = m.integer(0)
    if terms.carried:
        given = first_states(m, net, frame, block.start)
    else:
        start_states(m, net, frame)
    if terms.long:
        _run_windows(m, net, frame, block, learning, evaluating, terms)
    else:
        part = _part(m, net, block)
        _forward(m, net, frame, part, learning, evaluating, terms)
        _turn(m, net, frame, part, learning, terms)
        for _ in m.when(learning):
            _back(m, net, frame, part, terms, use)
    for _ in m.when(learning):
        if net.before:
            output_gradients(m, net, frame, m.integer(0), 1)
        for _ in m.when(given.equals(0)) if not terms.fresh else ():
            initial_gradients(m, net, frame)


def _run_windows(m, net, frame, block, learning, evaluating, terms):
    size, rows, states = m.word("window"), net.checkpoint, len(net.step.new)
    windows = (block.steps + (size - 1)) // size
    # Without steps there is one, too.
    windows = windows + windows.equals(0)
    for visit in m.range(windows + learning * (windows - 1)):
        again, number = (windows - 1).below(visit), visit.least(windows * 2 - 2 - visit)
        checkpoint = m.part(frame.checkpoints, number * (rows * m.lanes))
        for _ in m.when(again):
            copy(m, checkpoint, 0, frame.state, rows)
        for _ in m.when(m.integer(0).below(visit).both(visit.below(windows))):
            copy(m, frame.state, size * net.stride(states), frame.state, rows)
        for _ in m.when(visit.below(windows - 1)):
            copy(m, frame.state, 0, checkpoint, rows)
        part = _part(m, net, block, number * size, size)
        own = frame
        if net.head.emphasis:
            # A step's derivative reaches the one before it, in another window, too.
            place = part.first * (net.sizes.outputs * net.columns * m.lanes)
            own = SimpleNamespace(**vars(frame) | {"d_z": m.part(frame.d_z, place)})
        once, turned = again.equals(0), learning.both((windows - 2).below(visit))
        deriving = learning.both(once) if net.head.emphasis else turned
        _forward(m, net, own, part, deriving, evaluating.both(once), terms)
        for _ in m.when(visit.equals(windows - 1)):
            _turn(m, net, own, part, learning, terms)
        for _ in m.when(turned):
            _back(m, net, own, part, terms)
            if net.before and not net.head.emphasis:
                # The first outputs belong to the states that the window before this one ends with.
                outputs = net.sizes.outputs * net.columns
                copy(m, own.d_z, 0, m.part(own.d_z, size * (outputs * m.lanes)), outputs)


def _part(m, net, block, first=None, size=None):
    """Return the block from step `first` on, of up to `size` steps; None: the whole block."""
    if first is None:
        return SimpleNamespace(**vars(block), first=m.integer(0))
    x, y = (net.data_from(m, array, first * rows) for array, rows in (
        (block.x, net.sizes.inputs), (block.y, len(net.head.y))))
    changed = {"x": x, "y": y, "mask": net.mask_from(m, block.mask, first), "first": first}
    return SimpleNamespace(**vars(block) | changed | {"steps": (block.steps - first).least(size)})


def _forward(m, net, frame, part, deriving, scoring, terms):
    """Compute the states of all steps, and outputs with their losses where `scoring` holds, derivatives where
    `deriving`."""
    # Outputs of one column come after all states; of more, while the states are in the nearest cache.
    apart = net.columns == 1 and not net.head.emphasis
    for t in m.range(part.steps):
        forward_step(m, net, frame, part, t, part.first, terms.far, _fresh(m, part.first + t, terms))
        if not apart:
            for _ in m.when(deriving.either(scoring)):
                head_step(m, net, frame, part, t, deriving, scoring)
    if apart:
        for _ in m.when(deriving.either(scoring)):
            head_steps(m, net, frame, part, deriving, scoring)


def _fresh(m, t, terms):
    """Return whether the state before step t is surely zero; None: it may never be."""
    return t.equals(0) if terms.fresh else None


def _turn(m, net, frame, part, learning, terms):
    """After the last step: store its states where they are carried, and begin the backward pass."""
    outputs = net.sizes.outputs * net.columns
    if terms.carried:
        for _ in m.when(m.integer(0).below(part.finish)):
            copy(m, frame.state, part.steps * net.stride(len(net.step.new)), m.as_pointer(part.finish), net.checkpoint)
    for _ in m.when(learning):
        # No output is read from the last states.
        for row in m.range(outputs) if net.before else ():
            m.store(frame.d_z, part.steps * outputs + row, m.constant(0.0))
        clear(m, frame.d_state, net.checkpoint)


def _back(m, net, frame, part, terms, use=None):
    """Go backward through all steps, with their gradients."""
    spans = (part.steps + (net.span - 1)) // net.span
    for number in m.down(spans):
        first = number * net.span
        count = (part.steps - first).least(net.span)
        for slot in m.down(count):
            back_step(m, net, frame, part, first + slot, slot, terms, _fresh(m, part.first + first + slot, terms))
            if terms.truncated:
                # What came before a border is given, for what comes after it.
                t = part.first + first + slot
                for _ in m.when((t % m.word("segment")).equals(0).both(m.integer(0).below(t))):
                    clear(m, frame.d_state, net.checkpoint)
        gradients(m, net, frame, part, first, count, _fresh(m, part.first + first, terms), use)


def first_states(m, net, frame, start):
    """Return the states before the first step: those at an address, or, where that is 0, the model's own.

    Returns whether there is an address.
    """
    given = m.integer(0).below(start)
    for _ in m.when(given):
        copy(m, m.as_pointer(start), 0, frame.state, net.checkpoint)
    for _ in m.when(given.equals(0)):
        start_states(m, net, frame)
    return given


def start_states(m, net, frame):
    """Return the state before the first step: a learned one, which is zero where it does not learn."""
    for row in m.range(len(net.step.new) * net.sizes.hidden):
        value = net.weight(m, frame.theta, row + net.table["initial"])
        for c in range(net.columns):
            m.store(frame.state, row * net.columns + c, value)


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
