"""A fixed point of boxes: states that no sequence of any length leaves.

**Theorem.** Let a task be an automaton, and let every node n = (state q before the window, symbols w_1 ... w_k)
have a box B(n) of hidden states such that, in arithmetic that covers every rounding error of the kernels,

1. the state after w from the zero state lies in B(start, w), and outputs after shorter inputs are right;
2. the cell maps B(n), with any symbol s, into B(n'), n' = (q after w_1, symbols w_2 ... w_k s);
3. on all of B(n) the logits lie on that side of zero where the task's output after w is one or zero.

Then the kernels' outputs are right at every step of every sequence of any length. Proof: after t >= k steps the
state lies in B(state before the last k symbols, last k symbols), by 1 for t = k and by 2 from t to t + 1; so
by 3 each output from the k-th step on is right, and by 1 each earlier one.

The boxes are found by iteration from single states (P. Cousot and R. Cousot, "Abstract interpretation", POPL 1977), each
round widened a little, so that a contracting network arrives after few; then they are made as tight as they get.
To name a node by the state *before* its window is what makes it work: the state after it says less than what the
hidden units still remember.
"""

from typing import NamedTuple

import numpy as np

from fastrnn.certify.boxes import Boxes
from fastrnn.certify.rounding import LEAST_MARGIN

# (rounds, share of its radius by which a box is widened in each): coarse first.
ATTEMPTS = ((60, 0.05), (300, 0.002))
WIDEN = 1e-6

# Proved boxes are tightened, but for this share of their width and so much of the numbers themselves: room for the
# rounding errors of the next image, without which it could lie outside of the last by an ulp.
ROOM, ULPS, TIGHTENINGS = 1e-8, 1e-15, 400


class Proof(NamedTuple):
    """What came out of one k: `proved`; boxes low and high (N, H); margins (N); rounds; why not, and at which node.

    shortest: the smallest margin of outputs after fewer than k inputs.
    """

    proved: bool
    low: np.ndarray
    high: np.ndarray
    margins: np.ndarray
    shortest: float
    rounds: int
    reason: str = ""
    node: int = -1

    @property
    def margin(self):
        """The smallest distance of any logit from the wrong side."""
        return float(min(self.shortest, self.margins.min()))


def prove(model, windows):
    """A Proof for boxes on `windows`."""
    boxes = Boxes(model, windows.automaton)
    shortest = _beginnings(boxes, windows)
    low, high = _single_states(boxes, windows)
    start = low, high
    if shortest <= LEAST_MARGIN:
        margins = boxes.margins(low, high, windows.labels)
        return Proof(False, low, high, margins, shortest, 0, "an output after the first inputs is wrong or too close to zero", -1)
    failure = None
    for rounds, share in ATTEMPTS:
        proof = _attempt(boxes, windows, start, shortest, rounds, share)
        if proof.proved:
            return proof
        failure = failure or proof
        if (boxes.margins(*start, windows.labels) <= LEAST_MARGIN).any():
            break
    return failure


def image(boxes, windows, low, high):
    """What the cell makes of the boxes, joined in the successors' places; nodes without a predecessor get nothing."""
    fed_low, fed_high = boxes.fed(low, high)
    fed_low = np.minimum.reduceat(fed_low[windows.order], windows.starts)
    fed_high = np.maximum.reduceat(fed_high[windows.order], windows.starts)
    after_low, after_high = boxes.step(fed_low, fed_high)
    hidden = low.shape[1]
    if len(windows.joined) * windows.automaton.symbols == windows.nodes:
        return after_low.reshape(-1, hidden), after_high.reshape(-1, hidden)
    new_low, new_high = np.full_like(low, np.inf), np.full_like(high, -np.inf)
    nodes = (windows.joined[:, None] * windows.automaton.symbols + np.arange(windows.automaton.symbols)).reshape(-1)
    new_low[nodes], new_high[nodes] = after_low.reshape(-1, hidden), after_high.reshape(-1, hidden)
    return new_low, new_high


def _attempt(boxes, windows, start, shortest, rounds, share):
    (low, high), (start_low, start_high) = start, start
    for done in range(1, rounds + 1):
        margins = boxes.margins(low, high, windows.labels)
        if margins.min() <= LEAST_MARGIN:
            return Proof(False, low, high, margins, shortest, done, "the logits of a box reach zero", int(margins.argmin()))
        new_low, new_high = image(boxes, windows, low, high)
        new_low, new_high = np.minimum(new_low, start_low), np.maximum(new_high, start_high)
        if (new_low >= low).all() and (new_high <= high).all():
            return _tightened(boxes, windows, start, (low, high), (new_low, new_high), shortest, done)
        widen = share * (new_high - new_low) + WIDEN
        low, high = np.minimum(low, new_low - widen), np.maximum(high, new_high + widen)
    escape = np.maximum(low - new_low, new_high - high).max(axis=1)
    return Proof(False, low, high, margins, shortest, rounds, "a box still grows", int(escape.argmax()))


def _tightened(boxes, windows, start, proved, images, shortest, rounds):
    """The Proof of boxes that hold their images, made smaller as long as they still do.

    In real arithmetic the images could take the boxes' place at once, for they hold their own images.
    """
    (low, high), (new_low, new_high) = proved, images
    for _ in range(TIGHTENINGS):
        room = ROOM * (new_high - new_low) + ULPS * np.maximum(np.abs(new_low), np.abs(new_high))
        if ((new_low - low <= 4 * room) & (high - new_high <= 4 * room)).all():
            break
        less_low, less_high = np.maximum(new_low - room, low), np.minimum(new_high + room, high)
        new_low, new_high = image(boxes, windows, less_low, less_high)
        new_low, new_high = np.minimum(new_low, start[0]), np.maximum(new_high, start[1])
        if not ((new_low >= less_low).all() and (new_high <= less_high).all()):
            break
        low, high, rounds = less_low, less_high, rounds + 1
    return Proof(True, low, high, boxes.margins(low, high, windows.labels), shortest, rounds)


def _beginnings(boxes, windows):
    """The smallest margin of outputs after fewer than k inputs."""
    automaton, least = windows.automaton, np.inf
    if windows.k == 1:
        return least
    every = np.arange(automaton.symbols)
    low, high = boxes.from_zero(every)
    state = np.zeros(len(every), int)
    symbol = every
    for length in range(1, windows.k):
        least = min(least, float(boxes.margins(low, high, automaton.outputs[state, symbol] * 2.0 - 1).min()))
        state = np.repeat(automaton.following[state, symbol], len(every))
        symbol = np.tile(every, len(low))
        if length < windows.k - 1:
            low, high = (end.reshape(-1, end.shape[-1]) for end in boxes.step(*boxes.fed(low, high)))
    return least


def _single_states(boxes, windows):
    """Boxes around one state a node: that after a shortest way to the node's state, then its symbols, from zero."""
    automaton, lows, highs = windows.automaton, [], []
    for way in windows.ways():
        low = None
        for symbols in [[symbol] for symbol in way] + [np.arange(automaton.symbols)] * windows.k:
            if low is None:
                low, high = boxes.from_zero(np.asarray(symbols))
                continue
            low, high = boxes.fed(low, high)
            if len(symbols) == 1:
                low, high = boxes.step(low, high, np.full(len(low), symbols[0]))
            else:
                low, high = (end.reshape(-1, end.shape[-1]) for end in boxes.step(low, high))
        lows.append(low)
        highs.append(high)
    return np.concatenate(lows), np.concatenate(highs)
