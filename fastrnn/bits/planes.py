"""Bit planes for NumPy: operands as words of 64 samples, and whole ranges of them without a loop over samples.

Planes are (W, T, I) uint64 arrays: bit s of word w at step t and input i is bit t of operand i of sample
64 w + s. `Digits` holds operands of any size and gives their planes piece by piece.
"""

import numpy as np

# Bit q of the numbers 0 to 63, as one word each.
_COUNTING = [sum(((s >> q) & 1) << s for s in range(64)) for q in range(6)]


def counting(first, words, bits, free_bits, operands):
    """Return planes (words, bits, operands) of samples 64 * first and on, of all tuples of operands below 2**free_bits.

    Sample n has the operands n % 2**free_bits, (n >> free_bits) % 2**free_bits, and so on.
    """
    planes = np.zeros((words, bits, operands), np.uint64)
    word = np.arange(first, first + words, dtype=np.uint64)
    for i in range(operands):
        for t in range(free_bits):
            q = i * free_bits + t
            if q < 6:
                planes[:, t, i] = _COUNTING[q]
            else:
                planes[:, t, i] = np.where(
                    (word >> np.uint64(q - 6)) & np.uint64(1), np.uint64(2**64 - 1), np.uint64(0)
                )
    return planes


class Digits:
    """The low `bits` bits of `count` tuples of non-negative ints, as bytes (count, operands, bytes)."""

    def __init__(self, count, operands, bits):
        self.bits = bits
        self.octets = np.zeros((count, operands, -(-bits // 8)), np.uint8)

    @classmethod
    def of(cls, samples, bits):
        """Make the Digits of tuples of ints."""
        self = cls(0, len(samples[0]), bits)
        size, mask = -(-bits // 8), (1 << bits) - 1
        raw = b"".join((int(operand) & mask).to_bytes(size, "little") for row in samples for operand in row)
        self.octets = np.frombuffer(raw, np.uint8).reshape(len(samples), -1, size)
        return self

    def planes(self, start, stop):
        """Return planes (W, stop - start, I) of steps `start`, a multiple of 8, to stop - 1."""
        count, operands, _ = self.octets.shape
        # Eights of samples side by side; those that no sample is in stay zero.
        eights = -(-count // 8)
        size = -(-(stop - start) // 8)
        rows = np.zeros((eights * 8, operands, size), np.uint8)
        rows[:count] = self.octets[:, :, start // 8 : start // 8 + size]
        squares = _transposed(rows.reshape(eights, 8, operands, size).transpose(3, 2, 0, 1))
        octets = np.zeros((-(-count // 64), size, 8, operands, 8), np.uint8)
        for eight in range(eights):
            octets[eight // 8, :, :, :, eight % 8] = squares[:, :, eight].transpose(0, 2, 1)
        return octets.view("<u8")[..., 0].reshape(len(octets), size * 8, operands)[:, : stop - start].astype(np.uint64)

    def put(self, start, planes):
        """Set the bits of steps `start`, a multiple of 8, and on from planes (W, T, I)."""
        count, operands, _ = self.octets.shape
        steps, eights = planes.shape[1], -(-count // 8)
        size = -(-steps // 8)
        octets = np.zeros((len(planes), size * 8, operands, 8), np.uint8)
        octets[:, :steps] = (
            np.ascontiguousarray(planes.astype("<u8")).view(np.uint8).reshape(len(planes), steps, operands, 8)
        )
        octets = (
            octets.reshape(len(planes), size, 8, operands, 8).transpose(0, 4, 1, 3, 2).reshape(-1, size, operands, 8)
        )
        rows = _transposed(octets[:eights]).transpose(0, 3, 2, 1).reshape(eights * 8, operands, size)
        self.octets[:, :, start // 8 : start // 8 + size] = rows[:count]

    def ints(self):
        """Return the tuples of ints."""
        mask = (1 << self.bits) - 1
        return [tuple(int.from_bytes(operand.tobytes(), "little") & mask for operand in row) for row in self.octets]


# Three exchanges of ever larger squares, H. S. Warren, "Hacker's Delight" (2nd ed., 2012), section 7-3.
_EXCHANGES = ((7, 0x00AA00AA00AA00AA), (14, 0x0000CCCC0000CCCC), (28, 0x00000000F0F0F0F0))


def _transposed(octets):
    """Transpose eight bytes (..., 8) as a square of bits: bit k of byte j becomes bit j of byte k."""
    squares = np.array(octets, order="C").view("<u8")
    for shift, mask in _EXCHANGES:
        shift = np.uint64(shift)
        differing = (squares ^ (squares >> shift)) & np.uint64(mask)
        squares ^= differing ^ (differing << shift)
    return squares.view(np.uint8)


def to_words(samples, bits):
    """Return planes of the low `bits` bits of tuples of non-negative ints."""
    return Digits.of(samples, bits).planes(0, bits)


def from_words(words, count):
    """Return the ints of samples 0 to count - 1 of planes (W, T)."""
    digits = Digits(count, 1, words.shape[1])
    digits.put(0, words[:, :, None])
    return [number for number, in digits.ints()]


def answers_of(task, planes, count):
    """Return the answers in output planes (W, T, O) for samples 0 to count - 1, as ints, in the form of the task's
    oracle."""
    return from_words(planes[:, task.counted, 0], count)


def packed_bits(bits):
    """Return words (W, ...), uint64, of 0 and 1 (N, ...): sample i is bit i % 64 of word i // 64."""
    words = -(-len(bits) // 64)
    padded = np.zeros((words * 64, *bits.shape[1:]), np.uint8)
    padded[: len(bits)] = bits
    octets = np.packbits(padded.reshape(words, 64, -1), axis=1, bitorder="little").transpose(0, 2, 1)
    return np.ascontiguousarray(octets).view("<u8").reshape(words, *bits.shape[1:]).astype(np.uint64)


def unpacked_bits(words, count):
    """Return 0 and 1 (N, ...) of the first `count` samples of words (W, ...): the inverse of `packed_bits`."""
    octets = np.ascontiguousarray(words.astype("<u8")).view(np.uint8).reshape(len(words), -1, 8)
    bits = np.unpackbits(octets, axis=2, bitorder="little").transpose(0, 2, 1)
    return np.ascontiguousarray(bits).reshape(-1, *words.shape[1:])[:count]
