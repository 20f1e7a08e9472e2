"""Searches a fixed point of boxes: states that no sequence of any length leaves.

**Theorem.** Let a task be an automaton, and let a graph have nodes n with the task's state q(n), required outputs y(n)
and a box B(n) of hidden states, and a node n' after each symbol s, such that, in arithmetic that covers every rounding
error of the kernels and lets nothing overflow,

1. q of the first node is the task's start, and its box holds the zero state;
2. the cell maps B(n), with any symbol s, into B(n'); q(n') is the task's state after s in q(n), y(n') its output;
3. on all of B(n), of every node but the first, the logits lie on that side of zero which y(n) says.

Then the kernels' outputs are right at every step of every sequence of any length. Proof: by 1 and 2, induction over the
steps: the hidden state lies in the box of the node to which the inputs so far lead in the graph, and q of that node is
the state to which they lead in the task; so y of that node is the task's output, and by 3 it is the network's.

The boxes are found by iteration from single states (P. Cousot and R. Cousot, "Abstract interpretation", POPL 1977),
each round widened a little, so that a contracting network arrives after few; then they are made as tight as they get.
"""

from typing import NamedTuple

import numpy as np

from fastrnn.proofs.rounding import LEAST_MARGIN

# (rounds, share of its radius by which a box is widened in each): coarse first.
WIDENINGS = ((60, 0.05), (300, 0.002))
WIDEN = 1e-6

# Proved boxes are tightened, except for this share of their width and of the numbers themselves: room for the
# rounding errors of the next image, without which it could lie outside of the last by an ulp.
ROOM, ULPS, TIGHTENINGS = 1e-8, 1e-15, 400

NEAR_ZERO, OVERFLOW = "the logits of a box reach zero", "sums of magnitude {:.3g} could overflow"


class Proof(NamedTuple):
    """The result for one graph: `proved`; boxes low and high (N, H); margins (N), the first infinite; rounds; the
    reason of a failure, and its node."""

    proved: bool
    low: np.ndarray
    high: np.ndarray
    margins: np.ndarray
    rounds: int
    reason: str = ""
    node: int = -1

    @property
    def margin(self):
        """The smallest distance of any logit from the wrong side."""
        return float(self.margins.min())


def prove(boxes, graph, progress=None, initial=0.0):
    """Try to prove the Boxes of a network on a Graph of their automaton. progress(): called in every round; initial:
    the state of the first node."""
    failure, start = None, _single_states(boxes, graph, initial)
    for rounds, share in WIDENINGS:
        proof = _attempt(boxes, graph, start, rounds, share, progress)
        if proof.proved:
            return proof
        failure = failure or proof
        if proof.rounds == 1:
            break
    return failure


def image(boxes, graph, low, high):
    """Return the images of the boxes under the cell, joined at the nodes they lead to; the first node gets none."""
    before, arrivals, fed = (low, high), graph.apart, boxes.fed(low, high)
    if boxes.joins:
        arrivals, joins = graph.joined, (np.minimum, np.maximum)
        fed = [join.reduceat(end[graph.order], graph.starts) for join, end in zip(joins, fed)]
        before = [end[graph.order[graph.starts]] for end in before]
    after_low, after_high = (end.reshape(-1, low.shape[1]) for end in boxes.step(*before, fed))
    new_low, new_high = np.full_like(low, np.inf), np.full_like(high, -np.inf)
    new_low[arrivals.reached] = np.minimum.reduceat(after_low[arrivals.order], arrivals.firsts)
    new_high[arrivals.reached] = np.maximum.reduceat(after_high[arrivals.order], arrivals.firsts)
    return new_low, new_high


def _attempt(boxes, graph, start, rounds, share, progress):
    # Every comparison here is false for a NaN, of which boxes that grow without end are made.
    (low, high), (start_low, start_high) = start, start
    for done in range(1, rounds + 1):
        if progress:
            progress()
        margins = boxes.margins(low, high, graph.labels)
        if not margins.min() > LEAST_MARGIN:
            return Proof(False, low, high, margins, done, NEAR_ZERO, int(margins.argmin()))
        new_low, new_high = image(boxes, graph, low, high)
        new_low, new_high = np.minimum(new_low, start_low), np.maximum(new_high, start_high)
        if (new_low >= low).all() and (new_high <= high).all():
            return tightened(boxes, graph, start, (low, high), (new_low, new_high), done, progress)
        widen = share * (new_high - new_low) + WIDEN
        low, high = np.minimum(low, new_low - widen), np.maximum(high, new_high + widen)
    escape = np.maximum(low - new_low, new_high - high).max(axis=1)
    return Proof(False, low, high, margins, rounds, "a box still grows", int(escape.argmax()))


def tightened(boxes, graph, start, proved, images, rounds, progress):
    """Return the Proof with smaller boxes that still contain their images.

    In real arithmetic the images could take the boxes' place at once, for they hold their own images.
    """
    (low, high), (new_low, new_high) = proved, images
    for _ in range(TIGHTENINGS):
        if progress:
            progress()
        room = ROOM * (new_high - new_low) + ULPS * np.maximum(np.abs(new_low), np.abs(new_high))
        if ((new_low - low <= 4 * room) & (high - new_high <= 4 * room)).all():
            break
        less_low, less_high = np.maximum(new_low - room, low), np.minimum(new_high + room, high)
        new_low, new_high = image(boxes, graph, less_low, less_high)
        new_low, new_high = np.minimum(new_low, start[0]), np.maximum(new_high, start[1])
        if not ((new_low >= less_low).all() and (new_high <= less_high).all()):
            break
        low, high, rounds = less_low, less_high, rounds + 1
    margins, magnitude = boxes.margins(low, high, graph.labels), boxes.magnitude(low, high)
    if not magnitude < boxes.limit:
        widest = int(np.abs([low, high]).max(axis=(0, 2)).argmax())
        return Proof(False, low, high, margins, rounds, OVERFLOW.format(magnitude), widest)
    if not margins.min() > LEAST_MARGIN:
        return Proof(False, low, high, margins, rounds, NEAR_ZERO, int(margins.argmin()))
    return Proof(True, low, high, margins, rounds)


def _single_states(boxes, graph, initial):
    """Return boxes around one state for each node: the state after a shortest path to it from the zero state."""
    low, high = (np.zeros((graph.nodes, boxes.parts * boxes.weights.hidden)) for _ in range(2))
    low[0] = high[0] = initial
    for before, symbols, nodes in graph.levels:
        ends = low[before], high[before]
        low[nodes], high[nodes] = boxes.step(*ends, boxes.fed(*ends), symbols)
    return low, high
