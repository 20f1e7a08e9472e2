"""Compiled functions called by address, so that each is compiled once.

numba links the code of a called function into its caller and optimises all of it again there, which would
compile the heavy kernels three times over and once more for every task and optimizer. An Address holds a number: the
caller's compiled code, and its entry in the disk cache, do not depend on what it calls, only on the types of its
parameters. These are part of the Address's own type, so that a call with other arguments is an error of types while the
caller compiles.
"""

import functools
import hashlib
from typing import NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.datamodel import models
from numba.core.errors import TypingError
from numba.extending import intrinsic, register_model, typeof_impl, unbox


class AddressType(types.Type):
    """numba's type of an Address; parameters: the types that `call` takes."""

    def __init__(self, parameters):
        self.parameters = parameters
        # Types of kernels' parameters take pages to spell, and would be in the name of every function that calls one.
        digest = hashlib.blake2b(", ".join(map(str, parameters)).encode(), digest_size=8).hexdigest()
        super().__init__(name=f"Address({digest})")

    @property
    def key(self):
        return self.parameters


@register_model(AddressType)
class _AddressModel(models.PrimitiveModel):
    def __init__(self, data_model_manager, kind):
        super().__init__(data_model_manager, kind, ir.IntType(64))


class Address(NamedTuple):
    """The address of a compiled function. Each AddressType has a subclass, by whose name numba's dispatcher tells them
    apart.

    An object of any other class would make each call of a compiled function take a tenth of a millisecond longer.
    """

    value: int


class Loaded(NamedTuple):
    """The Address of a program's machine code, and a frame of int64 words that it runs on: call(loaded.address,
    (loaded.frame,))."""

    address: Address
    frame: np.ndarray


@functools.cache
def _class_of(signature):
    """Return the subclass of Address for functions that were compiled for arguments of these types."""
    kind = AddressType(tuple(map(types.unliteral, signature)))
    return type(kind.name, (Address,), {"__slots__": (), "kind": kind})


@typeof_impl.register(Address)
def _typeof(value, context):
    return value.kind


@unbox(AddressType)
def _unbox(kind, instance, c):
    return c.unbox(types.int64, c.pyapi.tuple_getitem(instance, 0))


def address_of(dispatcher, *arguments):
    """Return the Address of `dispatcher` compiled (or loaded from the cache) for arguments of these types; it returns
    nothing."""
    signature = tuple(numba.typeof(argument) for argument in arguments)
    # Looked up without numba's lock, which another thread may hold for as long as it compiles something else.
    if signature not in dispatcher.overloads:
        dispatcher.compile(signature)
    compiled = dispatcher.overloads[signature]
    return address_for(signature, compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name))


def address_for(signature, value):
    """Return the Address of machine code at `value` that takes arguments of these types, in numba's convention; it
    returns nothing."""
    return _class_of(signature)(value)


@intrinsic
def call(typing_context, address, arguments):
    """Call the function at an Address with a tuple of arguments.

    Raises TypingError, while the caller compiles, for arguments of other types than the function has.
    """
    if not isinstance(address, AddressType):
        raise TypingError(f"call: got {address}, expected an Address")
    kinds, given = address.parameters, tuple(map(types.unliteral, arguments.types))
    if len(given) != len(kinds):
        raise TypingError(f"call: got {len(given)} arguments, the function at this address takes {len(kinds)}")
    for place, (kind, other) in enumerate(zip(kinds, given)):
        if kind != other:
            raise TypingError(f"call: argument {place} is {other}, the function at this address takes {kind}")

    def generate(context, builder, signature, values):
        convention = context.call_conv
        function = builder.inttoptr(values[0], convention.get_function_type(types.none, kinds).as_pointer())
        passed = [builder.extract_value(values[1], i) for i in range(len(kinds))]
        convention.call_function(builder, function, types.none, kinds, passed)
        return context.get_dummy_value()

    return types.void(address, arguments), generate
