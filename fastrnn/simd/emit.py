"""Loops, room on the stack, and functions of others, as LLVM's instructions."""

import contextlib

from llvmlite import ir


@contextlib.contextmanager
def counting_loop(builder, stop, start=None, step=None):
    """Emit a loop over start, start + step, ... below stop, by default from 0 by 1, signed integers of one type.

    Yields the index, and a function that leaves the loop.
    """
    kind = stop.type
    before, condition, body, end = builder.basic_block, *(builder.append_basic_block() for _ in range(3))
    builder.branch(condition)
    builder.position_at_end(condition)
    index = builder.phi(kind)
    builder.cbranch(builder.icmp_signed("<", index, stop), body, end)
    builder.position_at_end(body)
    yield index, lambda: builder.branch(end)
    # The body may have blocks of its own, of which this is the last one.
    following = builder.add(index, kind(1) if step is None else step, flags=["nsw"] if step is None else [])
    index.add_incoming(kind(0) if start is None else start, before)
    index.add_incoming(following, builder.basic_block)
    builder.branch(condition)
    builder.position_at_end(end)


def on_stack(builder, kind, count=1):
    """Return a pointer to room for numbers of a type, which is made where the function begins."""
    with builder.goto_entry_block():
        return builder.alloca(kind, size=ir.IntType(64)(count))


def declared(builder, kind, name):
    """Return the function of another module, or an intrinsic of LLVM, with this type and name."""
    found = builder.module.globals.get(name)
    return ir.Function(builder.module, kind, name) if found is None else found
