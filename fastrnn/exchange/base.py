"""The base of every format: a file in this package with a class that derives from Format, which `fastrnn.export` finds
by itself."""

import os
import re
from typing import NamedTuple

from fastrnn.heads.sigmoid import Sigmoid
from fastrnn.registry import discover


class Network(NamedTuple):
    """The network that is written: a Cell, its Head, named weights; before: outputs are read from the state before a
    step."""

    cell: object
    head: object
    weights: dict
    before: bool = False


def network_of(model):
    """Return the Network of a Fit, a Model or a Network. Raises TypeError, in one line, for anything else."""
    if isinstance(model, Network):
        return model
    if hasattr(model, "best_index"):
        raise TypeError("model: got several models, expected one, for example fits[0] or fits.best")
    if not all(hasattr(model, name) for name in ("cell", "weights", "predict")):
        raise TypeError(f"model: got {type(model).__name__}, expected a Fit or a Model, for example run.model")
    # A Model is of tasks and bits, and has no head of its own.
    before = getattr(getattr(model, "config", None), "before", False)
    return Network(model.cell, getattr(model, "head", None) or Sigmoid(), model.weights, before)

# What the file of a format must define.
CONTRACT = {
    "ending": (str, 'a class attribute ending, of its files, such as ending = ".txt"'),
    "summary": (str, 'a class attribute summary, what its files hold, such as summary = "C source"'),
}


class Format:
    """Base of every file format. name; ending: of its files, with the dot; summary: what they contain, in a few words;
    also: further endings of files that it reads.

    encode(network, name): the bytes of a file of a Network; name: a C identifier, made of the file's name. Raises
    ValueError, in one line, for a network that the format cannot hold.
    decode(content, **options): the Network in the bytes of a file, where files can be read; options: some of `asks`,
    what a file does not say: activation and reset of the cell, head. Raises ValueError, in one line without the file's
    name, for bytes that hold something else.
    """

    name: str | None = None
    ending: str | None = None
    summary: str | None = None
    also: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()

    def encode(self, network, name):
        """Return the bytes of a file."""
        raise NotImplementedError(f"{type(self).__name__} has no encode(self, network, name)")

    def decode(self, content, **options):
        """Return the Network of a file."""
        raise ValueError(f"format: files of {self.name} are written only")


def formats():
    """Return {name: class} of every format."""
    return discover("fastrnn.exchange", Format, CONTRACT)


def format_of(path, name=None, reading=False):
    """Return the Format of a path's ending, or the one with this name; reading: consider endings of files that can be
    read.

    Raises ValueError, in one line, for an unknown one, and for an ending that is of several.
    """
    known = {each: kind for each, kind in formats().items() if not reading or kind.decode is not Format.decode}
    if name is not None:
        if name not in known:
            raise ValueError(f"format: got {name!r:.80}, expected one of {', '.join(known)}")
        return known[name]()
    file = os.path.basename(path).lower()
    found = [each for each in known.values() if file.endswith((each.ending, *(each.also if reading else ())))]
    if len(found) == 1:
        return found[0]()
    if found:
        names = ", ".join(each.name for each in found)
        raise ValueError(f"path: {found[0].ending} is the ending of several formats, name one: {names}")
    for each in known.values():
        if file.endswith(tuple(each.also)):
            raise ValueError(f"path: files {os.path.splitext(path)[1]} are only read; {each.name} is written as "
                             f"{each.ending}")
    endings = ", ".join(f"{each.ending} ({each.summary})" for each in known.values())
    ending = os.path.splitext(path)[1].lower()
    raise ValueError(f"path: got the ending {ending!r:.80}, expected one of {endings}; or name the format")


def identifier_of(path):
    """Return a C identifier made of a file's name."""
    stem = re.sub(r"\W", "_", os.path.splitext(os.path.basename(path))[0], flags=re.ASCII)
    return stem if re.match(r"[A-Za-z_]", stem) else f"network_{stem}".rstrip("_")
