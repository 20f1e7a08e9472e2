"""JSON files of weights: an object, with lists of numbers in full digits."""

import json

import numpy as np

from fastrnn.exchange.gates import array_of


class Json:
    """A mixin for a Format: its files contain the objects that its function `to` makes of a Network, and `of` reads."""

    ending = ".json"

    def encode(self, network, name):
        """Return the bytes of a file; arrays become lists of numbers with all digits of their exact value, as float64.
        """
        return (json.dumps(self.to(network), default=np.ndarray.tolist, allow_nan=False) + "\n").encode()

    def decode(self, content):
        """Return the Network of a file."""
        return self.of(object_of(content))


def object_of(content):
    """Return the dict in the bytes of a file. Raises ValueError, in one line, for anything else."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError("is damaged, or no JSON") from error
    if not isinstance(found, dict):
        raise ValueError(f"holds a {type(found).__name__} of JSON, expected an object")
    return found


def numbers(values, what):
    """Return a float32 array of lists of numbers. Raises ValueError, in one line, for anything else."""
    array = array_of(values)
    if array.dtype.kind not in "fi":
        raise ValueError(f"has {what} that are not lists of numbers of equal lengths")
    with np.errstate(over="ignore"):
        return array.astype(np.float32)
