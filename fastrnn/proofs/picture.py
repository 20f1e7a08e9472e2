"""Draws a proof: the boxes that the hidden states never leave, in the plane that separates the task's states."""

import numpy as np

from fastrnn.arguments import is_integer
from fastrnn.drawing import BLACK, COLOURS, Picture, title_of
from fastrnn.proofs.projection import directions, real_states, shadows

# Real states, drawn as dots: sequences and steps.
DRAWN_SEQUENCES, DRAWN_STEPS = 64, 64
# Of the task's states, one after the other.
HATCHES, MARKS = ("", "////", "....", "xxxx"), ("o", "x", "^", "+")
# A box is drawn as a square where it would be smaller than this share of the picture.
TINY_SHARE = 0.012


def draw_boxes(certification, path=None, axes=None, units=None, seed=0):
    """Draw the boxes of a proof, a colour for each state of the task, and states of the real kernels as dots.

    Networks of more than two units are projected on the directions that separate the task's states best (see
    fastrnn.proofs.projection); a second panel then shows the surroundings of the widest box, enlarged.
    path: a .png, .svg, .pdf or other picture, which is replaced if it exists; axes: one of matplotlib's, without the
    second panel, or None for a figure of its own. units: two hidden units to look along instead. Returns the axes.
    Raises ValueError, in one line, without a proof, without matplotlib, for units that the network does not have, or an
    ending that matplotlib cannot write; OSError if the file cannot be written.
    """
    if not certification.proved:
        raise ValueError(f"picture: {certification}; there are no boxes to draw")
    model, proof, hidden = certification.model, certification.proof, certification.model.hidden_size
    states, after = real_states(model, certification.graph.automaton, DRAWN_SEQUENCES, DRAWN_STEPS, seed)
    if units is None:
        plane, names = directions(states, after), [f"direction {n}" for n in (1, 2)]
    else:
        known = all(is_integer(unit) and 0 <= unit < hidden for unit in units)
        if len(units) != 2 or not known:
            raise ValueError(f"units: got {units}, expected two of 0 to {hidden - 1}")
        plane, names = np.eye(hidden)[list(units)], [f"hidden unit {unit}" for unit in units]
    if hidden <= 2 and units is None:
        names = [f"hidden unit {unit}" for unit in range(2)]
    # The first box is the zero state, before any output: it is marked by a star.
    outlines, labels = shadows(proof.low[:, :hidden], proof.high[:, :hidden], plane)[1:], certification.graph.state[1:]
    dots = states @ plane.T
    enlarged = axes is None and hidden > 2
    picture = Picture(path, axes, panels=1 + enlarged, size=(6, 6), share_y=False, share_x=False)
    whole = picture.axes[0]
    _draw(whole, outlines, labels, dots, after, _name(certification.task), np.ptp(dots, axis=0))
    whole.plot(0, 0, "*", color=BLACK, markersize=6, label="start")
    whole.margins(0.08)
    whole.autoscale_view()
    _draw_output(whole, model, plane)
    whole.set(xlabel=names[0], ylabel=names[1])
    boxes = f"{len(proof.low):,} boxes that no sequence leaves, and states of {DRAWN_SEQUENCES} sequences"
    whole.set_title(f"{title_of(model)}\n{boxes}", fontsize="medium")
    whole.legend(title="after the step:", loc="best", markerscale=2, fontsize="small")
    if enlarged:
        zoomed = picture.axes[1]
        window, times = _window(outlines, whole)
        _draw(zoomed, outlines, labels, dots, after, _name(certification.task), np.ptp(window, axis=1))
        zoomed.set(xlim=window[0], ylim=window[1], xlabel=names[0], ylabel=names[1])
        zoomed.ticklabel_format(useOffset=False)
        zoomed.tick_params(axis="x", labelrotation=30)
        zoomed.set_title(f"around the widest box, enlarged {times:,.0f} times", fontsize="medium")
    picture.finish()
    return picture.axes


def _draw(axes, outlines, labels, dots, after, name, spans):
    """Draw boxes and dots; spans: width and height of the visible area, which decide which boxes are too small to see.
    """
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import to_rgb

    tiny = (np.ptp(outlines, axis=1) < TINY_SHARE * np.asarray(spans)).all(1)
    for state in np.unique(labels):
        colour, mine = COLOURS[state % len(COLOURS)], labels == state
        # What colours tell, hatches and marks tell as well, on paper without colours.
        shape = {"facecolor": (*to_rgb(colour), 0.15), "edgecolor": colour, "hatch": HATCHES[state % len(HATCHES)]}
        axes.add_collection(PolyCollection(outlines[mine], linewidth=0.9, **shape))
        centres = outlines[mine & tiny].mean(1)
        axes.plot(*centres.T, "s", color=colour, fillstyle="none", markersize=8, markeredgewidth=0.9)
        own = dots[after == state]
        axes.plot(
            *own.T,
            MARKS[state % len(MARKS)],
            color=colour,
            markersize=3,
            fillstyle="none",
            markeredgewidth=0.6,
            # As many labels as a legend can hold; without it the colours still tell the states apart.
            label=f"{name} {state}" if state < 10 else None,
        )


def _window(outlines, axes):
    """Return ((x limits, y limits), times) of a window around the box with the largest shadow."""
    sizes = np.ptp(outlines, axis=1)
    spans = np.array([np.diff(axes.get_xlim())[0], np.diff(axes.get_ylim())[0]])
    widest = outlines[(sizes / spans).max(1).argmax()]
    share = 2 * (np.ptp(widest, axis=0) / spans).max()
    middle, half = widest.mean(0), share * spans / 2
    return np.stack([middle - half, middle + half], 1), 1 / share


def _draw_output(axes, model, plane):
    """Draw the line on which the output changes, for networks of two units."""
    if model.hidden_size != 2 or model.output_size != 1:
        return
    normal = plane @ model.weights["w_ho"][0].astype(float)
    offset = float(model.weights.get("b_o", np.zeros(1))[0])
    window = axes.get_xlim(), axes.get_ylim()
    foot, along = -offset * normal / (normal @ normal), np.array([-normal[1], normal[0]]) / np.hypot(*normal)
    ends = np.array([foot - 9 * along, foot + 9 * along])
    axes.plot(*ends.T, "--", color=BLACK, linewidth=1, label=f"output 1 {'above' if normal[1] > 0 else 'below'}")
    axes.set(xlim=window[0], ylim=window[1])


def _name(task):
    return "carry" if task.name == "addition" else "state"
