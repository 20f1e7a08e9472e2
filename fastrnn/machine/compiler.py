"""The machine that compiles: what a kernel does with it becomes LLVM instructions.

A kernel is a Python function of one machine. It runs once, while numba compiles `execute`, and emits its loops, loads
and arithmetic directly: nothing is left for type inference, so that a kernel of some thousand instructions compiles
in about a second. The same function runs on fastrnn.machine.emulator as plain Python.

    for t in m.range(steps):                        a loop; t is an Int
        for _ in m.when(t.below(length)):           a branch
            sums = m.fold(n, sums, lambda k, sums: [m.fma(m.load(a, k), m.load(b, k), s) for s in sums])
            m.store(out, t, sums[0])
"""

from llvmlite import ir
from numba.core import cgutils, types

from fastrnn.machine.integers import INT, Int
from fastrnn.simd.pointwise import Bits, Vector, fma, select
from fastrnn.simd.rows import join, load_vector, shuffle, splat_value, split

# A loop of known length is written out, step after step, where it makes at most so many vectors.
UNROLLED = 64


class Compiler:
    """Emits LLVM instructions for vectors of `lanes` elements of `dtype` ("float32", "float64").

    words: an LLVM pointer to the frame's int64s. Memory is reached through pointers of the frame: `load` and `store`
    move a vector, counted in vectors from the pointer; `splat` puts one number in all lanes, counted in numbers.
    """

    def __init__(self, builder, words, names, dtype, lanes):
        self.builder, self.words, self.names, self.lanes = builder, words, names, lanes
        self.dtype = {"float32": types.float32, "float64": types.float64}[dtype]
        self.element = {"float32": ir.FloatType(), "float64": ir.DoubleType()}[dtype]
        self.vector, self.bytes = ir.VectorType(self.element, lanes), {"float32": 4, "float64": 8}[dtype]
        self._emitted = {}

    def once(self, operation, a, b):
        """The register of an operation, emitted once in a block of instructions: equal integers have one register."""
        key = self.builder.block, operation, a, str(b) if isinstance(b, ir.Constant) else b
        if key not in self._emitted:
            self._emitted[key] = getattr(self.builder, operation)(a, b)
        return self._emitted[key]

    # -------------------------------------------------------------------------------------------------- the frame

    def word(self, name):
        """An integer of the frame, read where this is called."""
        return Int(self, self.builder.load(self._place(name)))

    def set_word(self, name, value):
        """Write an integer of the frame."""
        self.builder.store(self.integer(value).ir(), self._place(name))

    def _place(self, name):
        return self.builder.gep(self.words, [INT(self.names.index(name))])

    def pointer(self, name):
        """The array of numbers whose address is in the frame."""
        return self.as_pointer(self.word(name))

    def as_pointer(self, address):
        """The array of numbers at an address."""
        return self.builder.inttoptr(address.ir(), self.element.as_pointer())

    def integers(self, name):
        """The array of int64 whose address is in the frame."""
        return self.as_integers(self.word(name))

    def as_integers(self, address):
        """The array of int64 at an address."""
        return self.builder.inttoptr(address.ir(), INT.as_pointer())

    def read(self, integers, index):
        """An element of an array of int64."""
        return Int(self, self.builder.load(self._element(integers, index)))

    def write(self, integers, index, value):
        """Set an element of an array of int64."""
        self.builder.store(
            self.integer(value).ir(), self._element(integers, index)
        )

    def _element(self, pointer, index):
        """The address of an element: that of the register's part, which neighbours share, and the known offset."""
        index = self.integer(index)
        place = pointer if index.known else self.builder.gep(pointer, [index.register])
        return self.builder.gep(place, [INT(index.offset)]) if index.offset else place

    # ----------------------------------------------------------------------------------------------------- memory

    def _vector_at(self, pointer, index):
        place = self._element(pointer, self.integer(index) * self.lanes)
        return self.builder.bitcast(place, self.vector.as_pointer())

    def load(self, pointer, index):
        """The vector `index` vectors from the pointer."""
        return Vector(self.builder, load_vector(self.builder, self._vector_at(pointer, index), self.vector), self.dtype)

    def store(self, pointer, index, value):
        """Write a vector `index` vectors from the pointer."""
        self.builder.store(value.value, self._vector_at(pointer, index)).align = 4

    def splat(self, pointer, index):
        """The number `index` numbers from the pointer, in all lanes."""
        number = self.builder.load(self._element(pointer, index))
        return Vector(self.builder, splat_value(self.builder, number, self.lanes), self.dtype)

    def set_number(self, pointer, index, value):
        """Write the first lane of a vector `index` numbers from the pointer."""
        number = self.builder.extract_element(value.value, ir.IntType(32)(0))
        self.builder.store(number, self._element(pointer, index))

    def constant(self, number):
        """A number in all lanes."""
        return Vector(self.builder, None, self.dtype).like(ir.Constant(self.vector, None)).constant(number)

    def from_integer(self, value):
        """An Int as a number in all lanes."""
        number = self.builder.sitofp(value.ir(), self.element)
        return Vector(self.builder, splat_value(self.builder, number, self.lanes), self.dtype)

    # --------------------------------------------------------------------------------------------------- arithmetic

    fma, select = staticmethod(fma), staticmethod(select)

    def joined(self, vectors):
        """Neighbouring vectors as one long one: their instructions alternate, so that long chains overlap."""
        return Vector(self.builder, join(self.builder, [each.value for each in vectors]), self.dtype)

    def parts(self, vector):
        """The inverse of `joined`."""
        return [Vector(self.builder, part, self.dtype) for part in split(self.builder, vector.value, self.lanes)]

    def from_bits(self, word, first):
        """Bits of the lanes whose bit of an Int is set, from bit `first` on."""
        bits = self.builder.lshr(word.ir(), first.ir()) if first != 0 else word.ir()
        bits = bits if self.lanes == 64 else self.builder.trunc(bits, ir.IntType(self.lanes))
        chosen = self.builder.bitcast(bits, ir.VectorType(ir.IntType(1), self.lanes))
        return Bits(Vector(self.builder, chosen, self.dtype), self.constant(1.0))

    def mask_bits(self, condition):
        """An Int whose bit i is set where the condition (a comparison of vectors) holds in lane i."""
        bits = self.builder.bitcast(condition.value, ir.IntType(self.lanes))
        return Int(self, bits if self.lanes == 64 else self.builder.zext(bits, INT))

    def truth(self, bit):
        return self.builder.zext(bit, INT)

    def sums(self, vectors):
        """The sum over the lanes of the n-th vector, of at most as many as there are lanes, in lane n."""
        total, count = self._totals(vectors)
        lanes = [self._lane_of(n, count) for n in range(len(vectors))]
        lanes += lanes[:1] * (self.lanes - len(lanes))
        return Vector(self.builder, shuffle(self.builder, total, total, lanes), self.dtype)

    def transposed(self, vectors):
        """As many vectors as there are lanes, whose rows and columns are exchanged."""
        rows, half, lanes = [each.value for each in vectors], self.lanes // 2, range(self.lanes)
        while half:
            following = list(rows)
            for n in lanes:
                if not n & half:
                    a, b = rows[n], rows[n + half]
                    low = [i if not i & half else self.lanes + i - half for i in lanes]
                    high = [i + half if not i & half else self.lanes + i for i in lanes]
                    following[n] = shuffle(self.builder, a, b, low)
                    following[n + half] = shuffle(self.builder, a, b, high)
            rows, half = following, half // 2
        return [Vector(self.builder, row, self.dtype) for row in rows]

    def _totals(self, vectors):
        """(a vector with the sum over the lanes of each of these vectors, a power of two that is not below their
        number).

        Vectors are folded in pairs, a tree of shuffles and additions, in an order that only their number decides.
        """
        group, count = [each.value for each in vectors], 1
        while count < len(group):
            count *= 2
        zero, half = ir.Constant(self.vector, None), self.lanes // 2
        group += [zero] * (count - len(group))
        while len(group) > 1:
            group = [self._fold(a, b, half) for a, b in zip(group[: len(group) // 2], group[len(group) // 2 :])]
            half //= 2
        total = group[0]
        while half:
            total = self._fold(total, total, half)
            half //= 2
        return total, count

    def add_sums(self, pointer, indices, vectors):
        """Add to each number of the array the sum over the lanes of its vector."""
        builder, indices = self.builder, [self.integer(index) for index in indices]
        for first in range(0, len(vectors), self.lanes):
            total, count = self._totals(vectors[first : first + self.lanes])
            lanes = [self._lane_of(n, count) for n in range(len(vectors[first : first + self.lanes]))]
            for start, run in _runs(indices[first : first + self.lanes]):
                kind = ir.VectorType(self.element, run)
                place = builder.bitcast(self._element(pointer, indices[first + start]), kind.as_pointer())
                own = shuffle(builder, total, total, lanes[start : start + run])
                added = builder.fadd(builder.load(place, align=self.bytes), own)
                builder.store(added, place, align=self.bytes)

    def _fold(self, a, b, half):
        """In each run of 2 * half lanes: the two halves of a added, then the two halves of b."""
        n, first = self.lanes, [i % (2 * half) < half for i in range(self.lanes)]
        # One of the two is a blend, which more than one port of a processor does.
        blended = shuffle(self.builder, a, b, [i if own else n + i for i, own in enumerate(first)])
        crossed = shuffle(self.builder, a, b, [i + half if own else n + i - half for i, own in enumerate(first)])
        return self.builder.fadd(blended, crossed)

    def _lane_of(self, n, count):
        """The first lane that holds the sum of vector n out of `count` after all folds."""
        lane, half, group = 0, self.lanes // 2, count
        while group > 1:
            group //= 2
            if n >= group:
                lane, n = lane + half, n - group
            half //= 2
        return lane

    # -------------------------------------------------------------------------------------------------- control flow

    def integer(self, value):
        """A Python int as an Int."""
        return value if isinstance(value, Int) else Int(self, None, int(value))

    def range(self, stop, start=0, step=1):
        """A loop over start, start + step, ... below `stop`; step may be known only, start and stop anything."""
        stop, start = self.integer(stop), self.integer(start)
        if stop.known and start.known and stop.value - start.value <= step:
            if stop.value > start.value:
                yield start
            return
        with cgutils.for_range_slice(self.builder, start.ir(), stop.ir(), INT(step), inc=True) as (index, _):
            yield Int(self, index)

    def down(self, count):
        """A loop over count - 1, count - 2, ..., 0."""
        for n in self.range(count):
            yield self.integer(count) - 1 - n

    def loop(self, count):
        """A loop over 0, 1, ... that `stop(condition)` leaves when the step is done: yields (n, stop)."""
        flag = cgutils.alloca_once_value(self.builder, ir.IntType(1)(0))
        self.builder.store(ir.IntType(1)(0), flag)

        def stop(condition):
            bit = self.builder.icmp_signed("!=", condition.ir(), INT(0))
            self.builder.store(self.builder.or_(self.builder.load(flag), bit), flag)

        with cgutils.for_range(self.builder, self.integer(count).ir()) as loop:
            yield Int(self, loop.index), stop
            with self.builder.if_then(self.builder.load(flag), likely=False):
                loop.do_break()

    def when(self, condition):
        """A branch, as a loop that runs once or not at all."""
        if condition.known:
            if condition.value:
                yield None
            return
        with self.builder.if_then(self.builder.icmp_signed("!=", condition.ir(), INT(0))):
            yield None

    def fold(self, count, values, body):
        """The vectors `values` after values = body(n, values) for n = 0, 1, ..., kept in registers."""
        count = self.integer(count)
        if count.known and count.value * max(1, len(values)) <= UNROLLED:
            for n in range(count.value):
                values = body(self.integer(n), values)
            return values
        builder, before = self.builder, self.builder.block
        inside, after = builder.append_basic_block("fold"), builder.append_basic_block("fold.end")
        builder.cbranch(builder.icmp_signed(">", count.ir(), INT(0)), inside, after)
        builder.position_at_end(inside)
        n = builder.phi(INT)
        n.add_incoming(INT(0), before)
        running = [builder.phi(each.value.type) for each in values]
        for phi, each in zip(running, values):
            phi.add_incoming(each.value, before)
        result = body(Int(self, n), [Vector(builder, phi, self.dtype) for phi in running])
        following = builder.add(n, INT(1))
        n.add_incoming(following, builder.block)
        for phi, each in zip(running, result):
            phi.add_incoming(each.value, builder.block)
        end = builder.block
        _leave_rolled(builder, builder.cbranch(builder.icmp_signed("<", following, count.ir()), inside, after))
        builder.position_at_end(after)
        out = []
        for each, new in zip(values, result):
            phi = builder.phi(each.value.type)
            phi.add_incoming(each.value, before)
            phi.add_incoming(new.value, end)
            out.append(Vector(builder, phi, self.dtype))
        return out


def _runs(indices):
    """(first, length) of runs of neighbours, of lengths that are powers of two."""
    first = 0
    while first < len(indices):
        length = 1
        while first + length < len(indices) and indices[first + length].follows(indices[first + length - 1]):
            length += 1
        while length:
            part = 1 << length.bit_length() - 1
            yield first, part
            first, length = first + part, length - part


def _leave_rolled(builder, branch):
    """Have LLVM leave the loop that ends in `branch` as it is: a step of it holds enough work."""
    loop = builder.module.add_metadata([builder.module.add_metadata(["llvm.loop.unroll.disable"])])
    # A loop's node names itself first, which keeps it apart from those of other loops.
    loop.operands = (loop, *loop.operands)
    branch.set_metadata("llvm.loop", loop)
