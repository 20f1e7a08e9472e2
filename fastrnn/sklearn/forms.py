"""Converts sequences, targets and weights from the forms of scikit-learn's users: lists of arrays, arrays, tables."""

import numpy as np
from sklearn.utils import check_array, check_consistent_length

from fastrnn.data.sequences import Sequences


def is_list(X):
    """Return whether these are separate sequences, which may differ in length."""
    return isinstance(X, (list, tuple)) or (getattr(X, "dtype", None) == object and np.ndim(X) == 1)


def to_sequences(X):
    """Return Sequences without targets."""
    if is_list(X):
        return Sequences(list(X))
    X = check_array(X, dtype=np.float64, allow_nd=True, input_name="X")
    return Sequences(X[:, :, None] if X.ndim == 2 else X)


def targets_of(y, data, dtype=None):
    """Return (values, whether there is one for each step): (S, ...) of each step, or (N, ...) of each sequence."""
    if y is None:
        raise ValueError("y: requires y to be passed, but the target y is None")
    values, per_step = _flat("y", y, data)
    return check_array(values, ensure_2d=False, dtype=dtype, input_name="y"), per_step


def _flat(name, values, data):
    """Return (array (S, ...), True) of values for each step; (array (N, ...), False) for each sequence."""
    if is_list(values) and len(values) and np.ndim(values[0]) > 0:
        check_consistent_length(data.lengths, values)
        pieces = [np.asarray(piece) for piece in values]
        wrong = [n for n, (piece, length) in enumerate(zip(pieces, data.lengths)) if len(piece) != length]
        if not wrong:
            return np.concatenate(pieces), True
        if len({piece.shape for piece in pieces}) > 1:
            raise ValueError(
                f"{name}: sequence {wrong[0]} has {len(pieces[wrong[0]])} values, expected {data.lengths[wrong[0]]}, "
                "one for each of its steps in X"
            )
        return np.stack(pieces), False
    values = np.asarray(values)
    if values.ndim == 0:
        raise ValueError(f"{name}: got {values!s:.80}, expected a value for each of {len(data)} sequences")
    check_consistent_length(data.lengths, values)
    if values.ndim > 1 and (data.lengths == values.shape[1]).all():
        return values.reshape(-1, *values.shape[2:]), True
    return values, False


def step_weights(sample_weight, data, per_step):
    """Return the weight of each step's target, (S,) float64, 0 where there is none."""
    counts = np.zeros(data.steps)
    counts[slice(None) if per_step else data.offsets[1:] - 1] = 1
    if sample_weight is None:
        return counts
    values, of_steps = _flat("sample_weight", sample_weight, data)
    values = check_array(values, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
    if values.ndim > 1 or of_steps and not per_step:
        raise ValueError(
            f"sample_weight: got shape {np.shape(sample_weight)}, expected ({len(data)},), a weight for each sequence"
            + (", or one for each step" if per_step else "")
        )
    if (values < 0).any():
        raise ValueError(f"sample_weight: got {values.min():g}, expected numbers of at least 0")
    return counts * (values if of_steps else np.repeat(values, data.lengths))
