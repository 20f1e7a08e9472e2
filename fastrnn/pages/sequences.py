"""The data on the page of a fitted network: some sequences, Python's predictions, the plane."""

import numpy as np

from fastrnn.analysis.portrait import phase_portrait
from fastrnn.drawing import title_of_fits
from fastrnn.pages.plane import fitted_plane

# Steps of a sequence that are shown, and inputs of a phase portrait.
SHOWN_STEPS, SHOWN_INPUTS = 400, 6


def fit_data(fit, data=None, sequences=5):
    """Return a dict, for JSON, of a Fit; data: Sequences, whose first `sequences` are shown, or None."""
    inputs, outputs = fit.fits.weights(0)["w_ih"].shape[1], fit.fits.weights(0)["w_ho"].shape[0]
    described = {
        "kind": "fit", "title": title_of_fits(fit.fits), "targets": fit.head.targets,
        "inputNames": [f"x{n}" for n in range(inputs)] if data is None else list(data.input_names),
        "outputNames": _outputs(fit.head, outputs, data), "sequences": [], "plane": None,
        "portrait": _plain_inputs(inputs),
    }
    if data is None:
        return described
    shown = data.select(np.arange(min(sequences, len(data))))
    width = len(fit.cell.state) * fit.hidden_size
    states = fit.states(shown).astype(float)
    described["plane"] = fitted_plane(states)
    if width <= 2:
        portrait = phase_portrait(fit, data)
        described["portrait"] = {"inputs": portrait.inputs[:SHOWN_INPUTS].tolist(),
                                 "labels": portrait.labels()[:SHOWN_INPUTS]}
    predictions = np.round(fit.predict(shown).astype(float), 8)
    for n in range(len(shown)):
        own = slice(shown.offsets[n], min(shown.offsets[n + 1], shown.offsets[n] + SHOWN_STEPS))
        described["sequences"].append({
            "name": f"sequence {shown.ids[n]}", "steps": int(shown.lengths[n]),
            "x": shown.x[own].tolist(), "p": predictions[own].tolist(), "y": _targets(shown, own),
            "allowed": None if shown.allowed is None else shown.allowed[own].astype(int).tolist(),
            "initial": None if shown.initial is None else shown.initial[n].tolist(),
        })
    return described


def _outputs(head, outputs, data):
    if data is not None and head.targets == "classes" and data.class_names:
        return list(map(str, data.class_names))
    if data is not None and head.targets != "classes" and len(data.target_names) == outputs:
        return list(data.target_names)
    return [str(n) if head.targets == "classes" else f"y{n}" for n in range(outputs)]


def _targets(data, own):
    """Return the targets of some steps, null where they do not count; None if there are none."""
    if data.kind is None:
        return None
    counts = data.weight[own] > 0
    rows = [each if isinstance(each, list) else [each] for each in np.asarray(data.y[own]).tolist()]
    return [row if counted else None for row, counted in zip(rows, counts)]


def _plain_inputs(inputs):
    """Return the inputs of a phase portrait without data: all 0, and 1 in each single input."""
    rows = np.concatenate([np.zeros((1, inputs)), np.eye(inputs)])[:SHOWN_INPUTS]
    return {"inputs": rows.tolist(), "labels": ["0", *(f"x{n} 1" for n in range(inputs))][:SHOWN_INPUTS]}
