"""Messages of Protocol Buffers, written as lists of (field number, value): all that a file of ONNX consists of."""

VARINT, BYTES = 0, 2


def message(fields):
    """The bytes of a message: values are integers, text, bytes, or lists, which are messages within it."""
    return b"".join(_field(number, value) for number, value in fields)


def _field(number, value):
    if isinstance(value, int):
        return _varint(number << 3 | VARINT) + _varint(value)
    content = value.encode() if isinstance(value, str) else value if isinstance(value, bytes) else message(value)
    return _varint(number << 3 | BYTES) + _varint(len(content)) + content


def _varint(value):
    """Seven bits a byte, the lowest first; a negative number is one of 64 bits."""
    value, out = value & (1 << 64) - 1, bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
