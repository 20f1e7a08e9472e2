"""The registry of losses: a file here defines a NamedTuple with `is_loss = True` and a `name`."""

from fastrnn.registry import discover


def losses():
    """{name: class} of every loss."""
    return discover("fastrnn.losses", "is_loss")
