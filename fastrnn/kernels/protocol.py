"""What the kernels ask of parts that live above them, each chosen by the type of a NamedTuple.

The parts register themselves with `numba.extending.overload` on these functions.
"""

from fastrnn.compiling import jit
from fastrnn.kernels.address import address_of
from fastrnn.kernels.reference import Referred, held


def fill(source, seed, first, samples, work):
    """Write samples first to first + BLOCK - 1 of the stream into a Workspace: x, y and mask, 1 for the first `samples` of them.

    Sample n depends on the seed and n alone, so that neither threads nor batches matter; update `step`
    takes samples step * batch_size and on.
    """
    raise NotImplementedError


@jit
def fill_block(place, seed, first, samples):
    """`fill`, as a compiled function of its own; place: a Reference to (source, Workspace)."""
    source, work = held(place)
    fill(source, seed, first, samples, work)


def fill_address(source, work):
    """The address of fill_block for a source of batches."""
    return address_of(fill_block, Referred(source, work), 0, 0, 0)


def loss_and_derivative(loss, z, y):
    """(L, dL/dz) for one vector of logits z and targets y."""
    raise NotImplementedError


def corrections(optimizer, step):
    """Two numbers that depend on the step (counted from 0) alone, handed to every apply_update of it."""
    raise NotImplementedError


def memories(optimizer):
    """How many memories of the optimizer's apply_update ever change: 0, 1 (the first) or 2."""
    raise NotImplementedError


def apply_update(optimizer, w, g, first, second, rate, c1, c2):
    """(w, first, second) after one update with gradient g; first and second are memories, zero at the start."""
    raise NotImplementedError
