"""Vector instructions of a step of a sample, counted: `python -m bench.counts`.

Kernels run on the machine that computes at once (fastrnn.machine.emulator), which counts what they ask for: the
multiply-adds of products of matrices, all other arithmetic (activations, derivatives, masks, sums over lanes; of a
function as many instructions as it is compiled to, a reciprocal as three), loads and stores. Each is for one
vector of samples or models and one step.

A processor of today begins two vector instructions of arithmetic in a cycle, whatever they do, at best: products of
matrices can then take no larger share of its peak than they have of all arithmetic ("at most"). Where there are more
loads than arithmetic, as with the weights of models side by side, loads are what limits (`fastrnn bench --processor`
measures their rate, from the first-level cache and the second one).
"""

from collections import Counter

import numpy as np
from llvmlite import ir

import fastrnn
from bench.arguments import parser_for
from bench.fits import choices, table
from bench.fits_ours import Ours
from fastrnn.bench.engines.ours import Fastrnn, ManyModels
from fastrnn.bench.workload import Workload, starting_weights
from fastrnn.cli.progress import Bar
from fastrnn.formula.evaluate import NUMPY
from fastrnn.machine.emulator import Emulator, Vector
from fastrnn.simd import functions
from fastrnn.simd.pointwise import Vector as Compiled

FUNCTIONS = ("sigmoid", "tanh", "exp", "log", "softplus")
FREE = {"bitcast", "insertelement", "shufflevector", "extractelement", "ret"}
# Of an approximate reciprocal, where the processor has one.
RECIPROCAL = 3


def instructions_of(name, dtype, lanes):
    """Return the number of instructions that a function of fastrnn.simd.functions is compiled to."""
    number = {"float32": ir.FloatType(), "float64": ir.DoubleType()}[dtype]
    vector = ir.VectorType(number, lanes)
    function = ir.Function(ir.Module(), ir.FunctionType(vector, [vector]), name)
    builder = ir.IRBuilder(function.append_basic_block())
    x = Compiled(builder, function.args[0], dtype)
    builder.ret(getattr(functions, name)(x).value)
    every = [each for block in function.blocks for each in block.instructions]
    count = sum(RECIPROCAL if "rcp" in str(each) else 1 for each in every if each.opname not in FREE)
    # To choose between the two numbers that were compared is one instruction: a minimum or a maximum.
    return count - sum(each.opname == "select" and _compares(each.operands[0], each.operands[1:]) for each in every)


def _compares(condition, numbers):
    """Return whether a condition compares these two numbers."""
    return getattr(condition, "opname", "") == "fcmp" and {*map(str, condition.operands)} == {*map(str, numbers)}


class Counted(Vector):
    """A Vector whose arithmetic is counted."""

    counts, sizes, lanes = Counter(), {}, 1

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        plain = [np.asarray(each) if isinstance(each, Counted) else each for each in inputs]
        result = getattr(ufunc, method)(*plain, **options)
        Counted.counts["other"] += max(1, np.size(result) // self.lanes)
        return result.view(Counted)

    @staticmethod
    def fma(a, b, c):
        """a * b + c, which is one instruction."""
        result = np.asarray(a) * np.asarray(b) + np.asarray(c)
        Counted.counts["fused"] += max(1, result.size // Counted.lanes)
        return result.view(Counted)


def _function(name):
    def counted(x):
        Counted.counts["other"] += Counted.sizes[name] * (x.size // Counted.lanes)
        return NUMPY[name](np.asarray(x)).view(Counted)

    return counted


def _where(mask, a, b):
    Counted.counts["other"] += max(1, np.size(mask) // Counted.lanes)
    return np.where(*map(np.asarray, (mask, a, b))).view(Counted)


Counted.operations = NUMPY | {name: _function(name) for name in FUNCTIONS} | {
    "where": _where, "relu": lambda x: _where(x < 0, 0, x)}


class Counting(Emulator):
    """The machine that computes at once, and counts."""

    fma = staticmethod(Counted.fma)

    def __init__(self, frame, program):
        super().__init__(frame, program.names, program.dtype, program.lanes)
        Counted.counts, Counted.lanes = Counter(), program.lanes
        Counted.sizes = {name: instructions_of(name, program.dtype, program.lanes) for name in FUNCTIONS}

    def load(self, pointer, index):
        Counted.counts["loads"] += 1
        return super().load(pointer, index).view(Counted)

    def broadcast(self, pointer, index):
        Counted.counts["loads"] += 1
        return super().broadcast(pointer, index).view(Counted)

    def store(self, pointer, index, value):
        Counted.counts["stores"] += 1
        super().store(pointer, index, np.asarray(value))

    def constant(self, number):
        return super().constant(number).view(Counted)

    from_integer = constant

    def select(self, mask, a, b):
        return _where(mask, a, b).astype(self.dtype)

    def joined(self, vectors):
        return np.concatenate([np.asarray(each) for each in vectors]).view(Counted)

    def add_sums(self, pointer, indices, vectors):
        # Pairs are folded by a blend, a shuffle and an addition each, and what is left by its own lanes.
        for first in range(0, len(vectors), self.lanes):
            count = 1 << (len(vectors[first : first + self.lanes]) - 1).bit_length()
            Counted.counts["other"] += 3 * (count - 1 + (self.lanes // count).bit_length() - 1)
        super().add_sums(pointer, indices, [np.asarray(each) for each in vectors])


def counted(program, frame):
    """Return Counter of the instructions of one call of a Program."""
    with np.errstate(all="ignore"):
        program.kernel(Counting(frame, program))
    return Counted.counts


def of_batches(work):
    """Return (counts, steps of vectors, multiply-adds of products) of a block of samples on a task."""
    session = Fastrnn(work, 1, starting_weights(work), None, None).session
    session.run(1)
    counts = counted(session.programs[0], session.own[0].learn)
    return counts, work.steps * session.net.columns, work.flops / 2 * session.net.columns


def of_models(work):
    """Return the same of models side by side, with the update."""
    group = ManyModels(work, 1, starting_weights(work), None, None).groups[0]
    group.run(1, np.zeros(1, np.int64))
    return counted(group.recipe.learn, group.models.learn), work.steps, work.flops / 2


def of_fits(cell, data, lanes):
    """Return the same of an epoch of fits."""
    ours = Ours(cell, data, "float32", lanes)
    group, recipe = ours.groups[0], ours.many.recipe
    group.run(1)
    frame = group.frame.copy()
    frame[recipe.program.names.index("rounds")] = 1
    counts = counted(recipe.program, frame)
    steps = data.steps / (recipe.lanes if lanes == "sequences" else 1)
    return counts, steps, ours.flops / 2 * steps


def main():
    few = choices(32, 12, 12)
    cases = {f"Elman({hidden}), batches": (of_batches, Workload(hidden, 8, 64)) for hidden in (4, 8, 16, 64)}
    cases |= {f"Elman({hidden}), models side by side": (of_models, Workload(hidden, 8, 1, models=64))
              for hidden in (2, 4, 8, 16, 32)}
    cases |= {f"GRU({hidden}), fits side by side": (of_fits, fastrnn.GRU(hidden), few, "models")
              for hidden in (1, 2, 4, 8, 16)}
    long = choices(64, 16, 16)
    cases |= {f"{kind.__name__}({hidden}), one model's fit": (of_fits, kind(hidden), long, "sequences")
              for kind in (fastrnn.GRU, fastrnn.LSTM) for hidden in (16, 32)}
    rows = []
    with Bar(len(cases), delay=0) as bar:
        for label, (count, *arguments) in cases.items():
            bar(len(rows), label)
            counts, steps, products = count(*arguments)
            arithmetic = counts["fused"] + counts["other"]
            numbers = (products, arithmetic - products, counts["loads"], counts["stores"])
            rows.append([label, *(f"{number / steps:,.0f}" for number in numbers), f"{products / arithmetic:.0%}"])
    table(["of a vector and step", "multiply-adds of products", "other arithmetic", "loads", "stores", "at most"], rows)


if __name__ == "__main__":
    parser_for("counts", __doc__).parse_args()
    main()
