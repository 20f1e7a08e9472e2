"""`certify`: proves a network for every width, refutes it by an example, or says why neither was possible."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastrnn import summaries
from fastrnn.arguments import as_integer, check_object
from fastrnn.bits.label import cached_by_label
from fastrnn.check import MOST_EDGES, MOST_ENTRIES, MOST_NODES, MOST_PRODUCTS, MOST_WEIGHTS, MOST_WORK
from fastrnn.model import Model, check_model, check_weights
from fastrnn.proofs.automaton import automaton_of
from fastrnn.proofs.boxes import Boxes, check_formula
from fastrnn.proofs.file import write_certificate
from fastrnn.proofs.graph import Graph, own_machine, windows
from fastrnn.proofs.prove import Proof, prove
from fastrnn.proofs.search import Counterexample, search
from fastrnn.tasks.base import Task

# Windows of 1 to LONGEST_WINDOW symbols are tried, with at most MOST_NODES nodes; after the first SHORT_WINDOWS, which
# are quick, the network's own machine, with at most MOST_OWN states.
LONGEST_WINDOW, SHORT_WINDOWS, MOST_OWN = 4, 2, 1024


@dataclass
class Certification:
    """The result of `certify`.

    Attributes
    ----------
    status : "proved", "refuted" or "unknown"
        What was found.
    model : Model
        The network.
    task : Task
        The task.
    k : int or None
        The length of the windows; None if the nodes are those of the network's own machine.
    graph : Graph
        The nodes of the proof.
    proof : Proof
        The boxes and what follows from them.
    counterexample : Counterexample or None
        A sequence on which the network is wrong, if refuted.
    obstacle : str
        Why there is no proof, in one sentence.
    seconds : float
        The time that it took.
    """

    status: str
    model: Model
    task: Any
    k: int | None
    graph: Graph
    proof: Proof
    counterexample: Counterexample | None = None
    obstacle: str = ""
    seconds: float = 0.0

    __repr__, _repr_html_ = summaries.certification, summaries.certification_html

    @property
    def proved(self):
        """Whether the network is right on every sequence of every length."""
        return self.status == "proved"

    @property
    def refuted(self):
        """Whether a sequence was found on which it is wrong."""
        return self.status == "refuted"

    @property
    def margin(self):
        """A lower bound of every |logit| on its right side, in any sequence; None if not proved."""
        return self.proof.margin if self.proved else None

    def __str__(self):
        if self.proved:
            kind = f"k = {self.k}" if self.k else "own machine"
            return (
                f"proved for every width: {self.graph.nodes:,} boxes ({kind}), every |logit| at least {self.margin:.3g}"
            )
        return f"wrong: {self.counterexample}" if self.refuted else f"neither proved nor refuted: {self.obstacle}"

    def save(self, path, *, overwrite=True):
        """Write the certificate, which `fastrnn check` verifies.

        Parameters
        ----------
        path : str or path
            The file.
        overwrite : bool
            Whether an existing file is replaced.

        Raises
        ------
        ValueError
            If the network is not proved.
        OSError
            As Model.save.
        """
        if not self.proved:
            raise ValueError(f"certificate: {self}; only a proof can be saved")
        write_certificate(
            path, self.model, self.task, self.graph, self.proof, overwrite=overwrite
        )


def certify(model, task=None, *, k=None, find=True, seed=0, progress=None) -> Certification:
    """Prove that a Model is right on its task at every width and length, or find an error.

    The theorem is in fastrnn.proofs.prove; the bound on rounding errors, which holds for all kernels, is in
    fastrnn.proofs.rounding.

    Parameters
    ----------
    model : Model
        The network.
    task : Task or None
        None: the model's own. Its width does not matter.
    k : int or None
        The length of the windows; None: 1 and 2, then the network's own machine, then 3 and 4: see
        fastrnn.proofs.graph.
    find : bool
        Whether to search for a counterexample if there is no proof.
    seed : int
        The seed of this search.
    progress : function or None
        progress() is called now and then.

    Returns
    -------
    Certification

    Raises
    ------
    ValueError
        For a model without a task or with weights that are not finite, a cell without an interval extension, a task of
        other inputs or outputs or with more than 4,096 states, and a k below 1, with more than 16,384 nodes, or with a
        certificate larger than `fastrnn check` accepts.
    """
    began = time.perf_counter()
    check_model("model", model)
    if task is not None:
        check_object("task", task, Task, "a Task or None, for the model's own")
    seed, task = as_integer("seed", seed, 0, 2**63 - 1), model.task if task is None else task
    check_provable(model.cell, task)
    # Whoever holds a Model may have changed its arrays since it was made.
    check_weights(model.cell, model.weights)
    if (task.input_size, task.output_size) != (model.input_size, model.output_size):
        raise ValueError(f"task: {task.name} has {task.input_size} inputs and {task.output_size} outputs, "
                         f"the model has {model.input_size} and {model.output_size}")
    # Boxes may become infinite, and then NaN, which is no proof and worth no warning.
    with np.errstate(over="ignore", invalid="ignore"):
        found = _certified(model, task, k, find, seed, progress)
    found.seconds = time.perf_counter() - began
    return found


def _certified(model, task, k, find, seed, progress):
    automaton = automaton_of(task)
    boxes = Boxes(model, automaton)
    for length in _lengths(task, k):
        graph = _windows(task, length) if length else own_machine(model, automaton, MOST_OWN)
        if graph is None:
            continue
        # The shortest windows at least say what stands in the way of a proof.
        if (k or length != 1) and not _checkable(graph, boxes, model):
            if k:
                raise ValueError(
                    f"k: got {k}, whose certificate is larger than fastrnn check takes; expected a smaller k"
                )
            continue
        proof = prove(boxes, graph, progress)
        if proof.proved:
            return Certification("proved", model, task, length, graph, proof)
    counterexample = search(model, task, automaton, seed) if find else None
    status = "refuted" if counterexample else "unknown"
    return Certification(
        status, model, task, length, graph, proof, counterexample=counterexample,
        obstacle=_obstacle(graph, length, proof)
    )


def _checkable(graph, boxes, model):
    """Return whether `fastrnn check` accepts a certificate of this size; a larger one could not be verified."""
    cost = model.weights["w_hh"].itemsize**2 // 16
    steps = (len(graph.starts) if boxes.joins else graph.nodes) * graph.automaton.symbols
    rows = len(model.weights["w_hh"]) + len(model.cell.traced().pre) + model.output_size
    products = graph.nodes * rows * model.hidden_size * cost
    work = steps * model.hidden_size * boxes.work
    weights = sum(weight.size for weight in model.weights.values()) * cost
    small = weights <= MOST_WEIGHTS and graph.automaton.following.size <= MOST_ENTRIES
    return small and work <= MOST_WORK and products <= MOST_PRODUCTS and graph.following.size <= MOST_EDGES


def check_provable(cell, task):
    """Raise ValueError unless proofs cover networks of this cell on this task."""
    if task is None:
        raise ValueError("certify: this model was trained on arrays, so there is no task to prove it right on")
    check_formula(cell)
    automaton_of(task)


def longest(task):
    """Return the length of the longest windows that are tried for a task."""
    automaton = automaton_of(task)
    return max([k for k in range(1, LONGEST_WINDOW + 1) if _nodes(automaton, k) <= MOST_NODES], default=1)


def _nodes(automaton, k):
    return automaton.states * automaton.symbols**k


def _lengths(task, k):
    """Return the lengths of windows in the order in which they are tried; None stands for the network's own machine."""
    automaton = automaton_of(task)
    if k is None:
        lengths = list(range(1, longest(task) + 1))
        return [*lengths[:SHORT_WINDOWS], None, *lengths[SHORT_WINDOWS:]]
    k = as_integer("k", k, 1)
    if _nodes(automaton, k) > MOST_NODES:
        raise ValueError(
            f"k: got {k!r}, expected an integer of at least 1 with {automaton.states} * {automaton.symbols}**k "
            f"at most {MOST_NODES}"
        )
    return [k]


@cached_by_label(64)
def _windows(task, k):
    """Return the Graph of windows, for which training asks repeatedly."""
    return windows(automaton_of(task), k)


def _obstacle(graph, k, proof):
    widest = int((proof.high - proof.low)[proof.node].argmax())
    low, high = proof.low[proof.node, widest], proof.high[proof.node, widest]
    return (f"windows of {k}: " if k else "its own machine: ") + (
        f"{proof.reason} at the node \"{graph.name(proof.node)}\" (margin {proof.margins[proof.node]:.3g}); "
        f"its widest interval is unit {widest}'s, [{low:.3g}, {high:.3g}]")
