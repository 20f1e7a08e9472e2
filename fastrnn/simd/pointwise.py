"""Vectors of floats at compile time: their operators emit SIMD instructions.

`+ - * /` and comparisons of Vectors, `fma`, `select` and the functions of fastrnn.simd.functions emit LLVM
instructions: a sequence without calls, branches or type inference.
"""

import numpy as np
from llvmlite import ir

from fastrnn.simd.emit import declared
from fastrnn.simd.host import has
from fastrnn.simd.rows import broadcast_constant, constant_vector, element_type, join, shuffle, split_vector

# Where a reciprocal is approximated by an instruction to 14 bits.
APPROXIMATES = has("avx512f") and has("avx512vl")


class Vector:
    """A symbolic vector of floats (or the mask that a comparison of two gives)."""

    def __init__(self, builder, value, dtype):
        self.builder, self.value, self.dtype = builder, value, dtype

    @property
    def lanes(self):
        return self.value.type.count

    @property
    def double(self):
        return self.dtype == "float64"

    def constant(self, number):
        """Return `number` in every lane; float32 constants stay float32."""
        return self.like(broadcast_constant(element_type(self.dtype), round_to(self.dtype, number), self.lanes))

    def like(self, value):
        return Vector(self.builder, value, self.dtype)

    def lift(self, other):
        return other if isinstance(other, Vector) else self.constant(other)

    def __add__(self, other):
        return self.like(self.builder.fadd(self.value, self.lift(other).value))

    def __radd__(self, other):
        return self.lift(other) + self

    def __sub__(self, other):
        return self.like(self.builder.fsub(self.value, self.lift(other).value))

    def __rsub__(self, other):
        return self.lift(other) - self

    def __mul__(self, other):
        return self.like(self.builder.fmul(self.value, self.lift(other).value))

    def __rmul__(self, other):
        return self.lift(other) * self

    def __truediv__(self, other):
        return self.like(self.builder.fdiv(self.value, self.lift(other).value))

    def __rtruediv__(self, other):
        return self.lift(other) / self

    def __neg__(self):
        return self.like(self.builder.fneg(self.value))

    def __gt__(self, other):
        return self.like(self.builder.fcmp_ordered(">", self.value, self.lift(other).value))

    def __lt__(self, other):
        return self.lift(other) > self

    def bits(self):
        """Return the same bits as integers (an LLVM value)."""
        return self.builder.bitcast(self.value, self.integer_type())

    def from_bits(self, integers):
        return self.like(self.builder.bitcast(integers, ir.VectorType(element_type(self.dtype), self.lanes)))

    def integer_type(self):
        return ir.VectorType(ir.IntType(64 if self.double else 32), self.lanes)

    def integer(self, number):
        return broadcast_constant(self.integer_type().element, number, self.lanes)


def round_to(dtype, number):
    return float(np.float32(number)) if dtype == "float32" else float(number)


class Bits(Vector):
    """1 in the lanes of a mask, and 0 in the others. To add a multiple of it is to add in some lanes."""

    def __init__(self, mask, one):
        super().__init__(one.builder, one.builder.select(mask.value, one.value, one.constant(0.0).value), one.dtype)
        self.mask = mask


def fma(a, b, c):
    """Return a * b + c, in one instruction where the machine has it.

    `llvm.fmuladd`, not `llvm.fma`: without the instruction the latter becomes a library call.
    """
    if isinstance(b, Bits):
        return select(b.mask, a + c, c)
    like = next(x for x in (a, b, c) if isinstance(x, Vector))
    return _intrinsic("fmuladd", *(like.lift(x) for x in (a, b, c)))


def _intrinsic(name, *vectors):
    """Return the result of one of LLVM's functions of vectors of one type."""
    first, kind = vectors[0], vectors[0].value.type
    function = ir.FunctionType(kind, [kind] * len(vectors))
    whole = f"llvm.{name}.v{first.lanes}f{64 if first.double else 32}"
    return first.like(first.builder.call(declared(first.builder, function, whole), [each.value for each in vectors]))


def select(mask, a, b):
    """Return a where mask holds, else b."""
    like = a if isinstance(a, Vector) else b if isinstance(b, Vector) else Vector(mask.builder, mask.value, mask.dtype)
    a, b = (like.lift(x) for x in (a, b))
    return like.like(like.builder.select(mask.value, a.value, b.value))


def clamp(x, low, high):
    """Return x limited to [low, high]; a NaN stays a NaN, since every comparison with it is false."""
    low, high = x.lift(low), x.lift(high)
    x = select(low > x, low, x)
    return select(high < x, high, x)


def pick(x, table, bits):
    """Return table[i] for i the low bits of each lane of the integers `bits`; the table is one or two registers of
    AVX-512."""
    builder, entries = x.builder, [round_to(x.dtype, entry) for entry in table]
    size, kind, width = (8, "pd", 64) if x.double else (16, "ps", 32)
    piece, index = ir.VectorType(element_type(x.dtype), size), ir.VectorType(ir.IntType(width), size)
    wide = shuffle(builder, bits, bits, [lane % x.lanes for lane in range(max(size, x.lanes))])
    pieces = split_vector(builder, wide, size)
    low, high = (constant_vector(piece.element, entries[first : first + size]) for first in (0, len(entries) - size))
    if len(entries) == size:
        found = [permuted(builder, low, each) for each in pieces]
    else:
        name = f"llvm.x86.avx512.vpermi2var.{kind}.512"
        choose = declared(builder, ir.FunctionType(piece, [piece, index, piece]), name)
        found = [builder.call(choose, [low, each, high]) for each in pieces]
    found = join(builder, found)
    return x.like(shuffle(builder, found, found, range(x.lanes)))


def permuted(builder, vector, lanes):
    """Return in lane i the lane of a vector of 16 float32 that lane i of the integers `lanes` names; needs AVX-512."""
    kind = ir.FunctionType(vector.type, [vector.type, lanes.type])
    return builder.call(
        declared(builder, kind, "llvm.x86.avx512.permvar.sf.512"), [vector, lanes]
    )


def divide(a, b):
    """Return a / b for a finite normal b, within one unit in the last place; a: a Vector or 1.

    With AVX-512 from an approximation of 1 / b to 14 bits, which each step of Newton's doubles: a division of 16
    float32 keeps its unit for 10 to 16 cycles, the approximation and a step take three instructions.
    """
    if not APPROXIMATES:
        return a / b
    inverse = _approximate(b, "rcp14")
    if b.double:
        inverse = fma(inverse, fma(-inverse, b, 1.0), inverse)
    quotient = inverse if a == 1 else a * inverse
    return fma(fma(-quotient, b, a), inverse, quotient)


def square_root(x):
    """Return the square root of 0, infinity or a normal number, within one unit in the last place.

    With AVX-512 from an approximation of 1 / sqrt(x) to 14 bits: the instruction for square roots keeps its unit for 12
    to 24 cycles, this takes eight instructions in float32, and one step of Newton's more in float64.
    """
    if not APPROXIMATES:
        return _intrinsic("sqrt", x)
    inverse = _approximate(x, "rsqrt14")
    root, half = x * inverse, 0.5 * inverse
    if x.double:
        rest = fma(-root, half, 0.5)
        root, half = fma(root, rest, root), fma(half, rest, half)
    root = fma(fma(-root, root, x), half, root)
    # Of 0 and infinity half is as much.
    same = x.builder.fcmp_ordered("==", x.value, (0.5 * x).value)
    return x.like(x.builder.select(same, x.value, root.value))


def _approximate(x, what):
    """Return an approximation of 1 / x ("rcp14") or of 1 / sqrt(x) ("rsqrt14") to 14 bits."""
    builder, width = x.builder, 64 if x.double else 32
    pieces = []
    for piece in split_vector(builder, x.value, min(512 // width, x.lanes)):
        count = piece.type.count
        mask = ir.IntType(max(8, count))
        kind = ir.FunctionType(piece.type, [piece.type, piece.type, mask])
        name = f"llvm.x86.avx512.{what}.p{'d' if x.double else 's'}.{count * width}"
        function = declared(builder, kind, name)
        pieces.append(builder.call(function, [piece, ir.Constant(piece.type, None), mask(-1)]))
    return x.like(join(builder, pieces))
