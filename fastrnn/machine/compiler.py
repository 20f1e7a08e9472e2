"""The machine that compiles: what a kernel does with it becomes LLVM instructions.

A kernel is a Python function of one machine. It runs once and emits its loops, loads and arithmetic directly: nothing
is left for type inference, so that a kernel of some thousand instructions compiles in less than half a second. The same
function runs on fastrnn.machine.emulator as plain Python.

    for t in m.range(steps):                        a loop; t is an Int
        for _ in m.when(t.below(length)):           a branch
            sums = m.fold(n, sums, lambda k, sums: [m.fma(m.load(a, k), m.load(b, k), s) for s in sums])
            m.store(out, t, sums[0])
"""

from llvmlite import ir

from fastrnn.machine.atomics import Atomics
from fastrnn.machine.calls import Calls
from fastrnn.machine.doubles import Doubles
from fastrnn.machine.integers import INT, Int, Local
from fastrnn.machine.lane_sums import LaneSums
from fastrnn.simd.emit import counting_loop, declared, on_stack
from fastrnn.simd.philox import emit_random_words
from fastrnn.simd.pointwise import Bits, Vector, fma, select
from fastrnn.simd.rows import broadcast_value, element_type, join, split_vector
from fastrnn.simd.squares import emit_exchange

# A loop of known length is written out, step after step, where it makes at most this number of vectors.
UNROLLED = 64


class Compiler(LaneSums, Atomics, Calls, Doubles):
    """Emits LLVM instructions for vectors of `lanes` elements of `dtype` ("float32", "float64").

    words: an LLVM pointer to the frame's int64s. Memory is reached through pointers of the frame: `load` and `store`
    move a vector, counted in vectors from the pointer; `broadcast` puts one number in all lanes, counted in numbers.
    An index is an Int, or a Python int.
    """

    def __init__(self, builder, words, names, dtype, lanes):
        self.builder, self.words, self.names, self.lanes = builder, words, names, lanes
        self.dtype, self.element = dtype, element_type(dtype)
        self.vector, self.bytes = ir.VectorType(self.element, lanes), {"float32": 4, "float64": 8}[dtype]
        self._emitted = {}

    def once(self, operation, a, b):
        """The register of an operation, emitted once in a block of instructions: equal integers have one register.

        b: a register or a Python int.
        """
        key = self.builder.block, operation, a, b
        if key not in self._emitted:
            self._emitted[key] = getattr(self.builder, operation)(a, INT(b) if isinstance(b, int) else b)
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

    def part(self, numbers, index):
        """The array of numbers that begins at an element of another one."""
        return self._element(numbers, index)

    def part_of_integers(self, integers, index):
        """The array of int64 that begins at an element of another one."""
        return self._element(integers, index)

    def as_integers(self, address):
        """The array of int64 at an address."""
        return self.builder.inttoptr(address.ir(), INT.as_pointer())

    def read(self, integers, index):
        """An element of an array of int64."""
        return Int(self, self.builder.load(self._element(integers, index)))

    def write(self, integers, index, value):
        """Set an element of an array of int64."""
        self.builder.store(self.integer(value).ir(), self._element(integers, index))

    def random_words(self, key, counter, words, count):
        """Fill `count` int64s with the bits that numpy.random.Philox(key=key, counter=[0, *counter]) draws."""
        key, counter = ([self.integer(each).ir() for each in numbers] for numbers in (key, counter))
        emit_random_words(self.builder, key, counter, words, self.integer(count).ir())

    def exchange(self, rows, words, count, first):
        """Bit first + l of words (64, count)[s] = bit s of rows (16, count)[l]; bits of words below these stay, those
        above become 0.

        Both: arrays of int64. count: a multiple of fastrnn.simd.squares.VECTOR_WORDS.
        """
        emit_exchange(self.builder, rows, words, self.integer(count).ir(), self.integer(first).ir())

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
        return Vector(self.builder, self.builder.load(self._vector_at(pointer, index), align=4), self.dtype)

    def store(self, pointer, index, value):
        """Write a vector `index` vectors from the pointer."""
        self.builder.store(value.value, self._vector_at(pointer, index), align=4)

    def prefetch(self, pointer, index, write=False):
        """Have the caches fetch the vector `index` vectors from the pointer, which will soon be read or written."""
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        function = declared(self.builder, kind, "llvm.prefetch.p0i8")
        place = self.builder.bitcast(self._vector_at(pointer, index), byte)
        self.builder.call(function, [place, word(int(write)), word(3), word(1)])

    def broadcast(self, pointer, index):
        """The number `index` numbers from the pointer, in all lanes."""
        number = self.builder.load(self._element(pointer, index))
        return Vector(self.builder, broadcast_value(self.builder, number, self.lanes), self.dtype)

    def constant(self, number):
        """Return a number, broadcast to all lanes."""
        return Vector(self.builder, None, self.dtype).like(ir.Constant(self.vector, None)).constant(number)

    def from_integer(self, value):
        """An Int as a number in all lanes."""
        number = self.builder.sitofp(value.ir(), self.element)
        return Vector(self.builder, broadcast_value(self.builder, number, self.lanes), self.dtype)

    # --------------------------------------------------------------------------------------------------- arithmetic

    fma, select = staticmethod(fma), staticmethod(select)

    def joined(self, vectors):
        """Neighbouring vectors as one long one: their instructions alternate, so that long chains overlap."""
        return Vector(self.builder, join(self.builder, [each.value for each in vectors]), self.dtype)

    def parts(self, vector):
        """The inverse of `joined`."""
        return [Vector(self.builder, part, self.dtype) for part in split_vector(self.builder, vector.value, self.lanes)]

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

    # -------------------------------------------------------------------------------------------------- control flow

    def integer(self, value):
        """A Python int as an Int."""
        return value if isinstance(value, Int) else Int(self, None, int(value))

    def local(self, start):
        """An integer that the kernel changes, kept in a register."""
        return Local(self, start)

    def range(self, stop, start=0, step=1):
        """A loop over start, start + step, ... below `stop`; step may be known only, start and stop anything."""
        stop, start = self.integer(stop), self.integer(start)
        if stop.known and start.known and stop.value - start.value <= step:
            if stop.value > start.value:
                yield start
            return
        with counting_loop(self.builder, stop.ir(), start.ir(), INT(step)) as (index, _):
            yield Int(self, index)

    def down(self, count):
        """A loop over count - 1, count - 2, ..., 0."""
        for n in self.range(count):
            yield self.integer(count) - 1 - n

    def loop(self, count):
        """A loop over 0, 1, ... that `stop(condition)` leaves when the step is done: yields (n, stop)."""
        flag = on_stack(self.builder, ir.IntType(1))
        self.builder.store(ir.IntType(1)(0), flag)

        def stop(condition):
            bit = self.builder.icmp_signed("!=", condition.ir(), INT(0))
            self.builder.store(self.builder.or_(self.builder.load(flag), bit), flag)

        with counting_loop(self.builder, self.integer(count).ir()) as (index, leave):
            yield Int(self, index), stop
            with self.builder.if_then(self.builder.load(flag), likely=False):
                leave()

    def when(self, condition):
        """A branch, as a loop that runs once or not at all."""
        if condition.known:
            if condition.value:
                yield None
            return
        with self.builder.if_then(self.builder.icmp_signed("!=", condition.ir(), INT(0))):
            yield None

    @staticmethod
    def unrolls(count, vectors):
        """Return whether `fold` writes out a loop of a known number of steps."""
        return count * max(1, vectors) <= UNROLLED

    def fold(self, count, values, body, rolled=False):
        """The vectors `values` after values = body(n, values) for n = 0, 1, ..., kept in registers.

        rolled: a short loop is not written out, either, so that no step's loads take registers during another step.
        """
        count = self.integer(count)
        if count.known and (count.value == 1 or not rolled and self.unrolls(count.value, len(values))):
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


def _leave_rolled(builder, branch):
    """Have LLVM leave the loop that ends in `branch` as it is: a step of it holds enough work."""
    loop = builder.module.add_metadata([builder.module.add_metadata(["llvm.loop.unroll.disable"])])
    # A loop's node names itself first, which keeps it apart from those of other loops.
    loop.operands = (loop, *loop.operands)
    branch.set_metadata("llvm.loop", loop)
