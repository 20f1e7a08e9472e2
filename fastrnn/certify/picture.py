"""A picture of a proof: the boxes that the hidden states never leave, seen along two hidden units."""

import os

import numpy as np

from fastrnn.certify.sequences import bits_of, planes_of, skewed
from fastrnn.files import write_atomically
from fastrnn.program import install

# Real states, drawn as dots: sequences and steps.
SEQUENCES, STEPS = 64, 64

# Of the task's states, one after the other.
HATCHES, MARKS = ("", "////", "....", "xxxx"), ("o", "x", "^", "+")


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
        from matplotlib.colors import to_rgb
        from matplotlib.figure import Figure
        from matplotlib.patches import Rectangle
    except ImportError as error:
        raise ValueError(f"picture: matplotlib is missing ({error}): {install('matplotlib')}") from error
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
    count = len(final)
    # The first box is the zero state, before any output: it is marked below.
    final, boxes = final[1:], [end[1:][:, units] for end in (proof.low, proof.high)]
    for state in np.unique(final):
        colour, mine = f"C{state % 10}", final == state
        low, high = (end[mine] for end in boxes)
        patches = [Rectangle(corner, *size) for corner, size in zip(low, high - low)]
        # What colours tell, hatches and marks tell as well, on paper without colours.
        axes.add_collection(PatchCollection(patches, facecolor=(*to_rgb(colour), 0.15), edgecolor=colour, linewidth=0.8,
                                            hatch=HATCHES[state % len(HATCHES)]))
        dots = states[after == state]
        # As many labels as a legend can hold; without it the colours still tell the states apart.
        axes.plot(
            dots[:, units[0]],
            dots[:, units[1]],
            MARKS[state % len(MARKS)],
            color=colour,
            markersize=3,
            fillstyle="none",
            markeredgewidth=0.6,
            label=f"{_name(certification.task)} {state}" if state < 10 else None,
        )
    axes.plot(0, 0, "k*", markersize=5, label="start")
    axes.set_xlabel(f"hidden unit {units[0]}")
    axes.set_ylabel(f"hidden unit {units[1]}")
    axes.set_title(
        f"{certification.task.name}, {hidden} {certification.model.cell.activation} units: {count} boxes that no sequence "
        f"leaves\nand the states of {SEQUENCES} sequences of {STEPS} steps in them",
        fontsize=10,
    )
    axes.margins(0.08)
    _draw_output(axes, certification.model, units)
    axes.legend(title="after the step:", loc="best", markerscale=2)
    axes.spines[["top", "right"]].set_visible(False)
    write_atomically(path, lambda file: figure.savefig(file, format=ending, dpi=150))
    return units


def _draw_output(axes, model, units):
    """The line on which the output changes, where two units are all there are."""
    if model.hidden_size != 2 or model.output_size != 1:
        return
    normal = model.weights["w_ho"][0, list(units)].astype(float)
    offset = float(model.weights.get("b_o", np.zeros(1))[0])
    window = axes.get_xlim(), axes.get_ylim()
    foot, along = -offset * normal / (normal @ normal), np.array([-normal[1], normal[0]]) / np.hypot(*normal)
    ends = np.array([foot - 9 * along, foot + 9 * along])
    axes.plot(*ends.T, "--", color="black", linewidth=1, label=f"output 1 {'above' if normal[1] > 0 else 'below'}")
    axes.set(xlim=window[0], ylim=window[1])


def _name(task):
    return "carry" if task.name == "addition" else "state"


def _telling(proof, final):
    """The two units whose mean differs most between the task's states, for how far it varies within them."""
    centre = (proof.low + proof.high) / 2
    overall, between, within = centre.mean(axis=0), 0, 1e-3
    for state in np.unique(final):
        mine = centre[final == state]
        between, within = (
            between + len(mine) * (mine.mean(axis=0) - overall) ** 2,
            within + len(mine) * mine.var(axis=0),
        )
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
