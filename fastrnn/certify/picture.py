"""A picture of a proof: the boxes that the hidden states never leave, seen along two hidden units."""

import os

import numpy as np

from fastrnn.certify.sequences import bits_of, planes_of, skewed
from fastrnn.files import write_atomically

# Real states, drawn as dots: sequences and steps.
SEQUENCES, STEPS = 64, 64


def draw_boxes(certification, path, units=None, seed=0):
    """Draw the boxes of a proof, a colour for each state of the task, and states of the real kernels as dots, into `path`.

    units: the two hidden units to look along; default those in which the task's states lie furthest apart. The file's
    ending (.png, .pdf, .svg) gives the format. Returns the units. Raises ValueError, in one line, without a proof,
    without matplotlib, for units that the network does not have or an ending that matplotlib cannot write.
    """
    if not certification.proved:
        raise ValueError(f"picture: {certification}; there are no boxes to draw")
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.collections import PatchCollection
        from matplotlib.figure import Figure
        from matplotlib.patches import Rectangle
    except ImportError as error:
        raise ValueError(f"picture: matplotlib is missing ({error}): pip install 'fastrnn[plot]'") from error
    proof, final, hidden = certification.proof, certification.graph.state, certification.model.hidden_size
    units = tuple(units) if units is not None else _telling(proof, final)
    if len(units) != 2 or not all(isinstance(unit, (int, np.integer)) and 0 <= unit < hidden for unit in units):
        raise ValueError(f"units: got {units}, expected two of 0 to {hidden - 1}")
    figure = Figure(figsize=(6, 6), layout="constrained")
    FigureCanvasAgg(figure)
    ending = os.path.splitext(os.fspath(path))[1].lower().removeprefix(".")
    if ending not in figure.canvas.get_supported_filetypes():
        raise ValueError(f"picture: got {os.fspath(path)!r}, expected an ending such as .png, .pdf or .svg")
    axes = figure.subplots()
    states, after = _real_states(certification, seed)
    for state in np.unique(final):
        colour, mine = f"C{state % 10}", final == state
        low, high = proof.low[mine][:, units], proof.high[mine][:, units]
        patches = [Rectangle(corner, *size) for corner, size in zip(low, high - low)]
        axes.add_collection(PatchCollection(patches, facecolor=colour, edgecolor=colour, alpha=0.25))
        dots = states[after == state]
        # As many labels as a legend can hold; without it the colours still tell the states apart.
        axes.plot(dots[:, units[0]], dots[:, units[1]], ".", color=colour, markersize=3,
                  label=f"{_name(certification.task)} {state}" if state < 10 else None)
    axes.set_xlabel(f"hidden unit {units[0]}")
    axes.set_ylabel(f"hidden unit {units[1]}")
    axes.set_title(f"{len(proof.low)} boxes that no sequence leaves")
    axes.legend(loc="best", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    write_atomically(path, lambda file: figure.savefig(file, format=ending, dpi=150))
    return units


def _name(task):
    return "carry" if task.name == "addition" else "state"


def _telling(proof, final):
    """The two units whose mean differs most between the task's states, for how far it varies within them."""
    centre = (proof.low + proof.high) / 2
    overall, between, within = centre.mean(axis=0), 0, 1e-3
    for state in np.unique(final):
        mine = centre[final == state]
        between, within = between + len(mine) * (mine.mean(axis=0) - overall) ** 2, within + len(mine) * mine.var(axis=0)
    order = np.argsort(-between / within, kind="stable")
    return (int(order[0]), int(order[min(1, len(order) - 1)]))


def _real_states(certification, seed):
    """(hidden states (N, H), the task's state after each (N)) of skewed sequences, by the model's own kernels."""
    model, graph = certification.model, certification.graph
    rng = np.random.Generator(np.random.Philox(key=[seed, 9]))
    symbols = skewed(graph.automaton.symbols, SEQUENCES, STEPS, rng)
    hidden = model.forward(bits_of(planes_of(symbols, model.input_size), SEQUENCES))[1]
    state, states = np.zeros(SEQUENCES, int), np.empty(symbols.shape, int)
    for t in range(STEPS):
        state = states[:, t] = graph.automaton.following[state, symbols[:, t]]
    return hidden.reshape(-1, model.hidden_size), states.reshape(-1)
