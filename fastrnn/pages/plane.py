"""The plane in which a page shows hidden states: its directions, the states, and the boxes of a certificate."""

import numpy as np

from fastrnn.proofs.automaton import automaton_of
from fastrnn.proofs.file import read_boxes
from fastrnn.proofs.projection import directions, real_states, shadows

CLOUD_SEQUENCES, CLOUD_STEPS = 24, 24
# More boxes than this hide each other, and make the file large.
MOST_BOXES = 2000


def task_plane(model, certificate):
    """Return (plane, boxes or None) of a Model with a task; certificate: the path of its certificate, or None.

    Raises CheckpointError for a certificate that is not the model's.
    """
    automaton = automaton_of(model.task)
    states, labels = real_states(model, automaton, CLOUD_SEQUENCES, CLOUD_STEPS)
    axes = directions(states, labels)
    plane = {"axes": _names(model.hidden_size, "direction"), "directions": axes.tolist(),
             "cloud": np.round(states @ axes.T, 5).tolist(), "labels": labels.tolist()}
    if certificate is None:
        return plane, None
    low, high, following = read_boxes(certificate, model)
    if len(low) > MOST_BOXES:
        return plane, None
    boxes = {"outlines": shadows(low, high, axes).tolist(), "low": low.tolist(), "high": high.tolist(),
             "following": following.tolist(), "labels": _labels(automaton, following)}
    return plane, boxes


def fitted_plane(states):
    """Return the plane of states (S, W) of a fitted network: its two numbers, or the first two principal components."""
    width = states.shape[1]
    if width <= 2:
        axes = np.eye(2, width)
    else:
        axes = np.linalg.svd(states - states.mean(0), full_matrices=False)[2][:2]
        axes = axes * np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(1)])[:, None]
        axes = np.concatenate([axes, np.zeros((2 - len(axes), width))])
    thinned = states[:: max(1, len(states) // 1500)]
    return {"axes": _names(width, "principal direction"), "directions": axes.tolist(),
            "cloud": np.round(thinned @ axes.T, 5).tolist(), "labels": None}


def _names(width, kind):
    return ["unit 0", "unit 1"] if width <= 2 else [f"{kind} 1", f"{kind} 2"]


def _labels(automaton, following):
    """Return the task's state in each box, found by walking from the first box."""
    labels, todo = {0: 0}, [0]
    for box in todo:
        for symbol, after in enumerate(following[box].tolist()):
            if after not in labels:
                labels[after] = int(automaton.following[labels[box], symbol])
                todo.append(after)
    return [labels.get(box, 0) for box in range(len(following))]
