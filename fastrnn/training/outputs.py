"""Outputs and states of many models on sequences, computed by the kernels that train them."""

import numpy as np

from fastrnn.kernels.recurrent.predict import predict_program
from fastrnn.kernels.workspace import aligned_zeros
from fastrnn.training.blocks import blocks_of


def outputs_of(recipe, weights, data, states=False):
    """(z (M, S, O), states (M, S, states * H) or None) of M models with weights (M, R) on all steps of Sequences.

    States are those after each step, all states of the cell one after the other.
    """
    net, dtype, lanes = recipe.net, recipe.dtype, recipe.lanes
    models, sizes = len(weights), net.sizes
    width = len(net.step.new) * sizes.hidden
    blocks = blocks_of(data, net.columns, None, dtype)
    program = predict_program(net, recipe.config.dtype, lanes)
    longest = max(block.steps for block in blocks)
    z = np.empty((models, data.steps, sizes.outputs), dtype)
    kept = np.empty((models, data.steps, width), dtype) if states else None
    arrays = {
        "theta": aligned_zeros((recipe.rows, lanes), dtype),
        "z": aligned_zeros((longest, sizes.outputs, net.columns, lanes), dtype),
    }
    arrays |= {
        name: aligned_zeros((count, lanes), dtype)
        for name, count in net.arrays(longest).items()
        if name in ("pre", "state", "saved")
    }
    for first in range(0, models, lanes):
        count = min(lanes, models - first)
        arrays["theta"][:] = 0
        arrays["theta"][:, :count] = weights[first : first + count].T
        for block in blocks:
            values = {
                **{name: array.ctypes.data for name, array in arrays.items()},
                "x": block.x.ctypes.data,
                "lengths": block.lengths.ctypes.data,
                "steps": block.steps,
            }
            program.run(np.array([values[name] for name in program.names], np.int64))
            state = arrays["state"].reshape(longest + 1, width, net.columns, lanes)
            for column, sequence in enumerate(block.sequences):
                start, stop = data.offsets[sequence], data.offsets[sequence + 1]
                steps = stop - start
                z[first : first + count, start:stop] = np.moveaxis(arrays["z"][:steps, :, column, :count], -1, 0)
                if states:
                    kept[first : first + count, start:stop] = np.moveaxis(
                        state[1 : steps + 1, :, column, :count], -1, 0
                    )
    return z, kept
