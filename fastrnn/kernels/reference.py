"""Many arguments as one: a tuple left in its owner's frame, and its address handed on.

An array is a dozen machine words to numba, and the arrays of a block make a hundred that each call would copy.

    block = refer((cell, layout, theta, work))      once, in the owner of the loop
    call(address, (block, samples))                 a word
    cell, layout, theta, work = held(block)         in what is called: loads of what it uses

numba takes the arrays that `held` gives for new ones, and drops `array[i] = x` on those that nobody reads later: write
to them in a function that gets them as arguments.
"""

from llvmlite import ir
from numba import typeof
from numba.core import cgutils, types
from numba.extending import intrinsic, models, register_model, typeof_impl


class Reference(types.Type):
    """The address of a tuple of type `target`; good for as long as the function runs that made it."""

    def __init__(self, target):
        self.target = target
        super().__init__(name=f"Reference({target})")

    @property
    def key(self):
        return self.target


@register_model(Reference)
class ReferenceModel(models.PrimitiveModel):
    def __init__(self, data_model_manager, kind):
        super().__init__(data_model_manager, kind, ir.IntType(64))


class Referred:
    """Stands for a reference to the tuple `values` where a function is compiled from example arguments."""

    def __init__(self, *values):
        self.values = values


@typeof_impl.register(Referred)
def _typeof(value, context):
    return Reference(typeof(value.values))


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
        return _loaded(builder, builder.inttoptr(arguments[0], kind.as_pointer()))

    return reference.target(reference), generate


def _loaded(builder, pointer):
    """The value at a pointer, loaded part by part: LLVM is slow at large values, and drops the parts that nobody
    uses."""
    kind = pointer.type.pointee
    if not isinstance(kind, (ir.LiteralStructType, ir.ArrayType)):
        return builder.load(pointer)
    value = ir.Constant(kind, ir.Undefined)
    for i in range(len(kind.elements) if isinstance(kind, ir.LiteralStructType) else kind.count):
        place = builder.gep(pointer, [ir.IntType(32)(0), ir.IntType(32)(i)], inbounds=True)
        value = builder.insert_value(value, _loaded(builder, place), i)
    return value
