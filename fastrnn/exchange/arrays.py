"""Weights of any cell in the form that its formula reads: by group of pre-activations, for any names of gates."""

from functools import lru_cache

import numpy as np

from fastrnn.kernels.recurrent.layout import Sizes, named_places, weights_table


def arrays_of(cell, weights, dtype):
    """Return {name: array} of a cell's named weights in a dtype; missing ones are 0.

    w_x (Gx, H, I) and w_h (Gh, H, H) are those of the first and the last groups, of Gx + Gh - groups that both reach;
    w_q (Gq, H, H), of the operand, those of the first; bias (P, H) is the sum of both for each of all P groups; w_o
    (O, H); b_o (O,); vectors (V, H); initial (S, H).
    Raises ValueError, in one line, for weights whose shapes do not fit the cell.
    """
    step = cell.traced()
    sizes = Sizes(weights["w_ih"].shape[1], cell.hidden_size, weights["w_ho"].shape[0])
    table, places = _layout(cell, sizes)
    rows = np.zeros(table.count, dtype)
    for key, values in weights.items():
        if key not in places or np.shape(values) != places[key].shape:
            expected = places[key].shape if key in places else ", ".join(places)
            raise ValueError(f"weights: got {key} of shape {np.shape(values)}, expected {expected}")
        rows[places[key]] = values
    own = {key: rows[table.places(key)] for key in table.axes}
    bias = np.zeros((len(step.pre), sizes.hidden), dtype)
    bias[: step.from_x] += own.pop("b_x")
    bias[len(step.pre) - step.from_h :] += own.pop("b_h")
    bias[: step.from_operand] += own.pop("b_q")
    # Group by group, and unit by unit in each.
    return {key: own[key].transpose(2, 0, 1) for key in ("w_x", "w_h", "w_q")} | {
        "bias": bias,
        **{key: own[key] for key in ("w_o", "b_o", "vectors", "initial")},
    }


@lru_cache(maxsize=64)
def _layout(cell, sizes):
    """Return the WeightTable, and {name: places} in it; training asks for proofs of many networks of one cell."""
    step = cell.traced()
    return weights_table(step, sizes), named_places(cell, step, sizes)
