"""Integers of kernels that compile: loop counters, places in arrays, and conditions."""

from llvmlite import ir

from fastrnn.simd.emit import on_stack

INT = ir.IntType(64)


class Int:
    """An integer: `register`, or nothing, plus `offset`, a Python int that is known while compiling.

    Memory instructions take such an offset for nothing.
    """

    def __init__(self, machine, register, offset=0):
        self.machine, self.register, self.offset = machine, register, offset

    @property
    def known(self):
        return self.register is None

    @property
    def value(self):
        """What is known, or a register with all of it."""
        return self.offset if self.known else self.ir()

    def ir(self):
        if self.known:
            return INT(self.offset)
        return self.machine.builder.add(self.register, INT(self.offset)) if self.offset else self.register

    def _with(self, other, python, emit):
        other = self.machine.integer(other)
        if self.known and other.known:
            return Int(self.machine, None, python(self.offset, other.offset))
        return Int(self.machine, emit(self.ir(), other.ir()))

    def __add__(self, other):
        other = self.machine.integer(other)
        register = self.register if other.known else other.register
        if not (self.known or other.known):
            register = self.machine.once("add", self.register, other.register)
        return Int(self.machine, register, self.offset + other.offset)

    __radd__ = __add__

    def __sub__(self, other):
        other = self.machine.integer(other)
        if other.known:
            return Int(self.machine, self.register, self.offset - other.offset)
        return self._with(other, None, self.machine.builder.sub)

    def __rsub__(self, other):
        return self.machine.integer(other) - self

    def __mul__(self, other):
        other = self.machine.integer(other)
        if self.known and not other.known:
            return other * self
        if other.known:
            same = self.known or other.offset == 1
            register = self.register if same else self.machine.once("mul", self.register, other.offset)
            return Int(self.machine, register, self.offset * other.offset)
        return self._with(other, None, self.machine.builder.mul)

    __rmul__ = __mul__

    def follows(self, other):
        """Whether this is surely one more than another."""
        return self.register is other.register and self.offset == other.offset + 1

    def __mod__(self, other):
        return self._with(other, lambda a, b: a % b, self.machine.builder.srem)

    def __floordiv__(self, other):
        return self._with(other, lambda a, b: a // b, self.machine.builder.sdiv)

    def __rshift__(self, other):
        return self._with(other, lambda a, b: a >> b, self.machine.builder.ashr)

    def __lshift__(self, other):
        return self._with(other, lambda a, b: a << b, self.machine.builder.shl)

    def shifted_down(self, other):
        """Shifted right, as a word of 64 bits: zeros follow."""
        return self._with(other, lambda a, b: a % 2**64 >> b, self.machine.builder.lshr)

    def remainder(self, other):
        """The remainder of a division, as words of 64 bits without a sign."""
        return self._with(other, lambda a, b: a % 2**64 % b, self.machine.builder.urem)

    def least(self, other):
        """The smaller of two."""
        builder = self.machine.builder
        return self._with(other, min, lambda a, b: builder.select(builder.icmp_signed("<", a, b), a, b))

    def most(self, other):
        """The larger of two."""
        builder = self.machine.builder
        return self._with(other, max, lambda a, b: builder.select(builder.icmp_signed("<", a, b), b, a))

    def below(self, other):
        """A condition for `when`: self < other."""
        return self._with(
            other, lambda a, b: int(a < b), lambda a, b: self.machine.truth(self.machine.builder.icmp_signed("<", a, b))
        )

    def equals(self, other):
        """A condition for `when`: self == other."""
        return self._with(
            other,
            lambda a, b: int(a == b),
            lambda a, b: self.machine.truth(self.machine.builder.icmp_signed("==", a, b)),
        )

    def differs(self, other):
        """The bits in which two differ."""
        return self._with(other, lambda a, b: a ^ b, self.machine.builder.xor)

    def either(self, other):
        """A condition for `when`: self or other holds."""
        return self._with(other, lambda a, b: a | b, self.machine.builder.or_)

    def both(self, other):
        """A condition for `when`: self and other hold."""
        return self._with(other, lambda a, b: a & b, self.machine.builder.and_)


class Local:
    """An integer that a kernel changes: `get` and `set`."""

    def __init__(self, machine, start):
        self.machine, self.place = machine, on_stack(machine.builder, INT)
        self.set(start)

    def get(self):
        """Return the Int that was set last."""
        return Int(self.machine, self.machine.builder.load(self.place))

    def set(self, value):
        """Set it to an Int or a Python int."""
        self.machine.builder.store(self.machine.integer(value).ir(), self.place)
