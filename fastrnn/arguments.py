"""Checks of arguments: counts, numbers, names and arrays; a wrong one raises an error of one line."""

import contextlib
import difflib
import numbers
from dataclasses import field, fields, is_dataclass

import numpy as np

# What `as_number` expects of a number above 0.
POSITIVE = "a positive number", np.nextafter(0, 1)


def is_integer(value):
    """Return whether a value is an integer of Python or NumPy, which a bool is not."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def is_number(value):
    """Return whether a value is an integer or a float of Python or NumPy, which a bool is not."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def as_integer(name, value, least, most=None, *, whole=False):
    """Return `value` as an int: an integer of Python or NumPy, and with `whole` also a float without a fraction, such
    as 1e5.

    Raises ValueError for anything else, and for numbers that are not from `least` to `most`, by default 2**63 - 1.
    """
    integer = is_integer(value)
    integer |= whole and isinstance(value, (float, np.floating)) and float(value).is_integer()
    if not integer or value < least or (most is not None and value > most):
        bound = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name}: got {shown(value)}, expected an integer {bound}")
    if most is None and int(value) >= 2**63:
        raise ValueError(f"{name}: got {shown(value)}, expected an integer below 2**63")
    return int(value)


def as_whole(name, value, least):
    """As `as_integer`, but a float without a fraction is also allowed."""
    return as_integer(name, value, least, whole=True)


def as_number(name, value, expected="a finite number of at least 0", least=0.0):
    """Return `value` as a float. Raises TypeError or ValueError unless it is a finite real number of at least `least`.
    """
    if not is_number(value):
        raise TypeError(f"{name}: got {shown(value)}, expected {expected}")
    try:
        number = float(value)
    except OverflowError:
        number = np.inf
    if not least <= number < np.inf:
        raise ValueError(f"{name}: got {shown(value)}, expected {expected}")
    return number


def as_choice(name, value, choices):
    """Return the member of `choices` that `value` names, in upper or lower case, with - or _. Raises ValueError for
    anything else."""
    spelled = value.lower().replace("_", "-") if isinstance(value, str) else None
    if spelled not in choices:
        # Few are all named anyhow.
        near = meant(spelled, choices) if len(choices) > 3 else ""
        raise ValueError(f"{name}: got {shown(value)}, expected one of {', '.join(choices)}{near}")
    return spelled


def check_object(name, value, kinds, expected):
    """Raise TypeError unless `value` is an object of these classes; expected: in words."""
    if isinstance(value, type):
        raise TypeError(f"{name}: got the class {value.__name__}, expected an object: {value.__name__}()")
    if not isinstance(value, kinds):
        raise TypeError(f"{name}: got {shown(value)}, expected {expected}")


def check_function(name, value):
    """Raise TypeError unless `value` can be called, or is None."""
    if value is not None and not callable(value):
        raise TypeError(f"{name}: got {shown(value)}, expected a function or None")


def as_dtype(name, value):
    """Return "float32" or "float64", of a name or of what NumPy takes as one of these. Raises ValueError for anything
    else."""
    with contextlib.suppress(TypeError, ValueError, SyntaxError):  # of a comma
        value = None if value is None else np.dtype(value).name
    return as_choice(name, value, ("float32", "float64"))


def option(default, help=None, choices=None):
    """Return a dataclass field with its text for the command line, which has no option without one; choices: a
    function."""
    return field(default=default, metadata={"help": help, "choices": choices})


def set_choices(config):
    """Replace the fields of a frozen dataclass that have choices by what `as_choice` returns."""
    for each in fields(config):
        if choices := each.metadata.get("choices"):
            set_checked(config, [each.name], as_choice, choices())


def set_checked(config, names, check, *bounds):
    """Replace fields of a frozen dataclass, in its __post_init__, by check(name, value, *bounds); None is left where it
    is the default."""
    for name in names:
        value = getattr(config, name)
        if value is not None or config.__dataclass_fields__[name].default is not None:
            object.__setattr__(config, name, check(name, value, *bounds))


def as_seeds(seeds):
    """Return seeds as int64 (N,). Raises ValueError unless they are integers from 0 to 2**63 - 1, at least one."""
    array = as_array("seeds", seeds)
    if array.ndim != 1 or len(array) < 1 or array.dtype.kind not in "iu":
        raise ValueError(
            f"seeds: got {array.dtype} of shape {array.shape}, expected a sequence of integers, for example range(100)"
        )
    wrong = array[(array < 0) | (array >= 2**63)]
    if len(wrong):
        raise ValueError(f"seeds: got {wrong[0]}, expected integers from 0 to 2**63 - 1")
    return array.astype(np.int64)


def as_array(name, value):
    """Return `value` as an array of real numbers; an array is not copied.

    Raises ValueError for sequences of different lengths, masked values, and anything but numbers.
    """
    if np.ma.is_masked(value):
        raise ValueError(
            f"{name}: is a masked array with masked values; replace them, for example by "
            f"{name}.filled(0)"
        )
    try:
        array = np.asarray(value)
    except ValueError:  # as NumPy says of nested lists that are no block
        array = np.empty(0, object)
    if array.dtype == object:
        raise ValueError(
            f"{name}: is not an array of numbers: its parts differ in length, or are not numbers; "
            "lists of sequences of any lengths are given as fastrnn.Sequences(x, y)"
        )
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name}: got dtype {array.dtype}, expected real numbers")
    return array


def as_each(name, value, models):
    """Return an array (models,) of a number of each model, from one number for all, or one for each.

    Raises ValueError for anything else.
    """
    array = as_array(name, value)
    if array.shape not in ((), (models,)) or array.dtype == bool:
        expected = f"{models} numbers, one for each seed" if models > 1 else "as many seeds as values"
        raise ValueError(f"{name}: got {array.dtype} of shape {array.shape}, expected a number or {expected}")
    return np.broadcast_to(array, (models,))


def check_compared(made):
    """Raise TypeError for a field by which a dataclass is not compared: equal objects share one formula."""
    for each in fields(made) if is_dataclass(made) else ():
        if not each.compare:
            raise TypeError(f"{type(made).__name__}.{each.name}: got a field with compare=False, expected one that is "
                            "compared, because equal objects share a formula; leave out compare=False")


# Words of other libraries, for which no similar one stands here.
SYNONYMS = {"adamw": ("adam", ", which with weight decay is AdamW"), "none": ("constant", ""), "rnn": ("elman", ""),
            "vanilla": ("elman", "")}


def meant(word, known):
    """Return `; did you mean 'adam'?` where a known word means the same or is similar, else ""."""
    word, more = SYNONYMS.get(str(word).lower(), (str(word), ""))
    near = [word] if word in known else difflib.get_close_matches(word, known, 1)
    return f"; did you mean {near[0]!r}{more}?" if near else ""


def shown(value):
    """Return a value as text for a message: the beginning of a long one, the shape of an array."""
    if isinstance(value, np.ndarray) and value.ndim:
        return f"an array of shape {value.shape}"
    if isinstance(value, np.generic):
        value = value.item()
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # an int of more digits than Python writes
        text = f"an integer of {value.bit_length()} bits"
    return text if len(text) <= 60 else f"{text[:50]} ... ({type(value).__name__})"
