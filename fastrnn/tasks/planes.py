"""Bit planes for NumPy: operands as words of 64 samples, and whole ranges of them without a loop over samples.

Planes are (W, T, I) uint64 arrays: bit s of word w at step t and input i is bit t of operand i of sample
64 w + s.
"""

import numpy as np

# Bit q of the numbers 0 to 63, as one word each.
_COUNTING = [sum(((s >> q) & 1) << s for s in range(64)) for q in range(6)]


def counting(first, words, bits, free_bits, operands):
    """Planes (words, bits, operands) of samples 64 * first and on of all tuples of operands below 2**free_bits.

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
                planes[:, t, i] = np.where((word >> np.uint64(q - 6)) & np.uint64(1), np.uint64(2**64 - 1), np.uint64(0))
    return planes


def to_words(samples, bits):
    """Planes of tuples of non-negative ints, of which the low `bits` bits are kept."""
    count, operands, size, mask = len(samples), len(samples[0]), -(-bits // 8), (1 << bits) - 1
    raw = b"".join((int(operand) & mask).to_bytes(size, "little") for row in samples for operand in row)
    digits = np.unpackbits(np.frombuffer(raw, np.uint8).reshape(count, operands, size), axis=2, count=bits, bitorder="little")
    padded = np.zeros((-(-count // 64) * 64, operands, bits), np.uint8)
    padded[:count] = digits
    # The eight samples of a byte, then the eight bytes of a word, all least significant first.
    packed = np.packbits(padded.reshape(-1, 64, operands, bits), axis=1, bitorder="little")
    return np.ascontiguousarray(packed.transpose(0, 3, 2, 1)).view("<u8")[..., 0].astype(np.uint64)


def from_words(words, count):
    """The ints of samples 0 to count - 1 of planes (W, T)."""
    octets = np.ascontiguousarray(words.astype("<u8")).view(np.uint8).reshape(*words.shape, 8)
    rows = np.unpackbits(octets, axis=2, bitorder="little").transpose(0, 2, 1).reshape(-1, words.shape[1])[:count]
    return [int.from_bytes(row.tobytes(), "little") for row in np.packbits(rows, axis=1, bitorder="little")]


def answers_of(task, planes, count):
    """What output planes (W, T, O) say of samples 0 to count - 1, as ints: such as the task's oracle gives."""
    return from_words(planes[:, task.counted, 0], count)


def sample_bits(words):
    """(W, 64) array of 0 and 1: the bit of each sample."""
    octets = np.ascontiguousarray(words.astype("<u8")).view(np.uint8).reshape(-1, 8)
    return np.unpackbits(octets, axis=1, bitorder="little")
