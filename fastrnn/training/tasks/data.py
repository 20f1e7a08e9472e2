"""The user's own arrays, checked and converted for the kernels."""

import numpy as np

from fastrnn.arguments import as_array, shown
from fastrnn.kernels.arrays import Arrays, by_length, lengths_of

EXPECTED = "expected (x, y) or (x, y, mask), arrays of (batch, time, input), (batch, time, output) and (batch, time)"
# What is no such array.
TABLE = "data: got a {}; tables are given as fastrnn.Sequences.from_table(table, inputs, target)"
# The message where targets are not bits.
NO_BITS = "until: got 'exact', but y holds targets between 0 and 1, which no output ever equals; expected 'samples'"
# Passes over the data, and the least number of samples, where the user gives no max_samples.
EPOCHS, LEAST_SAMPLES = 100, 10_000


def sequences(data, models=None):
    """Return (x (..., T, I), y (..., T, O), mask (..., T)) of the argument `data`, with checked shapes.

    In a numpy.ma.MaskedArray whole steps may be masked: they do not count, and hold zeros. models: their number, if
    each may have data of its own: x (models, N, T, I). Raises TypeError or ValueError, with what to write
    instead.
    """
    x, y, mask = _unpacked(data)
    (x, no_x), (y, no_y) = _parts("x", x), _parts("y", y)
    own = models is not None and x.ndim == 4
    if own and len(x) != models:
        raise ValueError(f"x: got a leading axis of {len(x)}, expected {models}, one for each seed")
    if not own and x.ndim != 3 or not x.size:
        raise ValueError(
            f"x: got shape {x.shape}, expected (batch, time, input), each of at least 1; "
            "of a single input that is x[:, :, None], of a single sequence x[None]"
        )
    steps = x.shape[:-1]
    if y.shape == steps:
        y, no_y = y[..., None], no_y if no_y is None else no_y[..., None]
    if y.shape[:-1] != steps or not y.size:
        # One answer for each sequence is the most frequent case.
        hint = "; an answer at the end of each sequence is y[:, -1], with a mask of 1 there and 0 before"
        raise ValueError(
            f"y: got shape {y.shape}, expected ({', '.join(map(str, steps))}, output): targets for each step of x"
            + hint * (y.ndim < 3)
        )
    counts = np.ones(steps, bool) if mask is None else _mask(mask, steps)
    for name, hidden in (("x", no_x), ("y", no_y)):
        if hidden is None:
            continue
        if (hidden.any(-1) != hidden.all(-1)).any():
            raise ValueError(f"{name}: is masked in a part of a step; mask whole steps, or give {name}.filled(0)")
        counts = counts * ~hidden.all(-1)
    return x, y, counts


def as_arrays(x, y, mask=None, *, dtype, drawn):
    """Return Arrays of this dtype for the kernels, from the result of `sequences`; drawn: rows in a batch, 0 for all.

    Raises ValueError for values that are not finite, targets outside [0, 1], and negative masks.
    """
    mask = np.ones(x.shape[:-1], dtype) if mask is None else mask
    with np.errstate(over="ignore"):
        x, y, mask = (np.ascontiguousarray(array, dtype) for array in (x, y, mask))
    for name, array in (("x", x), ("y", y), ("mask", mask)):
        if not np.isfinite(array).all():
            raise ValueError(
                f"{name}: holds values that are not finite in {np.dtype(dtype)}; set them to 0 and use mask to leave "
                "them out"
            )
    if (mask < 0).any():
        raise ValueError("mask: holds values below 0, expected 0 where the loss does not count, else a weight")
    if not ((y >= 0) & (y <= 1) | (mask == 0)[..., None]).all():
        raise ValueError(
            "y: holds values outside [0, 1], the range of the outputs; of a number of classes, give each an output "
            "of its own"
        )
    return Arrays(x, y, mask, lengths_of(mask), *by_length(mask), drawn)


def training_data(data, models=None):
    """Return `sequences` to train on. Raises ValueError, too, for a mask that leaves a model no step that counts."""
    x, y, mask = sequences(data, models)
    if not mask.reshape(*mask.shape[:-2], -1).any(-1).all():
        raise ValueError("mask: is 0 everywhere, so that nothing counts; expected 1 where the loss counts")
    return x, y, mask


def holds_bits(arrays):
    """Return whether all targets that count are 0 or 1, so that an answer is right or wrong."""
    return bool(((arrays.y == 0) | (arrays.y == 1) | (arrays.mask == 0)[..., None]).all())


def training_arrays(data, config):
    """Return Arrays of (x, y, mask) from `training_data`; until="exact" needs targets that are bits."""
    drawn = config.batch_size if config.batch_size != data[0].shape[-3] else 0
    arrays = as_arrays(*data, dtype=np.dtype(config.dtype), drawn=drawn)
    if config.until == "exact" and not holds_bits(arrays):
        raise ValueError(NO_BITS)
    return arrays


def model_arrays(data, config):
    """Return Arrays as training_arrays does, with a leading axis of models, of length 1 if all share the data."""
    arrays = training_arrays(data, config)
    return arrays if arrays.x.ndim == 4 else Arrays(*(array[None] for array in arrays[:-1]), arrays.drawn)


def source_of(task, arrays):
    """Return (what the kernels take samples from, (inputs, outputs), steps) of a task, or of arrays instead."""
    if task is None:
        return arrays, (arrays.x.shape[-1], arrays.y.shape[-1]), arrays.x.shape[-2]
    return task.kernel, (task.input_size, task.output_size), task.bits


def default_samples(x):
    """Return the default of max_samples for training on own data x (..., N, T, I)."""
    return max(EPOCHS * x.shape[-3], LEAST_SAMPLES)


def _unpacked(data):
    """Return (x, y, mask or None)."""
    if isinstance(data, dict):
        names = ", ".join(f"data[{name!r}]" for name in list(data)[:3])
        raise TypeError(f"data: got a dict; {EXPECTED}; as data=({names})")
    if hasattr(data, "columns"):
        raise TypeError(TABLE.format(type(data).__name__))
    if hasattr(data, "shape"):
        raise TypeError(f"data: got one array, of shape {tuple(data.shape)}; {EXPECTED}; as data=(x, y)")
    if not isinstance(data, (tuple, list)):
        raise TypeError(f"data: got {shown(data)}; {EXPECTED}; as data=(x, y)")
    if len(data) not in (2, 3):
        lists = "; lists of sequences of any lengths are given as fastrnn.Sequences(x, y)"
        raise TypeError(f"data: got {len(data)} array{'s' * (len(data) != 1)}; {EXPECTED}{lists}")
    return data if len(data) == 3 else (*data, None)


def _parts(name, value):
    """Return (array with zeros where it is masked, True where it is or None)."""
    if isinstance(value, (tuple, list)) and any(isinstance(part, np.ma.MaskedArray) for part in value):
        value = np.ma.stack(value)
    if not isinstance(value, np.ma.MaskedArray):
        return as_array(name, value), None
    return as_array(name, value.filled(0)), np.ma.getmaskarray(value)


def _mask(value, steps):
    mask, hidden = _parts("mask", value)
    if mask.shape == (*steps, 1):
        mask, hidden = mask[..., 0], hidden if hidden is None else hidden[..., 0]
    if mask.shape != steps:
        raise ValueError(f"mask: got shape {mask.shape}, expected {steps}, the batch and time of x")
    return mask if hidden is None else mask * ~hidden
