"""Many updates with single samples inside one compiled call: `run_steps` for batches of one, on one thread.

Nothing is added up over groups, and each update goes from one array of weights to the other, so that the weights before
the last update are still there when they turn out to have been the better ones.
"""

import numpy as np

from fastrnn.compiling import jit
from fastrnn.kernels.address import call
from fastrnn.kernels.inline import inlined
from fastrnn.kernels.protocol import corrections
from fastrnn.kernels.reference import refer
from fastrnn.kernels.steps import CLEAN, DIVERGED, RAN, copy
from fastrnn.kernels.tiles import BLOCK
from fastrnn.kernels.update import add_up, squared_norm, update
from fastrnn.simd import load, store


@jit
def gradient_of_one(cell, loss, source, layout, plan, calls, step, saturation, replica, shared, work, one):
    """The sample's gradient into replica.gradient, its statistics into shared.history[0]."""
    stats = shared.history[0]
    stats[:] = 0
    call(calls.fill, (refer((source, work)), plan.seed, step - step % BLOCK, BLOCK))
    call(calls.learn, (refer((cell, loss, layout, replica.theta, replica.w_hh_t, work, one)), step % BLOCK, shared.gradients[0, 0], stats,
                       saturation, plan.truncate))
    add_up(layout, shared.gradients, 0, shared.live, replica.gradient)


@jit
def run_online(cell, loss, optimizer, shrinking, source, layout, plan, calls, rates, saturations, replica, shared, work, one):
    """Updates until the rates run out, the samples stay clean, or the loss is not finite: as run_steps says it."""
    now, other = replica.theta, replica.previous
    place = refer((source, work))
    network = refer((cell, loss, layout, now, replica.w_hh_t, work, one))
    network_other = refer((cell, loss, layout, other, replica.w_hh_t, work, one))
    gradient, clean, made, why = shared.gradients[0, 0], shared.clean[0], 0, RAN
    while made < rates.size:
        step, stats = plan.first_step + made, shared.history[made]
        # A block of the stream lasts for as many updates as it has samples.
        if step % BLOCK == 0 or made == 0:
            call(calls.fill, (place, plan.seed, step - step % BLOCK, BLOCK))
        call(calls.learn, (network, step % BLOCK, gradient, stats, saturations[made], plan.truncate))
        norm = np.sqrt(squared_norm(layout, gradient, shared.live))
        if not (np.isfinite(stats[0]) and np.isfinite(norm)):
            copy(other, now)
            why = DIVERGED
            break
        clean = clean + 1 if stats[3] == 0 else 0
        scale = plan.clip / norm if norm > plan.clip else 1.0
        update(optimizer, shrinking, layout, now, other, gradient, shared.live, replica.first, replica.second, rates[made], scale,
               corrections(optimizer, step))
        now, other, network, network_other = other, now, network_other, network
        made += 1
        if 0 < plan.patience <= clean:
            why = CLEAN
            break
    shared.clean[0] = clean
    if made % 2 == 1:
        _swap(replica.theta, replica.previous)
    return made, why


@inlined
def _swap(a, b):
    for row in range(a.shape[0]):
        of_a = load(a, row, 1)
        store(a, row, load(b, row, 1))
        store(b, row, of_a)
