"""Many arguments as one: a tuple left in its owner's frame, and its address handed on.

An array is a dozen machine words to numba, and the arrays of a block make a hundred that each call would copy.

    block = refer((cell, layout, theta, work))      once, in the owner of the loop
    call(address, (block, samples))                 a word
    cell, layout, theta, work = held(block)         in what is called: loads of what it uses

Where a function is compiled for sizes known beforehand, `held` gives them as constants: see Referred.

numba takes the arrays that `held` gives for new ones, and drops `array[i] = x` on those that nobody reads later: write
to them by `simd.store` and `simd.put`, or in a function that gets them as arguments.
"""

import numpy as np
from llvmlite import ir
from numba import typeof
from numba.core import cgutils, types
from numba.extending import intrinsic, models, register_model, typeof_impl


class Reference(types.Type):
    """The address of a tuple of type `target`; good for as long as the function runs that made it.

    numbers: what is known of the tuple, in the form of its value to LLVM, with None for what is not.
    """

    def __init__(self, target, numbers=None):
        self.target, self.numbers = target, numbers
        super().__init__(name=f"Reference({target}, {numbers})")

    @property
    def key(self):
        return self.target, self.numbers


@register_model(Reference)
class ReferenceModel(models.PrimitiveModel):
    def __init__(self, data_model_manager, kind):
        super().__init__(data_model_manager, kind, ir.IntType(64))


class Referred:
    """Stands for a reference to the tuple `values` where a function is compiled from example arguments.

    known: the function is compiled for these values alone, whose integers and shapes of arrays are constants in it.
    None of the integers may be an address: the disk cache outlives it.
    """

    def __init__(self, *values, known=False):
        self.values, self.known = values, known


@typeof_impl.register(Referred)
def _typeof(value, context):
    return Reference(typeof(value.values), _numbers(value.values) if value.known else None)


def _numbers(value):
    """The `numbers` of a Reference to a value."""
    if isinstance(value, tuple):
        return tuple(_numbers(part) for part in value)
    if isinstance(value, np.ndarray):
        # As numba lays an array out: two owners, items, bytes of one, the data, the shape, and the strides.
        return None, None, None, None, None, value.shape, value.strides
    return int(value) if isinstance(value, int) else None


@intrinsic
def refer(typing_context, values):
    """A Reference to the tuple `values`."""

    def generate(context, builder, signature, arguments):
        slot = cgutils.alloca_once(builder, arguments[0].type)
        builder.store(arguments[0], slot)
        return builder.ptrtoint(slot, ir.IntType(64))

    return Reference(values)(values), generate


@intrinsic
def held(typing_context, reference):
    """The tuple that the Reference stands for."""

    def generate(context, builder, signature, arguments):
        kind = context.get_value_type(reference.target)
        return _loaded(builder, builder.inttoptr(arguments[0], kind.as_pointer()), reference.numbers)

    return reference.target(reference), generate


def _loaded(builder, pointer, known):
    """The value at a pointer, loaded part by part: LLVM is slow at large values, and drops the parts that nobody
    uses."""
    kind = pointer.type.pointee
    if not isinstance(kind, (ir.LiteralStructType, ir.ArrayType)):
        return builder.load(pointer) if known is None else kind(known)
    value = ir.Constant(kind, ir.Undefined)
    for i in range(len(kind.elements) if isinstance(kind, ir.LiteralStructType) else kind.count):
        place = builder.gep(pointer, [ir.IntType(32)(0), ir.IntType(32)(i)], inbounds=True)
        part = _loaded(builder, place, None if known is None else known[i])
        value = builder.insert_value(value, part, i)
    return value
