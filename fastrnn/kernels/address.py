"""Compiled functions called by address, so that each is compiled once.

numba links the code of a called function into its caller and optimises all of it again there, which would
compile the heavy kernels three times over and once more for every task and optimizer. An address is a plain
integer: the caller's compiled code, and its entry in the disk cache, do not depend on what it calls.
"""

import numba
from numba.core import types
from numba.extending import intrinsic


def address_of(dispatcher, *arguments):
    """The address of `dispatcher` compiled (or loaded from the cache) for arguments of these types; it returns nothing."""
    signature = tuple(numba.typeof(argument) for argument in arguments)
    dispatcher.compile(signature)
    compiled = dispatcher.overloads[signature]
    return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)


def is_ready(dispatcher, *arguments):
    """Whether `dispatcher` has been compiled for arguments of these types, in this process or in the disk cache."""
    signature = tuple(numba.typeof(argument) for argument in arguments)
    return signature in dispatcher.overloads or dispatcher._cache.load_overload(signature, dispatcher.targetctx) is not None


@intrinsic
def call(typing_context, address, arguments):
    """Call the function at `address` with a tuple of exactly the types it was compiled for."""
    kinds = list(arguments.types)

    def generate(context, builder, signature, values):
        convention = context.call_conv
        function = builder.inttoptr(values[0], convention.get_function_type(types.none, kinds).as_pointer())
        given = [builder.extract_value(values[1], i) for i in range(len(kinds))]
        convention.call_function(builder, function, types.none, kinds, given)
        return context.get_dummy_value()

    return types.void(types.int64, arguments), generate
