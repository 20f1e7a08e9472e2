"""How numbers read in what is printed; imports nothing, so that `fastrnn --help` may use it."""


def counted(number, noun):
    """`1 unit`, `1,200 units`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
