"""What the machine code of a user's function depends on besides its own text: all that its names stand for.

numba writes the values of global names into the code, and links the code of functions that are called there; its cache
looks at neither.
"""

import hashlib
import types

import numpy as np
from numba.core.dispatcher import Dispatcher

# Plain functions of these stand for what numba compiles instead of them.
REPLACED = ("builtins", "math", "numba", "numpy", "fastrnn")


def dependencies_digest(function):
    """16 hex digits that change with the code of a function, and with the values and functions that its names stand
    for, and theirs in turn.

    What lies in this package is left out: its stamp follows that.
    """
    digest = hashlib.blake2b(digest_size=8)
    _add_function(digest, function, set())
    return digest.hexdigest()


def _add_function(digest, function, seen):
    if function in seen or (function.__module__ or "").partition(".")[0] in REPLACED:
        return
    seen.add(function)
    names = _add_code(digest, function.__code__)
    cells = zip(function.__code__.co_freevars, function.__closure__ or ())
    values = {name: cell.cell_contents for name, cell in cells}
    for name in sorted({*names, *values}):
        value = values[name] if name in values else function.__globals__.get(name)
        digest.update(f"{name}=".encode())
        _add(digest, value, names, seen)
    _add(digest, function.__defaults__, names, seen)


def _add_code(digest, code):
    """Add the instructions and constants of code; returns all names in it."""
    digest.update(code.co_code + repr((code.co_names, code.co_varnames, code.co_freevars)).encode())
    names = {*code.co_names}
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _add_code(digest, constant)
        else:
            digest.update(repr(constant).encode())
    return names


def _add(digest, value, names, seen):
    """Add a value; names: that the code reads, of which some are a module's."""
    value = value.py_func if isinstance(value, Dispatcher) else value
    if isinstance(value, types.FunctionType):
        _add_function(digest, value, seen)
    elif isinstance(value, types.ModuleType):
        if value.__name__.partition(".")[0] not in REPLACED:
            for name in sorted(names & {*vars(value)}):
                digest.update(f"{name}=".encode())
                _add(digest, getattr(value, name), names, seen)
    elif isinstance(value, np.ndarray):
        digest.update(f"{value.dtype} {value.shape}".encode() + value.tobytes())
    elif isinstance(value, (tuple, list)):
        digest.update(f"{type(value).__qualname__} {len(value)}".encode())
        for each in value:
            _add(digest, each, names, seen)
    elif isinstance(value, (bool, int, float, complex, str, bytes, np.generic)):
        digest.update(f"{type(value).__qualname__} {value!r}".encode())
