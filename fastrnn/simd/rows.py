"""The one SIMD type of fastrnn: a few rows, each a vector of one cache line.

`Rows(float32, 6)` is six vectors of 16 float32; `Rows(float64, 6)` six vectors of 8 float64. A vector
fills 64 bytes, whatever the machine: one AVX-512 register, two AVX registers, four NEON
registers. LLVM splits it, so the order of every sum is the same on all of them. Only what comes from Halves has
vectors of 32 bytes.
"""

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import models, register_model

VECTOR_BYTES = 64


class Rows(types.Type):
    """`rows` SIMD vectors of `lanes` elements of `dtype`, kept in registers; by default as many as fill 64 bytes."""

    def __init__(self, dtype, rows, lanes=None):
        self.dtype = dtype
        self.rows = rows
        self.lanes = lanes or VECTOR_BYTES * 8 // dtype.bitwidth
        super().__init__(name=f"Rows({dtype}, {rows}, {self.lanes})")

    @property
    def key(self):
        return self.dtype, self.rows, self.lanes

    def vector_type(self):
        return ir.VectorType(element_type(self.dtype), self.lanes)


@register_model(Rows)
class RowsModel(models.PrimitiveModel):
    def __init__(self, data_model_manager, rows_type):
        super().__init__(data_model_manager, rows_type, ir.ArrayType(rows_type.vector_type(), rows_type.rows))


class Halves(NamedTuple):
    """An array (rows, lanes) whose rows are vectors of 32 bytes: half the memory, and as many operations a second."""

    numbers: np.ndarray


def array_type(kind):
    """The type of the array that an array, or Halves, is to numba."""
    return kind[0] if isinstance(kind, types.BaseNamedTuple) else kind


def array_value(builder, kind, value):
    """The value of the array that an array, or Halves, is to LLVM."""
    return builder.extract_value(value, 0) if isinstance(kind, types.BaseNamedTuple) else value


def rows_of(kind, rows):
    """The type of `rows` vectors of an array, or of Halves."""
    dtype = array_type(kind).dtype
    return Rows(dtype, rows, VECTOR_BYTES * 4 // dtype.bitwidth if isinstance(kind, types.BaseNamedTuple) else None)


def element_type(dtype):
    """LLVM's type of one element."""
    return {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}[dtype]


def pack(builder, vectors):
    """An LLVM array of vectors, the value of a Rows."""
    value = ir.Constant(ir.ArrayType(vectors[0].type, len(vectors)), ir.Undefined)
    for row, vector in enumerate(vectors):
        value = builder.insert_value(value, vector, row)
    return value


def unpack(builder, value):
    """The vectors of a Rows value."""
    return [builder.extract_value(value, row) for row in range(value.type.count)]


def splat_value(builder, scalar, lanes):
    """A vector that holds `scalar` in every lane."""
    vector_type = ir.VectorType(scalar.type, lanes)
    first = builder.insert_element(ir.Constant(vector_type, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    return shuffle(builder, first, first, [0] * lanes)


def shuffle(builder, first, second, lanes):
    """LLVM's shufflevector: lane i is lane lanes[i] of the two vectors laid end to end."""
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), list(lanes))
    return builder.shuffle_vector(first, second, mask)


def join(builder, vectors):
    """Neighbouring vectors as one long one, on which each operation becomes one instruction for each."""
    while len(vectors) > 1:
        paired = [shuffle(builder, a, b, range(2 * a.type.count)) for a, b in zip(vectors[::2], vectors[1::2])]
        if len(vectors) % 2:
            raise ValueError(f"join: got {len(vectors)} vectors, expected a power of two")
        vectors = paired
    return vectors[0]


def split(builder, value, lanes):
    """The inverse of `join`: the vectors of `lanes` elements that `value` is made of."""
    if value.type.count == lanes:
        return [value]
    return [shuffle(builder, value, value, range(first, first + lanes)) for first in range(0, value.type.count, lanes)]
