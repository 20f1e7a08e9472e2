"""The registry of optimizers: a file here defines a NamedTuple with `is_optimizer = True` and a `name`."""

from fastrnn.registry import discover


def optimizers():
    """{name: class} of every optimizer."""
    return discover("fastrnn.optimizers", "is_optimizer")
