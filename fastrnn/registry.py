"""Finds plug-ins by searching a package's directory: to add one, add one file."""

import importlib
import inspect
import os
import pkgutil


def discover(package_name, base, contract=None):
    """Import every module directly inside a package and collect the plug-in classes defined there.

    `base` is the class that plug-ins derive from, or the name of a class attribute that marks them
    (for NamedTuples, which cannot derive from another class). A class counts in the module that
    defines it, not where it is imported. `base` itself and classes whose own name begins with an
    underscore are scaffolding and left out.

    contract: {attribute: (type, what it is, with an example)} of all that a class must have of its own, besides `name`;
    a method's type is Callable.

    Returns a dict {class attribute `name`: class}, sorted by name.
    Raises TypeError, in one sentence, for a plug-in that lacks a part of the contract, ValueError if two have the same
    name.
    """
    package = importlib.import_module(package_name)
    # Thousands of models ask for the same optimizer; a file that is added or removed changes the time of its directory.
    state = [(path, os.stat(path).st_mtime_ns) for path in package.__path__]
    known = _known.get((package_name, base))
    if known is None or known[0] != state:
        known = _known[package_name, base] = state, _found(package, package_name, base, contract)
    return dict(known[1])


_known = {}


def _found(package, package_name, base, contract):
    """Return the result of `discover`."""
    found = {}
    for module_name in sorted(info.name for info in pkgutil.iter_modules(package.__path__)):
        module = importlib.import_module(f"{package_name}.{module_name}")
        for plug_in in _plug_ins(module, base):
            named = {"name": (str, f'a class attribute such as name = "{module_name}"')}
            for attribute, (kind, what) in {**named, **(contract or {})}.items():
                _check(plug_in, base, attribute, kind, what)
            name = plug_in.name
            other = found.setdefault(name, plug_in)
            if other is not plug_in:
                raise ValueError(
                    f"{_where(other)} and {_where(plug_in)} are both named {name!r}: rename one"
                )
    return dict(sorted(found.items()))


def _plug_ins(module, base):
    for _, value in inspect.getmembers(module, inspect.isclass):
        defined_here = value.__module__ == module.__name__ and not value.__name__.startswith("_")
        derives = hasattr(value, base) if isinstance(base, str) else issubclass(value, base) and value is not base
        if defined_here and derives:
            yield value


def _check(plug_in, base, attribute, kind, what):
    """Raise TypeError unless a class defines an attribute itself, of this type."""
    value = getattr(plug_in, attribute, None)
    if value is None or value is getattr(base, attribute, None):
        raise TypeError(f"{_where(plug_in)} needs {what}")
    # What a property or a field of a NamedTuple holds is known of objects only.
    if not isinstance(value, (kind, property)):
        raise TypeError(f"{_where(plug_in)} needs {what}, got {attribute} = {value!r:.80}")


def _where(plug_in):
    return f"{plug_in.__module__}.{plug_in.__qualname__}"
