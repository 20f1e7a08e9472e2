"""How files are damaged: bytes changed at random, or values of the JSON in their headers."""

import copy
import json

# What may stand where something else is expected.
NASTY = (
    None,
    True,
    False,
    0,
    1,
    -1,
    7,
    2**31,
    2**63,
    10**30,
    1.5,
    -0.0,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "x",
    "1",
    "sigmoid",
    "\x1b[31mproved\n",
    "a" * 10_000,
    [],
    {},
    [[]],
    [1, 2],
    {"a": None},
    {"name": "elman"},
    [None] * 1000,
)


def damaged(rng, content):
    """A copy of bytes, changed in one or a few places, half of the time within the first fifth."""
    content = bytearray(content)
    for _ in range(1 if rng.random() < 0.7 else int(rng.integers(2, 6))):
        _CHANGES[rng.integers(len(_CHANGES))](rng, content)
    return bytes(content)


def _place(rng, content):
    end = len(content) if rng.random() < 0.5 else max(1, len(content) // 5)
    return int(rng.integers(max(1, end)))


def _flip(rng, content):
    if content:
        content[_place(rng, content)] ^= 1 << int(rng.integers(8))


def _set(rng, content):
    if content:
        content[_place(rng, content)] = int(rng.integers(256))


def _digit(rng, content):
    """Another digit for one of the header's digits: the file stays well-formed."""
    places = [place for place in range(min(len(content), 4000)) if 48 <= content[place] <= 57]
    if places:
        content[places[rng.integers(len(places))]] = int(rng.integers(48, 58))


def _insert(rng, content):
    place = _place(rng, content)
    content[place:place] = rng.bytes(int(rng.integers(1, 9)))


def _delete(rng, content):
    place = _place(rng, content)
    del content[place : place + int(rng.integers(1, 9))]


def _cut(rng, content):
    del content[_place(rng, content) :]


def _clear(rng, content):
    place, count = _place(rng, content), int(rng.integers(1, 65))
    content[place : place + count] = bytes(len(content[place : place + count]))


def _repeat(rng, content):
    place, count = _place(rng, content), int(rng.integers(1, 65))
    content[place:place] = content[place : place + count]


def _exchange(rng, content):
    a, b = sorted((_place(rng, content), _place(rng, content)))
    count = min(8, b - a, len(content) - b)
    content[a : a + count], content[b : b + count] = content[b : b + count], content[a : a + count]


_CHANGES = (_flip, _flip, _flip, _set, _digit, _insert, _delete, _cut, _clear, _repeat, _exchange)


def crafted(rng, value):
    """A copy of a JSON value in which one or two places hold something else, are missing or are one more."""
    value = copy.deepcopy(value)
    for _ in range(1 if rng.random() < 0.8 else 2):
        value = _crafted_once(rng, value)
    return value


def _crafted_once(rng, value):
    places = list(_places(value))
    if not places or rng.random() < 0.01:
        return NASTY[rng.integers(len(NASTY))]
    container, key = places[rng.integers(len(places))]
    kind = rng.random()
    if kind < 0.15:
        del container[key]
    elif kind < 0.3 and isinstance(container, dict):
        container[("more", "bits", "name", "format", "")[rng.integers(5)]] = copy.deepcopy(
            NASTY[rng.integers(len(NASTY))]
        )
    elif kind < 0.45 and type(container[key]) in (int, float):
        container[key] = container[key] * int(rng.choice([-1, 0, 2, 1000])) + int(rng.choice([-1, 0, 1]))
    elif kind < 0.55:
        other, place = places[rng.integers(len(places))]
        container[key] = copy.deepcopy(other[place])
    else:
        container[key] = copy.deepcopy(NASTY[rng.integers(len(NASTY))])
    return value


def _places(value):
    """(container, key) of everything inside."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from _places(value[key])


def parts_of(content):
    """(header as JSON, bytes after it) of a safetensors file."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def joined(header, data):
    """The safetensors file of both."""
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data
