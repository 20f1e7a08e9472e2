"""Many arguments as one: a tuple that stays with its owner, and its address, which is passed on.

An array is a dozen machine words to numba, and the arrays of a block make a hundred that each call would copy.

    stored = Stored(Work(theta, gradient))          in Python, which keeps it alive
    run(stored.reference, 100)                      a word
    theta, gradient = held(work)                    in what is called: loads of what it uses
    work.gradient                                   of NamedTuples: one load

numba takes the arrays that `held` gives for new ones, and may drop `array[i] = x` on those that nobody reads later:
write to `block.work.gradient`, or in a function that gets them as arguments.
"""

import functools
import struct
from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import typeof
from numba.core import types
from numba.core.imputils import lower_getattr_generic
from numba.core.registry import cpu_target
from numba.core.typing.templates import AttributeTemplate
from numba.extending import infer_getattr, intrinsic, models, register_model, typeof_impl, unbox

from fastrnn.machine.address import Address, address_for, address_of


class Reference(types.Type):
    """The address of a tuple of type `target`; valid while the Stored exists."""

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


@infer_getattr
class _Fields(AttributeTemplate):
    """reference.field: the NamedTuple's field; where that is a tuple itself, a Reference to it."""

    key = Reference

    def generic_resolve(self, reference, name):
        fields = getattr(reference.target, "fields", ())
        if name in fields:
            kind = reference.target.types[fields.index(name)]
            return Reference(kind) if isinstance(kind, types.BaseTuple) else kind
        return None


@lower_getattr_generic(Reference)
def _field(context, builder, reference, value, name):
    kind, place = reference.target, reference.target.fields.index(name)
    pointer = builder.inttoptr(value, context.get_value_type(kind).as_pointer())
    pointer = builder.gep(pointer, [ir.IntType(32)(0), ir.IntType(32)(place)], inbounds=True)
    if isinstance(kind.types[place], types.BaseTuple):
        return builder.ptrtoint(pointer, ir.IntType(64))
    return builder.load(pointer)


@intrinsic
def held(typing_context, reference):
    """Return the tuple that the Reference points to."""

    def generate(context, builder, signature, arguments):
        kind = context.get_value_type(reference.target)
        return _loaded(builder, builder.inttoptr(arguments[0], kind.as_pointer()))

    return reference.target(reference), generate


def _loaded(builder, pointer):
    """Load the value at a pointer, part by part: LLVM is slow at large values, and drops parts that are not used."""
    kind = pointer.type.pointee
    if not isinstance(kind, (ir.LiteralStructType, ir.ArrayType)):
        return builder.load(pointer)
    value = ir.Constant(kind, ir.Undefined)
    for i in range(len(kind.elements) if isinstance(kind, ir.LiteralStructType) else kind.count):
        place = builder.gep(pointer, [ir.IntType(32)(0), ir.IntType(32)(i)], inbounds=True)
        value = builder.insert_value(value, _loaded(builder, place), i)
    return value


class _Handle(NamedTuple):
    """A Reference as Python hands it over; each Reference type has a subclass, as Addresses have."""

    address: int


@typeof_impl.register(_Handle)
def _typeof_handle(value, context):
    return value.kind


@unbox(Reference)
def _unbox(kind, instance, c):
    return c.unbox(types.int64, c.pyapi.tuple_getitem(instance, 0))


@functools.cache
def _handle_of(kind):
    return type(kind.name, (_Handle,), {"__slots__": (), "kind": kind})


class Stored:
    """A tuple of arrays, numbers, Addresses, Stored and Erased tuples and tuples of these, as compiled code has it.

    reference: what a compiled function takes. Arrays and Stored tuples live as long as this. A call unboxes one word;
    the arrays themselves would take it microseconds, and seconds to compile. Raises TypeError for other values.
    """

    def __init__(self, values):
        kind, context, memory = typeof(values), cpu_target.target_context, bytearray()
        _lay(values, memory)
        if context.get_abi_sizeof(context.get_value_type(kind)) != len(memory):
            raise TypeError(f"Stored: expected arrays, numbers and Addresses, got {kind}")
        # A copy, whose words are aligned.
        self.values, self._memory = values, np.frombuffer(memory, np.uint8).copy()
        self.reference = _handle_of(Reference(kind))(self._memory.ctypes.data)


@typeof_impl.register(Stored)
def _typeof_stored(value, context):
    return value.reference.kind


class ErasedType(types.Type):
    """The address of a tuple of a type that only one function knows."""

    def __init__(self):
        super().__init__(name="Erased")


register_model(ErasedType)(ReferenceModel)
ERASED = ErasedType()


class Erased:
    """A Stored tuple of a type that only the function at the Address knows that `bound` gave with it.

    What calls that function is compiled once, not for each type.
    """

    def __init__(self, stored):
        self.stored, self.address = stored, stored.reference.address


@typeof_impl.register(Erased)
def _typeof_erased(value, context):
    return ERASED


@unbox(ErasedType)
def _unbox_erased(kind, instance, c):
    address = c.pyapi.object_getattr_string(instance, "address")
    native = c.unbox(types.int64, address)
    c.pyapi.decref(address)
    return native


def bound(dispatcher, stored, *arguments):
    """(the Address of `dispatcher` compiled for a Reference to a Stored tuple, and arguments of these types; that tuple
    as an Erased, which `call` takes in its place)."""
    address = address_of(dispatcher, stored.reference, *arguments)
    return address_for((ERASED, *map(typeof, arguments)), address.value), Erased(stored)


def _lay(value, memory):
    """Append a value in the layout of compiled code: words of 64 bits, aligned, and truth values as bytes."""
    if isinstance(value, bool):
        memory.append(value)
        return
    memory.extend(bytes(-len(memory) % 8))
    if isinstance(value, np.ndarray):
        # No owner: nothing counts references to it.
        for number in (0, 0, value.size, value.itemsize, value.ctypes.data, *value.shape, *value.strides):
            memory.extend(struct.pack("=q", number))
    elif isinstance(value, Stored):
        memory.extend(struct.pack("=q", value.reference.address))
    elif isinstance(value, Erased):
        memory.extend(struct.pack("=q", value.address))
    elif isinstance(value, (Address, int)):
        memory.extend(struct.pack("=q", value if isinstance(value, int) else value.value))
    elif isinstance(value, float):
        memory.extend(struct.pack("=d", value))
    elif isinstance(value, tuple):
        for each in value:
            _lay(each, memory)
        memory.extend(bytes(-len(memory) % 8))
    else:
        raise TypeError(f"Stored: expected arrays, numbers and Addresses, got {type(value).__name__}")
