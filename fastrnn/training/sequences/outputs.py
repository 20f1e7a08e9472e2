"""Outputs and states of many models on sequences, computed by the kernels that train them."""

import numpy as np

from fastrnn.kernels.recurrent.predict import predict_program
from fastrnn.kernels.workspace import aligned_zeros

# Steps of one call of the kernel: its memory does not grow with the sequences.
STEPS_AT_ONCE = 512


def check_inputs(data, recipe, initial=None):
    """Raise ValueError unless Sequences, and initial states, have the sizes of the models; kernels do not check them.
    """
    if data.x.shape[1] != recipe.net.sizes.inputs:
        raise ValueError(
            f"data: got {data.x.shape[1]} inputs per step, expected {recipe.net.sizes.inputs}, as the models were "
            "fitted to"
        )
    if initial is not None:
        check_initial(initial, recipe)
    if data.allowed is not None:
        recipe.head.suited(True)
        if data.allowed.shape[1] != recipe.net.sizes.outputs:
            raise ValueError(
                f"data: allowed has {data.allowed.shape[1]} classes, expected {recipe.net.sizes.outputs}, as the "
                "models have"
            )


def states_of_sequences(initial, models, sequences):
    """Return (N, W) or (M, N, W) float64 of given initial states. Raises ValueError for other shapes and infinite
    numbers."""
    initial = np.asarray(initial, float)
    if initial.ndim not in (2, 3) or initial.shape[:-1] not in ((sequences,), (models, sequences)):
        raise ValueError(
            f"initial: got shape {initial.shape}, expected ({sequences}, W) or ({models}, {sequences}, W), the states "
            "of each sequence"
        )
    if not np.isfinite(initial).all():
        raise ValueError("initial: holds values that are not finite")
    return initial


def check_initial(initial, recipe):
    """Raise ValueError unless initial states (..., W) have the size of the network's."""
    states, hidden = len(recipe.net.step.new), recipe.net.sizes.hidden
    if initial.shape[-1] != states * hidden:
        raise ValueError(
            f"initial: got {initial.shape[-1]} numbers per sequence, expected {states * hidden}: {states} "
            f"state{'s' * (states > 1)} of {hidden} unit{'s' * (hidden > 1)}"
        )


def check_targets(data, head, outputs=None):
    """Raise ValueError unless Sequences have targets that suit a head and this number of outputs."""
    if data.kind is None:
        raise ValueError("data: has no targets; give y")
    if data.kind != head.targets and not (data.kind == "bits" and head.targets == "reals"):
        raise ValueError(
            f"head: {head.name} takes {head.targets}, but the targets are {data.kind}; Sequences(kind=) says "
            "what they are"
        )
    found = data.classes if head.targets == "classes" else data.y.shape[1]
    # A class that does not occur may be missing.
    if outputs is not None and (found > outputs if head.targets == "classes" else found != outputs):
        raise ValueError(f"data: has targets for {found} outputs, expected {outputs}, as the models have")


def outputs_of(recipe, weights, data, states=False, initial=None):
    """Return (z (M, S, O), states (M, S, W) or None, last (M, N, W)) of models with weights (M, R), on all steps of
    Sequences.

    States are those after each step, and after the last one, all states of the cell one after the other. initial
    (M, N, W): those before the first step, or None.
    """
    models, dtype, lanes = len(weights), recipe.dtype, recipe.lanes
    net = recipe.predicting_net(models, len(data))
    # Sequences, and models, in the lanes of a column.
    beside, several = (1, lanes) if net.own_weights else (lanes, 1)
    sizes, width = net.sizes, len(net.step.new) * net.sizes.hidden
    places = (net.columns, lanes) if net.own_data else (net.columns,)
    program = predict_program(net, recipe.config.dtype, lanes)
    longest = min(int(data.lengths.max()), STEPS_AT_ONCE)
    z = np.empty((models, data.steps, sizes.outputs), dtype)
    kept = np.empty((models, data.steps, width), dtype) if states else None
    last = np.empty((models, len(data), width), dtype)
    arrays = {
        "z": aligned_zeros((longest, sizes.outputs, net.columns, lanes), dtype),
        "x": aligned_zeros((longest, sizes.inputs, *places), dtype),
        "lengths": aligned_zeros(places, dtype),
    }
    arrays |= {
        name: aligned_zeros((count, lanes), dtype)
        for name, count in net.arrays(longest).items()
        if name in ("pre", "state", "saved", "operand")
    }
    state = net.states_in(arrays["state"])
    groups = [slice(first, min(first + several, models)) for first in range(0, models, several)]
    thetas = aligned_zeros((len(groups), recipe.rows, several), dtype)
    for theta, own in zip(thetas, groups):
        theta[:, : own.stop - own.start] = weights[own].T
    # States before a window, of each group.
    starts = aligned_zeros((len(groups), width, net.columns, lanes), dtype)
    order, size = np.argsort(-data.lengths, kind="stable"), net.columns * beside
    for begin in range(0, len(order), size):
        block = order[begin : begin + size]
        columns = [divmod(n, beside) for n in range(len(block))]
        starts[:] = 0
        if initial is not None:
            for start, own in zip(starts, groups):
                for (column, lane), sequence in zip(columns, block):
                    start[:, column, lane : lane + own.stop - own.start] = initial[own, sequence].T
        for begun in range(0, int(data.lengths[block[0]]), STEPS_AT_ONCE):
            window = _lay(arrays, data, block, begun)
            given = initial is not None or begun > 0
            for theta, start, own in zip(thetas, starts, groups):
                program.run(program.frame(**arrays, theta=theta, steps=window, start=start if given else 0))
                for (column, lane), sequence in zip(columns, block):
                    place = column, slice(lane, lane + own.stop - own.start)
                    steps = min(data.lengths[sequence] - begun, window)
                    if steps < 1:
                        continue
                    at = data.offsets[sequence] + begun
                    z[own, at : at + steps] = np.moveaxis(arrays["z"][:steps, :, *place], -1, 0)
                    last[own, sequence] = state[steps, :, *place].T
                    if states:
                        kept[own, at : at + steps] = np.moveaxis(state[1 : steps + 1, :, *place], -1, 0)
                start[:] = state[window]
    return z, kept, last


def _lay(arrays, data, sequences, begun):
    """Fill x and lengths with the steps from `begun` on of some sequences, long ones first; return their number."""
    x, lengths = arrays["x"].reshape(*arrays["x"].shape[:2], -1), arrays["lengths"].reshape(-1)
    left = np.clip(data.lengths[sequences] - begun, 0, len(x))
    time = np.arange(left[0])[:, None]
    counts = time < left
    rows = np.where(counts[..., None], data.x[np.where(counts, data.offsets[sequences] + begun + time, 0)], 0)
    x[: len(rows)] = 0
    x[: len(rows), :, : len(sequences)] = np.moveaxis(rows, 1, -1)
    lengths[:] = 0
    lengths[: len(sequences)] = left
    return int(left[0])
