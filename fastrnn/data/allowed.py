"""The classes that are allowed at each step, such as the choices on offer."""

import numpy as np


def code_allowed(allowed, targets, place):
    """Return (S, K) bool from 0 and 1 (S, K), after a check against the Targets.

    place(step): a step in words, for messages. Raises ValueError or TypeError, in one line, for another number of
    classes, for a step at which none is allowed, and for a counted target that is forbidden.
    """
    if allowed.ndim != 2 or not allowed.shape[1]:
        raise ValueError(f"allowed: got steps of shape {allowed.shape[1:]}, expected a 0 or 1 for each class")
    allowed = as_mask(allowed)
    if targets.kind not in ("classes", None):
        raise ValueError(f"allowed: the targets are {targets.kind}, which are not classes")
    if targets.classes not in (allowed.shape[1], None):
        raise ValueError(f"allowed: got {allowed.shape[1]} columns, expected {targets.classes}, one for each class")
    check_some(allowed, place, "allow all and mask the step")
    if targets.kind is not None:
        forbidden = targets.counts & ~allowed[np.arange(len(allowed)), np.maximum(targets.y, 0)]
        if forbidden.any():
            step = int(np.argmax(forbidden))
            own = targets.names[targets.y[step]] if targets.names else targets.y[step]
            raise ValueError(f"allowed: the target at {place(step)}, class {own}, is forbidden there: allow it, or "
                             "mask the step")
    return allowed


def as_mask(allowed):
    """Return an array of 0 and 1 as bool. Raises TypeError for other values."""
    if allowed.dtype.kind not in "biuf" or not np.isin(allowed, (0, 1)).all():
        raise TypeError("allowed: expected 0 or 1 for each class and step")
    return allowed.astype(bool)


def check_some(allowed, place, hint):
    """Raise ValueError unless each row of a mask (rows, classes) allows a class; place(row): a row in words."""
    if not (some := allowed.any(1)).all():
        raise ValueError(f"allowed: no class is at {place(int(np.argmin(some)))}, expected at least one: where nothing "
                         f"is chosen, {hint}")
