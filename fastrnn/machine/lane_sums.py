"""Sums over the lanes of vectors, and exchanges of rows and columns, of the machine that compiles."""

from llvmlite import ir

from fastrnn.simd.pointwise import Vector
from fastrnn.simd.rows import shuffle


class LaneSums:
    """The part of fastrnn.machine.compiler.Compiler that moves numbers from lane to lane."""

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
