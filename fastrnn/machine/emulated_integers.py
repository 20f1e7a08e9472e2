"""Integers of kernels that run as plain Python: the twin of fastrnn.machine.integers."""


class Int(int):
    """Python's int, with the conditions of the compiler's Int."""

    known = True

    @property
    def value(self):
        return int(self)

    def shifted_down(self, other):
        """Shifted right, as a word of 64 bits: zeros follow."""
        return Int(int(self) % 2**64 >> int(other))

    def remainder(self, other):
        """The remainder of a division, as words of 64 bits without a sign."""
        return Int(int(self) % 2**64 % int(other))

    def least(self, other):
        """The smaller of two."""
        return Int(min(self, other))

    def most(self, other):
        """The larger of two."""
        return Int(max(self, other))

    def below(self, other):
        """A condition for `when`: self < other."""
        return Int(int(self) < other)

    def equals(self, other):
        """A condition for `when`: self == other."""
        return Int(int(self) == other)

    def differs(self, other):
        """The bits in which two differ."""
        return Int(int(self) ^ int(other))

    def either(self, other):
        """A condition for `when`: self or other holds."""
        return Int(int(self) | other)

    def both(self, other):
        """A condition for `when`: self and other hold."""
        return Int(int(self) & other)


def _of_ints(name):
    plain = getattr(int, name)

    def operation(self, other):
        result = plain(self, other)
        return result if result is NotImplemented else Int(result)

    return operation


for _name in ("add", "radd", "sub", "rsub", "mul", "rmul", "mod", "floordiv", "lshift", "rshift"):
    setattr(Int, f"__{_name}__", _of_ints(f"__{_name}__"))


class Local:
    """An integer that a kernel changes: `get` and `set`."""

    def __init__(self, start):
        self.set(start)

    def get(self):
        """Return the Int that was set last."""
        return self._value

    def set(self, value):
        """Set it to an Int or a Python int."""
        self._value = Int(value)
