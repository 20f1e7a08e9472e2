"""NamedTuples of arrays and integers in a frame: their fields are its words, named `record.field`.

What a field is annotated with says what a kernel has of it: an Int, an array of int64 or of another type of 64 bits,
one of the machine's numbers, or the address of an array. A record in a record has a name that begins with its field's.
"""

from typing import Annotated

import numpy as np

from fastrnn.machine.execute import Program

Integers = Annotated[np.ndarray, "integers"]
Numbers = Annotated[np.ndarray, "pointer"]
Address = Annotated[np.ndarray, "word"]


def words_of(kind, prefix=""):
    """Return the names of the words of a NamedTuple's class."""
    return [name for field, part in kind.__annotations__.items() for name in (
        words_of(part, f"{prefix}{field}.") if hasattr(part, "_fields") else (prefix + field,))]


def values_of(record, prefix=""):
    """Return {name: array or integer} of a NamedTuple's words."""
    return {name: value for field, part in record._asdict().items() for name, value in (
        values_of(part, f"{prefix}{field}.") if hasattr(part, "_fields") else {prefix + field: part}).items()}


def record_of(m, kind, prefix=""):
    """Return the NamedTuple that a kernel, a function of machine m, has in its frame."""
    fields = {}
    for field, part in kind.__annotations__.items():
        if hasattr(part, "_fields"):
            fields[field] = record_of(m, part, f"{prefix}{field}.")
        else:
            fields[field] = getattr(m, getattr(part, "__metadata__", ("word",))[0])(prefix + field)
    return kind(**fields)


def frame_on(kernel, names, dtype, lanes, words, **records):
    """Return the frame, for other Programs, of the Program of a kernel that takes records, by the names of its words.

    names: of words of its own, the first ones; words: {name: integer}, others that it takes.
    """
    names, values = [*names, *words], dict(words)
    for field, record in records.items():
        names += words_of(type(record), f"{field}.")
        values |= values_of(record, f"{field}.")
    return Program(kernel, names, str(dtype), lanes, "").loaded(**values)
