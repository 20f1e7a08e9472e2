"""`bounds`: proved bounds of a network's states and predictions, on every sequence of finitely many inputs.

A node is a window, the last k inputs. A box for each holds all states that any sequence with these last inputs leads to
(fastrnn.proofs.prove); what outputs such states have, and how far the states of one box are apart, follows.
"""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

from fastrnn.arguments import as_array, as_whole
from fastrnn.exchange.base import network_of
from fastrnn.proofs.automaton import Automaton
from fastrnn.proofs.boxes import Boxes, check_formula
from fastrnn.proofs.graph import Graph, windows
from fastrnn.proofs.prove import image, prove, tightened
from fastrnn.proofs.rounding import UNIT

# Windows, and the longest, unless k says otherwise; windows for any k.
MOST_WINDOWS, LONGEST_HISTORY, MOST_WINDOWS_FOR_K = 1024, 8, 16384
# Where no boxes are found from single states: boxes of this size, of twice this size, and so on; powers of two for what
# gates hold.
SIZES = tuple(size * 2.0**power for power in range(21) for size in (1.0, 1.01))


@dataclass(frozen=True)
class Bounds:
    """Intervals that hold on all sequences, of every length, of these inputs.

    Attributes
    ----------
    inputs : float64 array (S, I)
        The inputs.
    k : int
        The length of the windows.
    states : float64 array (W, 2)
        The smallest and largest value of each number of the state, h first.
    outputs : float64 array (O, 2)
        Those of each output before the head's link.
    predictions : float64 array (O, 2)
        Those of each prediction, that of the state before any input included; of a head that knows which classes are
        allowed, where all are.
    memory : float64 array (k + 1,)
        An upper bound of the difference between the predictions on two sequences whose last 0, 1, ..., k inputs are
        equal.
    """

    inputs: np.ndarray
    k: int
    states: np.ndarray
    outputs: np.ndarray
    predictions: np.ndarray
    memory: np.ndarray

    def forgotten(self, share):
        """Return the number of inputs after which no prediction depends by more than `share` on those before them.

        Parameters
        ----------
        share : float
            The difference of predictions that is allowed.

        Returns
        -------
        int or None
            None if it is larger than k.
        """
        found = np.flatnonzero(self.memory <= share)
        return int(found[0]) if len(found) else None

    def __str__(self):
        spans = ", ".join(f"{low:.4g} to {high:.4g}" for low, high in self.predictions)
        return f"predictions {spans}; after {self.k} inputs earlier ones change them by at most {self.memory[-1]:.3g}"


def bounds(model, inputs, *, k=None, progress=None) -> Bounds:
    """Bound states and predictions on all sequences over a finite set of inputs.

    The rounding of the kernels in the model's dtype is covered, as in `certify`. Sequences start from zero states, or
    learned ones.

    Parameters
    ----------
    model : Model or Fit
        The network.
    inputs : array (S, I)
        Every input that a step may have; they may come in any order and number.
    k : int or None
        The length of the windows: longer ones give tighter bounds. None: the longest, up to 8, with at most 1,024
        windows.
    progress : function or None
        progress() is called now and then.

    Returns
    -------
    Bounds

    Raises
    ------
    ValueError
        For inputs of another shape, not finite, or not exact in the model's dtype; a k below 1 or with more than 16,384
        windows; a cell or head whose rounding is not bounded; and if no bounds are found.
    """
    view = _view(model)
    inputs = as_array("inputs", inputs)
    if inputs.ndim != 2 or inputs.shape[1] != view.input_size or not len(inputs):
        raise ValueError(f"inputs: got shape {inputs.shape}, expected (S, {view.input_size}), a row for each input")
    given, inputs = inputs, inputs.astype(view.dtype).astype(np.float64)
    if not np.isfinite(inputs).all():
        raise ValueError("inputs: holds values that are not finite")
    if not np.array_equal(given, inputs):
        raise ValueError(f"inputs: holds values that are no {view.dtype}: give inputs.astype({str(view.dtype)!r})")
    k = _length(k, len(inputs))
    graph = _graph(inputs, k, view.output_size)
    with np.errstate(over="ignore", invalid="ignore"):
        boxes = Boxes(view, graph.automaton)
        found = _proof(boxes, view, graph, progress)
        if not found.proved:
            raise ValueError(f"bounds: found none with windows of {k} inputs: {found.reason}; try a larger k")
        return _bounds(boxes, view, inputs, k, found)


def _view(model):
    """Return what Boxes need to know about a Model or a Fit."""
    network = network_of(model)
    weights = {name: np.asarray(weight) for name, weight in network.weights.items()}
    cell, head = network.cell, network.head.name
    if head not in _PREDICTIONS:
        raise ValueError(f"bounds: got the head {head}, expected one of {', '.join(_PREDICTIONS)}")
    if not all(np.isfinite(weight).all() for weight in weights.values()):
        raise ValueError("weights: hold values that are not finite")
    outputs, hidden = weights["w_ho"].shape
    start = [weights.pop(f"initial_{part}", np.zeros(hidden)) for part in cell.state]
    check_formula(cell)
    return SimpleNamespace(cell=cell, weights=weights, dtype=weights["w_ho"].dtype, head=head, hidden_size=hidden,
                           start=np.concatenate(start).astype(np.float64), input_size=weights["w_ih"].shape[1],
                           output_size=outputs, before=network.before)


def _length(k, symbols):
    if k is None:
        return max([k for k in range(1, LONGEST_HISTORY + 1) if symbols**k <= MOST_WINDOWS], default=1)
    k = as_whole("k", k, 1)
    if symbols**k > MOST_WINDOWS_FOR_K:
        raise ValueError(f"k: got {k}, which is {symbols**k:,} windows of {symbols} inputs; expected at most "
                         f"{MOST_WINDOWS_FOR_K:,}")
    return k


def _graph(inputs, k, outputs):
    """Return the Graph of windows of k inputs, which requires no outputs."""
    symbols = len(inputs)
    machine = Automaton(inputs, np.zeros((1, symbols), int), np.zeros((1, symbols, outputs), np.uint8))
    graph = windows(machine, k)
    return Graph(machine, graph.following, graph.state, np.zeros_like(graph.labels))


def _proof(boxes, view, graph, progress):
    """Return the Proof of boxes that grew from single states or, where these do not converge, shrank from large ones.
    """
    found = prove(boxes, graph, progress, view.start)
    if found.proved:
        return found
    boxes, start = Boxes(view, graph.automaton, hulls=True), np.zeros((graph.nodes, len(view.start)))
    for size in SIZES:
        low, high = start - size, start + size
        low[0] = high[0] = view.start
        new_low, new_high = image(boxes, graph, low, high)
        new_low[0], new_high[0] = low[0], high[0]
        if (new_low >= low).all() and (new_high <= high).all():
            # Of no box does it matter where single states lie.
            inside = (np.where(np.arange(graph.nodes)[:, None], end, view.start) for end in (np.inf, -np.inf))
            return tightened(boxes, graph, tuple(inside), (low, high), (new_low, new_high), 1, progress)
    return found


def _bounds(boxes, view, inputs, k, found):
    span = _PREDICTIONS[view.head]
    slack = 16 * (view.output_size + 4) * UNIT[str(view.dtype)]

    def predictions(low, high):
        low, high = span(*boxes.outputs(low, high))
        return low - slack * (1 + np.abs(low)), high + slack * (1 + np.abs(high))

    low, high = found.low, found.high
    memory = []
    for length in range(k + 1):
        ends = _joined(low, np.minimum, len(inputs), k, length), _joined(high, np.maximum, len(inputs), k, length)
        below, above = predictions(*ends)
        memory.append((above - below).max())
    if view.before:
        # The last input does not reach the prediction that comes before it.
        memory = [memory[0], *memory[:-1]]
    outputs, spans = boxes.outputs(low, high), predictions(low, high)
    return Bounds(inputs, k, *(np.column_stack([below.min(axis=0), above.max(axis=0)])
                               for below, above in ((low, high), outputs, spans)), np.array(memory))


def _joined(ends, join, symbols, k, length):
    """Return (symbols**length, W): the ends of the boxes of windows and shorter beginnings, (N, W), joined by their
    last `length` inputs."""
    counts = [symbols**steps for steps in range(k + 1)]
    by_steps = np.split(ends, np.cumsum(counts)[:-1])[length:]
    return join.reduce([join.reduce(each.reshape(-1, symbols**length, ends.shape[1])) for each in by_steps])


def _softmax(low, high):
    below = [1 / (1 + sum(np.exp(np.delete(high, o, 1) - low[:, o : o + 1]).T)) for o in range(low.shape[1])]
    above = [1 / (1 + sum(np.exp(np.delete(low, o, 1) - high[:, o : o + 1]).T)) for o in range(low.shape[1])]
    return np.array(below).T, np.array(above).T


# Bounds of each head's predictions, from those of its outputs (N, O).
_PREDICTIONS = {
    "sigmoid": lambda low, high: (1 / (1 + np.exp(-low)), 1 / (1 + np.exp(-high))),
    "softmax": _softmax,
    "linear": lambda low, high: (low, high),
}
