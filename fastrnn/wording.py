"""Formats numbers for messages; imports nothing, so that `fastrnn --help` may use it."""


def counted(number, noun):
    """Return `1 unit` or `1,200 units`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
