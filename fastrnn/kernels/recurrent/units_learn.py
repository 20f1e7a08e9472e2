"""The gradient of a few samples of one network, and the update with it; hidden units lie in the lanes.

The states of long samples are all kept, or, like those of batches (see .block), of one window of steps at a time;
derivatives are always kept of one window, and summed there.
"""

from types import SimpleNamespace

from fastrnn.kernels.recurrent.frame import clear, copy, frame_of
from fastrnn.kernels.recurrent.units import head_chunk, turn, units_back_step, units_forward_step
from fastrnn.kernels.recurrent.units_gradients import units_gradients
from fastrnn.kernels.recurrent.update import update_weights
from fastrnn.machine.execute import Program

UNITS_POINTERS = (
    "theta", "turned", "gradient", "options", "x", "y", "mask", "sums", "state", "saved", "d", "d_state", "d_z",
    "checkpoints",
)
# steps: of the longest of the samples; lengths: the address of the int64 steps of each; stride: numbers of x from one
# to the next; chunks: vectors of each output of the longest one that may come; window: steps of a window; whole: 1
# where all states are kept.
UNITS_WORDS = ("steps", "lengths", "stride", "chunks", "window", "whole", "segment")
UNITS_UPDATE_POINTERS = (
    "theta", "following", "gradient", "slots", "options", "running", "flags", "active", "norm", "bad",
)


def units_learn_program(net, terms, dtype):
    """The Program that computes the gradient of a few samples, and adds loss and wrong outputs of each to sums (C, 2).
    """

    def kernel(m):
        frame, zero = frame_of(m, UNITS_POINTERS), m.constant(0.0)
        frame.first, frame.lengths = m.integer(0), m.integers("lengths")
        for name in ("steps", "stride", "chunks"):
            setattr(frame, name, m.word(name))
        for row in m.range(net.checkpoint):
            m.store(frame.state, row, zero)
            m.store(frame.d_state, row, zero)
        if not terms.long:
            for t in m.range(frame.steps):
                units_forward_step(m, net, frame, t)
            # Not needed before the way back: the processor does it while the recurrence waits.
            turn(m, net, frame)
            for chunk in m.range(_chunks(net, frame)):
                head_chunk(m, net, frame, chunk)
            _back(m, net, frame, terms)
            return
        turn(m, net, frame)
        clear(m, frame.gradient, net.table.count // net.lanes)
        _run_windows(m, net, frame, terms)

    return Program(kernel, (*UNITS_POINTERS, *UNITS_WORDS), dtype, net.lanes, f"{net.text} | {terms}")


def units_update_program(net, optimizer, terms, dtype):
    """Return the Program that makes one update, from weights `theta` to weights `following`."""

    def kernel(m):
        update_weights(m, net, optimizer, frame_of(m, UNITS_UPDATE_POINTERS), terms)

    return Program(kernel, UNITS_UPDATE_POINTERS, dtype, net.lanes, f"{net.text} | {optimizer.text} {terms}")


def _chunks(net, part):
    return (part.steps + (net.chunk - 1)) // net.chunk


def _back(m, net, part, terms):
    """Back through all steps, with their gradients."""
    for t in m.down(part.steps):
        units_back_step(m, net, part, t, terms)
    units_gradients(m, net, part, part.steps, _chunks(net, part), terms.long)


def _run_windows(m, net, frame, terms):
    """Run forward through all windows, and backward through them; see .block."""
    size, whole, rows = m.word("window"), m.word("whole"), net.checkpoint
    windows = (frame.steps + (size - 1)) // size
    for visit in m.range(windows * 2 - 1):
        once, number = visit.below(windows), visit.least(windows * 2 - 2 - visit)
        part, pieces = _part(m, net, frame, number * size, size, whole), whole.equals(0)
        checkpoint = m.part(frame.checkpoints, number * (rows * net.lanes))
        for _ in m.when(pieces.both(once.equals(0))):
            copy(m, checkpoint, 0, frame.state, rows)
        for _ in m.when(pieces.both(once).both(m.integer(0).below(visit))):
            copy(m, frame.state, size * rows, frame.state, rows)
        for _ in m.when(pieces.both(visit.below(windows - 1))):
            copy(m, frame.state, 0, checkpoint, rows)
        for _ in m.when(pieces.either(once)):
            for t in m.range(part.steps):
                units_forward_step(m, net, part, t)
        for _ in m.when(once):
            for chunk in m.range(_chunks(net, part)):
                head_chunk(m, net, part, chunk)
        for _ in m.when((windows - 2).below(visit)):
            _back(m, net, part, terms)


def _part(m, net, frame, first, size, whole):
    """Return the arrays of a window from step `first` on, of up to `size` steps."""
    numbers, chunks = net.columns * net.panels * net.lanes, (first // net.chunk) * net.lanes
    begins = {
        "x": first * net.sizes.inputs,
        "state": first * whole * (len(net.step.new) * numbers),
        "saved": first * whole * (len(net.step.saved) * numbers),
        **dict.fromkeys(("y", "mask", "d_z"), chunks),
    }
    changed = {name: m.part(getattr(frame, name), place) for name, place in begins.items()}
    return SimpleNamespace(**vars(frame) | changed | {"first": first, "steps": (frame.steps - first).least(size)})
