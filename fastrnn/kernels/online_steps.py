"""Many updates with single samples inside one compiled call: `run_steps` for batches of one, on one thread.

Nothing is added up over groups, and each update goes from one array of weights to the other, so that the weights before
the last update are still there when they turn out to have been the better ones.
"""

from typing import NamedTuple

import numpy as np

from fastrnn.compiling import jit
from fastrnn.kernels.address import Address, call
from fastrnn.kernels.inline import inlined
from fastrnn.kernels.online import learn_one, learn_one_penalised
from fastrnn.kernels.online_update import RUINED, SOUND, UNMADE, descend_one
from fastrnn.kernels.reference import Referred, refer
from fastrnn.kernels.steps import CLEAN, DIVERGED, RAN, copy
from fastrnn.kernels.tiles import BLOCK
from fastrnn.kernels.update import add_up
from fastrnn.simd import load, store


class Calls(NamedTuple):
    """Addresses of the compiled parts: fill_block, and those of `kernels_of_one`; a mere gradient needs no descend."""

    fill: Address
    learn: Address
    descend: Address | None


def kernels_of_one(cell, loss, optimizer, shrinking, layout, truncate, replica, shared, work, one, penalised, own):
    """learn_one (or learn_one_penalised) and descend_one, each with examples of its arguments; own: for these sizes alone."""
    network = Referred(
        cell, loss, layout, replica.theta, replica.w_hh_t, work, one, shared.gradients[0, 0], truncate, known=own
    )
    descent = Referred(
        optimizer,
        shrinking,
        layout,
        replica.theta,
        replica.previous,
        shared.gradients[0, 0],
        shared.live,
        replica.first,
        replica.second,
        one.sound,
        known=own,
    )
    return ((learn_one_penalised if penalised else learn_one, network, 0, np.zeros(4), 0.0),
            (descend_one, descent, 0.0, 0.0, 0.0, 0))


@jit
def gradient_of_one(cell, loss, source, layout, plan, calls, step, saturation, replica, shared, work, one):
    """The sample's gradient into replica.gradient, its statistics into shared.history[0]."""
    stats = shared.history[0]
    stats[:] = 0
    call(calls.fill, (refer((source, work)), plan.seed, step - step % BLOCK, BLOCK))
    network = refer(
        (cell, loss, layout, replica.theta, replica.w_hh_t, work, one, shared.gradients[0, 0], plan.truncate)
    )
    call(calls.learn, (network, step % BLOCK, stats, saturation))
    add_up(layout, shared.gradients, 0, shared.live, replica.gradient)


@jit
def run_online(
    cell, loss, optimizer, shrinking, source, layout, plan, calls, rates, saturations, replica, shared, work, one
):
    """Updates until the rates run out, the samples stay clean, or loss or weights are not finite: as run_steps says it."""
    now, other, gradient = replica.theta, replica.previous, shared.gradients[0, 0]
    first, second, live, sound = replica.first, replica.second, shared.live, one.sound
    place = refer((source, work))
    network = refer((cell, loss, layout, now, replica.w_hh_t, work, one, gradient, plan.truncate))
    network_other = refer((cell, loss, layout, other, replica.w_hh_t, work, one, gradient, plan.truncate))
    descent = refer((optimizer, shrinking, layout, now, other, gradient, live, first, second, sound))
    descent_other = refer((optimizer, shrinking, layout, other, now, gradient, live, first, second, sound))
    clean, made, why, sound[0] = shared.clean[0], 0, RAN, SOUND
    while made < rates.size:
        step, stats = plan.first_step + made, shared.history[made]
        # A block of the stream lasts for as many updates as it has samples.
        if step % BLOCK == 0 or made == 0:
            call(calls.fill, (place, plan.seed, step - step % BLOCK, BLOCK))
        call(calls.learn, (network, step % BLOCK, stats, saturations[made]))
        call(calls.descend, (descent, stats[0], rates[made], plan.clip, step))
        if sound[0] != SOUND:
            if sound[0] == UNMADE:
                copy(other, now)
            why = DIVERGED
            break
        clean = clean + 1 if stats[3] == 0 else 0
        now, other, network, network_other, descent, descent_other = (
            other,
            now,
            network_other,
            network,
            descent_other,
            descent,
        )
        made += 1
        if 0 < plan.patience <= clean:
            why = CLEAN
            break
    shared.clean[0] = clean
    if made % 2 == 1:
        _swap(replica.theta, replica.previous)
    return made + (sound[0] == RUINED), why


@inlined
def _swap(a, b):
    for row in range(a.shape[0]):
        of_a = load(a, row, 1)
        store(a, row, load(b, row, 1))
        store(b, row, of_a)
