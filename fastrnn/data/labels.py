"""Names of columns, and what is said of each sequence."""

import numpy as np


def check_names(argument, given, count, of):
    """`count` names as a tuple, numbered ones for None. Raises ValueError for another number and for equal ones."""
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
    """A new (count,) array of numbers or text. Raises ValueError for other shapes and for objects."""
    values = np.array(values)
    if values.dtype == object and all(isinstance(value, str) for value in values.flat):
        values = values.astype(str)
    if values.shape != (count,) or values.dtype == object:
        raise ValueError(f"{argument}: got {values.dtype} {values.shape}, expected a name or number for each of "
                         f"{count} sequences")
    return values


def enumerated(word, names):
    """The names in words, or how many they are."""
    if len(names) > 6:
        return f"{len(names)} {word}s"
    return f"{word}{'s' if len(names) != 1 else ''}: {', '.join(names)}"
