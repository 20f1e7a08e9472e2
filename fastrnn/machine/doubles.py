"""Single numbers of 64 bits, whatever the dtype of vectors is, of the machine that compiles."""

from llvmlite import ir

from fastrnn.machine.integers import INT, Int
from fastrnn.simd.pointwise import Vector

F64 = ir.DoubleType()


class Double:
    """A float64 in a register."""

    def __init__(self, machine, register):
        self.machine, self.register = machine, register

    def __add__(self, other):
        return Double(self.machine, self.machine.builder.fadd(self.register, other.register))

    def __mul__(self, other):
        return Double(self.machine, self.machine.builder.fmul(self.register, other.register))

    def __truediv__(self, other):
        return Double(self.machine, self.machine.builder.fdiv(self.register, other.register))


class Doubles:
    """The part of fastrnn.machine.compiler.Compiler for float64: in arrays of float64, which are reached as those of
    int64, and in arrays of the machine's numbers."""

    def double(self, pointer, index):
        """A number of an array, as a Double."""
        number = self.builder.load(self._element(pointer, index))
        return Double(self, number if self.element == F64 else self.builder.fpext(number, F64))

    def read_double(self, integers, index):
        """An element of an array of float64."""
        return Double(self, self.builder.load(self._double_at(integers, index)))

    def write_double(self, integers, index, value):
        """Set an element of an array of float64."""
        self.builder.store(value.register, self._double_at(integers, index))

    def _double_at(self, integers, index):
        return self.builder.bitcast(self._element(integers, index), F64.as_pointer())

    def as_double(self, value):
        """An Int as a Double."""
        return Double(self, self.builder.sitofp(self.integer(value).ir(), F64))

    def truncated(self, double):
        """The Int that is left of a Double without what follows its point."""
        return Int(self, self.builder.fptosi(double.register, INT))

    def is_finite(self, double):
        """A condition for `when`."""
        # No number follows from infinity times 0.
        product = self.builder.fmul(double.register, F64(0.0))
        return Int(self, self.truth(self.builder.fcmp_ordered("==", product, F64(0.0))))

    def is_positive(self, double):
        """A condition for `when`."""
        return Int(self, self.truth(self.builder.fcmp_ordered(">", double.register, F64(0.0))))

    def set_number(self, pointer, index, value):
        """Write a Double, or the first lane of a vector, `index` numbers from the pointer."""
        if isinstance(value, Vector):
            number = self.builder.extract_element(value.value, ir.IntType(32)(0))
        else:
            number = value.register if self.element == F64 else self.builder.fptrunc(value.register, self.element)
        self.builder.store(number, self._element(pointer, index))
