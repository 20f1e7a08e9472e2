"""Names of columns, and properties of each sequence: names, numbers, initial states."""

import numpy as np


def check_names(argument, given, count, of):
    """Return `count` names as a tuple; None: numbered names. Raises ValueError for another number of names and for
    repeated ones."""
    if given is None:
        word = argument.removesuffix("_names")
        return tuple(f"{word} {n}" for n in range(count)) if count != 1 else (word,)
    if isinstance(given, str):
        given = (given,)
    if len(given) != count or len(set(given)) < count:
        raise ValueError(f"{argument}: got {', '.join(map(str, given))}, expected {count} different names as {of} has "
                         f"columns")
    return tuple(map(str, given))


def one_each(argument, values, count):
    """Return a new (count,) array of numbers or text. Raises ValueError for other shapes and for objects."""
    values = np.array(values)
    values = np.char.decode(values) if values.dtype.kind == "S" else values
    if values.dtype == object and all(isinstance(value, str) for value in values.flat):
        values = values.astype(str)
    if values.shape != (count,) or values.dtype == object:
        raise ValueError(f"{argument}: got {values.dtype} {values.shape}, expected a name or number for each of "
                         f"{count} sequences")
    return values


def states_of_each(values, count):
    """Return a new (count, W) float64 array of initial states. Raises ValueError for other shapes and infinite numbers.
    """
    try:
        values = np.array(values, float)
    except (TypeError, ValueError):
        raise TypeError("initial: expected numbers, the states of each sequence") from None
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or len(values) != count or not values.size:
        raise ValueError(f"initial: got shape {values.shape}, expected ({count}, W), the states of each sequence")
    if not (finite := np.isfinite(values).all(1)).all():
        raise ValueError(f"initial: got {values[~finite][0].tolist()} for sequence {int(np.argmin(finite))}, expected "
                         "finite numbers")
    return values


def enumerated(word, names):
    """Return the names in words, or how many they are."""
    if len(names) > 6:
        return f"{len(names)} {word}s"
    return f"{word}{'s' if len(names) != 1 else ''}: {', '.join(names)}"
