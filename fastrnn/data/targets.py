"""The kinds of targets (class numbers, bits or reals), and how they are stored."""

import difflib
from typing import NamedTuple

import numpy as np

from fastrnn.arguments import is_integer

KINDS = ("classes", "bits", "reals")


class Targets(NamedTuple):
    """y: (S,) int64 class numbers, -1 where a step does not count, or (S, O) float64, 0 where it does not.

    counts: (S,) bool. kind: one of KINDS. classes: how many, or None. names: of the classes, or None.
    """

    y: np.ndarray
    counts: np.ndarray
    kind: str
    classes: int | None = None
    names: tuple | None = None


def code_targets(y, counts, place, kind=None, classes=None, name="y", allowed=None):
    """Return the Targets of y: (S,) or (S, O) numbers or names.

    counts: (S,) bool, which steps count. place(step): a step in words, for messages. kind: one of KINDS, or None, to go
    by the values: names are classes; True and False, and 0 and 1 alone, are bits; whole numbers of an integer type, one
    a step, are class numbers from 0 on; all others are reals. classes: their number, or in order their names, or the
    integers that stand for them. allowed:
    an array with a column for each class, which says how many there are, or None.
    Raises ValueError or TypeError, in one line, for targets that are missing where a step counts and for values that
    the kind does not have.
    """
    if kind not in (None, *KINDS):
        raise ValueError(f"kind: got {kind!r}, expected one of {', '.join(KINDS)}")
    if classes is not None and kind in ("bits", "reals"):
        raise ValueError(f"classes: kind={kind!r} has none")
    if allowed is not None:
        if kind in ("bits", "reals"):
            raise ValueError(f"allowed: kind={kind!r} has no classes")
        classes = allowed.shape[-1] if classes is None and allowed.ndim == 2 else classes
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if y.ndim > 2 or 0 in y.shape:
        raise ValueError(f"{name}: got targets of shape {y.shape[1:]} per step, expected one number or a row of them")
    if not counts.any():
        raise ValueError(f"{name}: no step counts: all targets are missing or masked")
    names = _names_of(classes)
    if _is_text(y, counts, place, name):
        return _code_names(y, counts, place, kind, names and tuple(map(str, names)), classes, name)
    values = _finite(y, counts, place, name)
    kind = kind or ("classes" if classes is not None else _kind_of(y, values[counts], name))
    if kind == "classes":
        if names and isinstance(names[0], int):
            values = _coded(values, counts, names, place, name)
        counts, count = _check_numbers(values, counts, place, len(names) if names else classes, name)
        return Targets(np.where(counts, values, -1).astype(np.int64), counts, kind, count, names)
    if kind == "bits":
        _refuse(~np.isin(values, (0, 1)), values, counts, place, name, "0 or 1 for kind='bits'")
    values[~counts] = 0
    return Targets(values.reshape(len(values), -1), counts, kind)


def is_whole(values):
    """Return which of these floats are integers."""
    return np.isfinite(values) & (np.floor(values) == values)


def nearest(word, words):
    """Return a hint at the known word that is most similar, or at all of them, for the end of a message."""
    words = list(map(str, words))
    close = difflib.get_close_matches(str(word), words, 1) or [w for w in words if w.lower() == str(word).lower()]
    # A name with a comma looks like two names.
    close = close or [w for w in words if "," in w and str(word).strip() in map(str.strip, w.split(","))]
    known = ", ".join(words[:12]) + (", ..." if len(words) > 12 else "") or "none"
    return f"did you mean {close[0]!r}?" if close else f"known: {known}"


def _names_of(classes):
    if classes is None or is_integer(classes):
        if classes is not None and classes < 1:
            raise ValueError(f"classes: got {classes}, expected at least 1")
        return None
    names = tuple(classes) if isinstance(classes, (list, tuple, np.ndarray)) else ()
    whole = all(map(is_integer, names))
    names = tuple(map(int if whole else str, names))
    if not names or len(set(names)) < len(names):
        raise ValueError(f"classes: got {classes!r}, expected a number or a list of different names")
    return names


def _is_text(y, counts, place, name):
    if y.dtype.kind != "O":
        if y.dtype.kind not in "biufUTS":
            raise TypeError(f"{name}: got {y.dtype}, expected numbers or names")
        return y.dtype.kind in "UTS"
    wanted = y[counts].ravel()
    texts = np.fromiter((isinstance(value, str) for value in wanted), bool, len(wanted))
    if texts.any() and not texts.all():
        step = int(np.flatnonzero(counts)[np.argmin(texts) // (wanted.size // counts.sum())])
        raise TypeError(f"{name}: got {wanted[np.argmin(texts)]!r} at {place(step)} among names, expected names only")
    return texts.all()


def _code_names(y, counts, place, kind, names, classes, name):
    if y.ndim == 2:
        raise ValueError(f"{name}: got {y.shape[1]} names per step, expected one")
    if kind == "reals":
        raise TypeError(f"{name}: got text ({y[counts][0]!s}), expected numbers for kind='reals'")
    given = y[counts].astype(str).tolist() if y.dtype.kind == "S" else y[counts].tolist()
    known = names or tuple(sorted(set(given)))
    code = {each: number for number, each in enumerate(known)}
    if "" in code and names is None:
        step = int(np.flatnonzero(counts)[given.index("")])
        raise ValueError(f"{name}: got empty text at {place(step)}, expected a name: mask the step, or leave its "
                         "weight 0, if its target is missing")
    if not code.keys() >= set(given):
        wrong = next(i for i, each in enumerate(given) if each not in code)
        step = int(np.flatnonzero(counts)[wrong])
        raise ValueError(f"{name}: got {given[wrong]!r} at {place(step)}, which is not a class: "
                         f"{nearest(given[wrong], known)}")
    if names is None and classes is not None and len(known) != classes:
        raise ValueError(f"classes: got {classes}, but {name} has {len(known)} names: give the names, in order")
    y = np.full(len(counts), -1, np.int64)
    y[counts] = np.fromiter(map(code.__getitem__, given), np.int64, len(given))
    if kind != "bits":
        return Targets(y, counts, "classes", len(known), known)
    if len(known) > 2:
        raise ValueError(f"{name}: got {len(known)} names, expected two for kind='bits'")
    return Targets(np.where(counts, y, 0).astype(np.float64)[:, None], counts, "bits", None, known)


def _finite(y, counts, place, name):
    """Return a float64 copy, after a check of the steps that count."""
    try:
        values = y.astype(np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: got {y.dtype} that are not numbers, expected numbers or names") from None
    _refuse(~np.isfinite(values), values, counts, place, name,
            "a finite number: mask the step, or leave its weight 0, if its target is missing")
    return values


def _kind_of(y, values, name):
    if np.isin(values, (0, 1)).all():
        return "bits"
    if y.dtype.kind not in "iu" or y.ndim == 2:
        return "reals"
    if values.min() < 0:
        raise ValueError(f"{name}: got {int(values.min())} among whole numbers: give kind='classes' if -1 marks steps "
                         f"that do not count, {_different(values)}kind='reals'")
    missing = np.flatnonzero(np.bincount(values.astype(np.int64)) == 0) if values.max() < 1 << 24 else [0]
    if len(missing):
        raise ValueError(f"{name}: class {missing[0]} never occurs among whole numbers up to {int(values.max())}: "
                         f"number the classes from 0 on, or give classes={int(values.max()) + 1}, "
                         f"{_different(values)}kind='reals'")
    return "classes"


def _different(values):
    """Return the few different values as classes, for a message, or "or " where there are many."""
    different = np.unique(values).astype(np.int64).tolist()
    return f"classes={different} for the values that there are, or " if len(different) <= 8 else "or "


def _coded(values, counts, names, place, name):
    """Return the numbers of the classes that these integers stand for, -1 where a step does not count."""
    known = np.array(names)
    order = np.argsort(known)
    at = order[np.searchsorted(known[order], values).clip(max=len(names) - 1)]
    found = known[at] == values
    _refuse(~found & (values != -1), values, counts, place, name, f"one of the classes {', '.join(map(str, names))}")
    return np.where(found, at, -1.0)


def _check_numbers(values, counts, place, classes, name):
    """Return which steps count, and the number of classes."""
    if values.ndim == 2:
        raise ValueError(f"{name}: got {values.shape[1]} class numbers per step, expected one")
    counts = counts & (values != -1)
    if not counts.any():
        raise ValueError(f"{name}: no step counts: all are -1 or masked")
    count = classes or int(values[counts].max()) + 1
    wrong = (values < 0) | (values >= count) | ~is_whole(values)
    _refuse(wrong, values, counts, place, name,
            f"a class number from 0 to {count - 1}, or -1 where a step does not count")
    missing = np.flatnonzero(np.bincount(values[counts].astype(np.int64), minlength=count) == 0)
    if classes is None and len(missing):
        raise ValueError(f"{name}: class {missing[0]} of 0 to {count - 1} never occurs: give classes={count} if that "
                         f"is right")
    return counts, int(count)


def _refuse(wrong, values, counts, place, name, expected):
    wrong = wrong & (counts if wrong.ndim == 1 else counts[:, None])
    if wrong.any():
        step, *column = np.argwhere(wrong)[0]
        where = f"{place(step)}, column {column[0]}" if column else place(step)
        raise ValueError(f"{name}: got {values[(step, *column)]:g} at {where}, expected {expected}")
