"""What a format is: a file here with a class that derives from Format, which `fastrnn.export` finds by itself."""

import os
import re
from typing import NamedTuple

from fastrnn.registry import discover


class Network(NamedTuple):
    """What is written: a Cell, its Head, named weights; before: outputs are read from the state before a step."""

    cell: object
    head: object
    weights: dict
    before: bool = False


class Format:
    """Base of every format of files. name; ending: of its files, with the dot; summary: what they hold, in some words.

    encode(network, name): the bytes of a file of a Network; name: a C identifier, made of the file's name. Raises
    ValueError, in one line, for a network that the format cannot hold.
    """

    name = None
    ending = None
    summary = None

    def encode(self, network, name):
        """The bytes of a file."""
        raise NotImplementedError(f"{type(self).__name__} has no encode(self, network, name)")


def formats():
    """{name: class} of every format."""
    return discover("fastrnn.exchange", Format)


def format_of(path, name=None):
    """The Format of a path's ending, or the one of this name.

    Raises ValueError, in one line, for an unknown one.
    """
    known = formats()
    if name is not None:
        if name not in known:
            raise ValueError(f"format: got {name!r:.80}, expected one of {', '.join(known)}")
        return known[name]()
    ending = os.path.splitext(path)[1].lower()
    for each in known.values():
        if each.ending == ending:
            return each()
    endings = ", ".join(f"{each.ending} ({each.summary})" for each in known.values())
    raise ValueError(f"path: got the ending {ending!r:.80}, expected one of {endings}; or name the format")


def identifier_of(path):
    """A C identifier made of a file's name."""
    stem = re.sub(r"\W", "_", os.path.splitext(os.path.basename(path))[0], flags=re.ASCII)
    return stem if re.match(r"[A-Za-z_]", stem) else f"network_{stem}".rstrip("_")
