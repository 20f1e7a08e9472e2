"""The arrays of a program's frame, and how many vectors hold numbers of each model."""

from types import SimpleNamespace


def frame_of(m, names):
    """Return the arrays of a frame by name."""
    return SimpleNamespace(**{name: m.pointer(name) for name in names})


def vectors_of(net, count, lanes):
    """Return how many vectors hold `count` numbers of each model."""
    return count if net.own_weights else -(-count // lanes)


def clear(m, net, pointer, count):
    """Set numbers, one for each model, to 0."""
    for row in m.range(vectors_of(net, count, m.lanes)):
        m.store(pointer, row, m.constant(0.0))
