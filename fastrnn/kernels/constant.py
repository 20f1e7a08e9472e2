"""Numbers that a compiled function knows: loops of known length and addresses of known distance are faster.

    learn(Constant(sizes), sizes, ...)     compiled for these sizes alone
    learn(None, sizes, ...)                compiled once, for all sizes
    sizes = known(constant, sizes)         in what is called: the same either way, and the same results, to the bit

A Referred (fastrnn.kernels.reference) can make all numbers of a tuple constants; here they are those of one part,
beside others that differ from process to process, as a task's address does.
"""

from numba.core import types
from numba.extending import intrinsic, models, overload, register_model, typeof_impl


class Constant:
    """A NamedTuple of integers as a compile-time constant, where a function is compiled from example arguments."""

    def __init__(self, values):
        self.values = values


class ConstantType(types.Type):
    """numba's type of a Constant, which holds all there is of it: a caller by address hands over None."""

    def __init__(self, made_of, values):
        self.made_of, self.values = made_of, values
        super().__init__(name=f"Constant({made_of.__name__}{values})")

    @property
    def key(self):
        return self.made_of, self.values


register_model(ConstantType)(models.OpaqueModel)


@typeof_impl.register(Constant)
def _typeof(value, context):
    return ConstantType(type(value.values), tuple(int(number) for number in value.values))


@intrinsic
def _unfold(typing_context, constant):
    kind = types.NamedUniTuple(types.int64, len(constant.values), constant.made_of)

    def generate(context, builder, signature, values):
        return context.make_tuple(
            builder, kind, [context.get_constant(types.int64, number) for number in constant.values]
        )

    return kind(constant), generate


def known(constant, values):
    """The NamedTuple `values`, or, where `constant` is not None, what it holds."""
    raise NotImplementedError


@overload(known, inline="always")
def _known(constant, values):
    if isinstance(constant, ConstantType):
        return lambda constant, values: _unfold(constant)
    return lambda constant, values: values
