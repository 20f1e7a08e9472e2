"""Messages of Protocol Buffers, the format of ONNX files: lists of (field number, value), written and read."""

VARINT, LENGTH_DELIMITED = 0, 2
# Bytes of the kinds that have a fixed size.
FIXED = {1: 8, 5: 4}


def message(fields):
    """Return the bytes of a message: values are integers, text, bytes, or lists, which are nested messages."""
    return b"".join(_field(number, value) for number, value in fields)


def _field(number, value):
    if isinstance(value, int):
        return _varint(number << 3 | VARINT) + _varint(value)
    content = value.encode() if isinstance(value, str) else value if isinstance(value, bytes) else message(value)
    return _varint(number << 3 | LENGTH_DELIMITED) + _varint(len(content)) + content


def _varint(value):
    """Return an integer in groups of seven bits, one group per byte, the lowest first; a negative number has 64 bits.
    """
    value, out = value & (1 << 64) - 1, bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def fields_of(content):
    """Return {field number: [values]} of a message: integers, or bytes; pass the bytes of a nested message to this
    function again.

    Raises ValueError for bytes that are no message.
    """
    fields, place = {}, 0
    while place < len(content):
        key, place = _read_varint(content, place)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, place = _read_varint(content, place)
        else:
            size, place = _read_varint(content, place) if kind == LENGTH_DELIMITED else (FIXED.get(kind), place)
            if size is None or number == 0 or place + size > len(content):
                raise ValueError("is damaged, or not a file of this kind")
            value, place = content[place : place + size], place + size
        fields.setdefault(number, []).append(value)
    return fields


def integers(values):
    """Return the signed integers of a field, which may be packed into bytes."""
    found = []
    for value in values:
        place = 0
        if isinstance(value, int):
            found.append(value)
            continue
        while place < len(value):
            each, place = _read_varint(value, place)
            found.append(each)
    return [each - (1 << 64) if each >> 63 else each for each in found]


def _read_varint(content, place):
    value = shift = 0
    while place < len(content) and shift < 70:
        byte = content[place]
        value, place, shift = value | (byte & 127) << shift, place + 1, shift + 7
        if byte < 128:
            return value & (1 << 64) - 1, place
    raise ValueError("is damaged, or not a file of this kind")
