"""Operations on LLVM's vectors: one number in all lanes, lanes in another order, several vectors as one."""

from llvmlite import ir


def element_type(dtype):
    """Return LLVM's type of one element."""
    return {"float32": ir.FloatType(), "float64": ir.DoubleType()}[dtype]


# Of this process. llvmlite takes long to make and to spell a vector of numbers, and keeps the spelling in the object.
_CONSTANTS = {}


def constant_vector(element, numbers):
    """Return a vector of known numbers of one LLVM type, as an object that all modules share."""
    # As text, in which 0.0 and -0.0 differ.
    return _kept((element, repr(numbers)), ir.VectorType(element, len(numbers)), numbers)


def broadcast_constant(element, number, lanes):
    """Return a vector with a known number in every lane, as an object that all modules share."""
    return _kept((element, lanes, repr(number)), ir.VectorType(element, lanes), [number] * lanes)


def _kept(key, kind, numbers):
    constant = _CONSTANTS.get(key)
    if constant is None:
        constant = _CONSTANTS[key] = ir.Constant(kind, numbers)
    return constant


def broadcast_value(builder, scalar, lanes):
    """Return a vector with `scalar` in every lane."""
    vector_type = ir.VectorType(scalar.type, lanes)
    first = builder.insert_element(ir.Constant(vector_type, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    return shuffle(builder, first, first, [0] * lanes)


def shuffle(builder, first, second, lanes):
    """Apply LLVM's shufflevector: lane i is lane lanes[i] of the two vectors laid end to end."""
    mask = constant_vector(ir.IntType(32), list(lanes))
    return builder.shuffle_vector(first, second, mask)


def join(builder, vectors):
    """Return neighbouring vectors as one long one; each operation on it becomes one instruction for each of them."""
    while len(vectors) > 1:
        paired = [shuffle(builder, a, b, range(2 * a.type.count)) for a, b in zip(vectors[::2], vectors[1::2])]
        if len(vectors) % 2:
            raise ValueError(f"join: got {len(vectors)} vectors, expected a power of two")
        vectors = paired
    return vectors[0]


def split_vector(builder, value, lanes):
    """Return the vectors of `lanes` elements that `join` joined."""
    if value.type.count == lanes:
        return [value]
    return [shuffle(builder, value, value, range(first, first + lanes)) for first in range(0, value.type.count, lanes)]
