"""A fuzzer for `fastrnn check`: certificates and models that are damaged, rewritten or forged, from a seed.

    python tests/fuzz_check.py --count 10000 --seed 1

prints how many of which kind were refused or accepted. What must never happen raises AssertionError: another exception
than Refused, a reason that is long or not printable, a file accepted that Model.load refuses, or a claim accepted that
is neither the original one nor true.
"""

import argparse
import json
import struct
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

import fastrnn
from fastrnn.check import Refused, check
from fastrnn.errors import CheckpointError
from fastrnn.model import Model
from fastrnn.proofs import certify
from fastrnn.proofs.file import hash_of
from fastrnn.verification import verify

ESCAPES = "\x1b[2K\rproved for every width: addition\n"
VALUES = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2,
    8.0,
    0.5,
    float("nan"),
    float("inf"),
    10**30,
    "",
    "sigmoid",
    "relu",
    "float64",
    ESCAPES,
    "x" * 100_000,
    [],
    {},
    [["relu"]],
    {"name": "addition"},
    [0] * 1000,
)
NUMBERS = (0.0, -0.0, 1e-45, 5e-324, 1e-30, 1.0, -1.0, 1e30, 3e38, 1e300, np.inf, -np.inf, np.nan)


class File:
    """A safetensors file in parts: its header with the JSON below `key` parsed, and the bytes of its arrays."""

    def __init__(self, content, key):
        length = struct.unpack("<Q", content[:8])[0]
        self.header, self.data, self.key = json.loads(content[8 : 8 + length]), content[8 + length :], key
        self.inner = json.loads(self.header["__metadata__"][key])

    def arrays(self):
        kinds = {"F32": "<f4", "F64": "<f8", "I64": "<i8"}
        return {
            name: np.frombuffer(self.data[slice(*entry["data_offsets"])], kinds[entry["dtype"]])
            .reshape(entry["shape"])
            .copy()
            for name, entry in self.header.items()
            if name != "__metadata__"
        }

    def replace(self, arrays):
        """Put arrays of the same sizes in the place of those that are there."""
        data = bytearray(self.data)
        for name, array in arrays.items():
            data[slice(*self.header[name]["data_offsets"])] = array.tobytes()
        self.data = bytes(data)

    def content(self, edit=lambda text: text):
        """The bytes of the file, without the digest, which is wrong by now; edit: what is done to its header's text."""
        if isinstance(self.inner, dict):
            self.inner.pop("digest", None)
        self.header["__metadata__"][self.key] = json.dumps(self.inner)
        header = edit(json.dumps(self.header)).encode("utf-8", "surrogatepass")
        return struct.pack("<Q", len(header)) + header + self.data


def places(value, path=()):
    """Paths to everything in parsed JSON."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in items:
        yield from places(part, (*path, name))


def picked(rng, options):
    return options[int(rng.integers(len(options)))]


def holder(rng, value):
    """(the dict or list that holds a random place in parsed JSON, its name there)"""
    *path, name = picked(rng, [path for path in places(value) if path])
    for step in path:
        value = value[step]
    return value, name


# ---- what is done to one of the files: (rng, content, key) -> content


def flipped(rng, content, key):
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        changed[int(rng.integers(len(changed)))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def cut(rng, content, key):
    return content[: int(rng.integers(len(content)))]


def spliced(rng, content, key):
    first, last = sorted(int(place) for place in rng.integers(0, len(content), 2))
    return (
        content[:first]
        + picked(rng, (b"", rng.bytes(int(rng.integers(1, 40))), content[last:], content[:first]))
        + content[last:]
    )


def mislabelled(rng, content, key):
    return (
        struct.pack(
            "<Q",
            picked(rng, (0, 1, 7, len(content), len(content) - 8, 2**31, 2**63, 2**64 - 1, int(rng.integers(2**20)))),
        )
        + content[8:]
    )


def revalued(rng, content, key):
    file = File(content, key)
    part, name = holder(rng, picked(rng, (file.header, file.inner)))
    part[name] = picked(rng, VALUES)
    return file.content() if isinstance(file.header.get("__metadata__"), dict) else content[:8]


def renamed(rng, content, key):
    file = File(content, key)
    part, name = holder(rng, picked(rng, (file.header, file.inner)))
    while not isinstance(part, dict):
        part, name = holder(rng, file.inner)
    value = part.pop(name)
    if rng.random() < 0.8:
        part[picked(rng, (ESCAPES, "", "digest", "training.x", f"{name} ", "note"))] = value
    return file.content() if isinstance(file.header.get("__metadata__"), dict) else content[:8]


def doubled(rng, content, key):
    """A name twice, with another value the second time."""
    file = File(content, key)
    name = picked(rng, list(file.header))
    other = json.dumps(picked(rng, list(file.header.values())))
    return file.content(lambda text: text[:-1] + f", {json.dumps(name)}: {other}}}")


def nested(rng, content, key):
    file = File(content, key)
    part, name = holder(rng, file.inner)
    part[name] = "DEEP"
    depth = int(rng.integers(500, 200_000))
    # Within the header's JSON, in which that of the metadata is a string.
    return file.content(lambda text: text.replace('\\"DEEP\\"', "[" * depth + "]" * depth))


def renumbered(rng, content, key):
    """Other numbers in an array."""
    file = File(content, key)
    arrays = file.arrays()
    array = arrays[picked(rng, sorted(arrays))].reshape(-1)
    place = int(rng.integers(array.size))
    with np.errstate(all="ignore"):
        if array.dtype.kind == "i":
            array[place] = picked(rng, (0, 1, -1, 2**62, int(rng.integers(array.size))))
        elif rng.random() < 0.5:
            array[place] = picked(rng, NUMBERS)
        else:
            array *= picked(rng, (1 + 1e-7, 1 - 1e-7, 1.01, 0.5, -1, 1e10))
    file.replace(arrays)
    return file.content()


MUTATIONS = (flipped, cut, spliced, mislabelled, revalued, renamed, doubled, nested, renumbered)


class Fuzzer:
    """Changed copies, in a folder, of a certificate file and of its model's."""

    def __init__(self, folder, certificate, model):
        self.folder, self.originals = Path(folder), (Path(certificate).read_bytes(), Path(model).read_bytes())
        self.claim = self._meaning(check(certificate, model))

    @staticmethod
    def _meaning(claim):
        return {name: claim[name] for name in ("task", "cell", "dtype", "weights")}

    def trial(self, seed, number):
        """(what was done, what came of it) for trial `number` of a seed."""
        rng = np.random.default_rng([14, seed, number])
        mutation, which = picked(rng, MUTATIONS), int(rng.integers(2))
        contents, keys = list(self.originals), ("certificate", "fastrnn")
        contents[which] = mutation(rng, contents[which], keys[which])
        what = f"{mutation.__name__} {('certificate', 'model')[which]}"
        if mutation is renumbered and which == 1 and rng.random() < 0.8:
            contents[0] = self._for_weights(contents)
            what += ", hash"
        paths = [self.folder / name for name in ("fuzzed-certificate.safetensors", "fuzzed.safetensors")]
        for path, content in zip(paths, contents):
            path.write_bytes(content)
        return what, self._outcome(*paths)

    def _for_weights(self, contents):
        file, model = File(contents[0], "certificate"), File(contents[1], "fastrnn")
        file.inner["weights"] = hash_of(model.arrays())
        return file.content()

    def _outcome(self, certificate, model):
        try:
            claim = check(certificate, model)
        except Refused as refused:
            assert str(refused).isprintable() and len(str(refused)) <= 200, f"reason: {str(refused)!r}"
            return "refused"
        try:
            loaded = Model.load(model)
        except CheckpointError as error:
            raise AssertionError(f"accepted, but Model.load refuses: {error}") from error
        if self._meaning(claim) == self.claim:
            return "accepted: the same claim"
        assert claim["weights"] == hash_of(loaded.weights) and verify(loaded, threads=1).exact, f"accepted: {claim}"
        return "accepted: true of other weights"


def outcomes(fuzzer, count, seed=0, first=0):
    """{(what was done, what came of it): how often} of trials `first` to first + count - 1."""
    found = Counter()
    for number in range(first, first + count):
        try:
            found[fuzzer.trial(seed, number)] += 1
        except Exception as error:
            raise AssertionError(f"seed {seed}, trial {number}: {type(error).__name__}: {error}") from error
    return found


def table(found):
    """The outcomes as lines of text."""
    return "\n".join(f"{what:36} {came:34} {count:8,}" for (what, came), count in sorted(found.items()))


def fuzzer_in(folder):
    """A Fuzzer of a network of 8 units that is proved to add."""
    run = fastrnn.train(fastrnn.Elman(8), fastrnn.tasks.Addition(8), until="certified")
    paths = Path(folder) / "original-certificate.safetensors", Path(folder) / "original.safetensors"
    certify(run.model).save(paths[0])
    run.model.save(paths[1])
    return Fuzzer(folder, *paths)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("count", 1000), ("seed", 0), ("first", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        print(table(outcomes(fuzzer_in(place), chosen.count, chosen.seed, chosen.first)))
