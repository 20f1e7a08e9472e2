"""Trees of parameters in JAX's form: nested dicts of arrays, and .npz files of their leaves by path.

In a file a leaf's name is its path with "/" between the keys, so that `flax.traverse_util.unflatten_dict(dict(file),
sep="/")` gives the tree back.
"""

import io

import numpy as np


def flattened(tree, path=""):
    """Return {"a/b/c": array} of nested dicts; leaves that are None are left out.

    Raises ValueError, in one line, for what is no dict of dicts and arrays.
    """
    if not hasattr(tree, "items"):
        raise ValueError(f"tree: got {type(tree).__name__}, expected nested dicts of arrays")
    leaves = {}
    for key, value in tree.items():
        place = f"{path}{key}"
        if hasattr(value, "items"):
            leaves |= flattened(value, f"{place}/")
        elif value is not None:
            leaves[place] = np.asarray(value)
    return leaves


def copied(tree):
    """Return nested dicts with copies of the arrays, row by row in memory."""
    return {name: copied(each) if isinstance(each, dict) else np.array(each, order="C") for name, each in tree.items()}


def modules(leaves, names):
    """Return [path of each module that has leaves of exactly these names], "" for the tree itself, sorted."""
    found = []
    for path in sorted({place[: len(place) - len(name)] for place in leaves for name in names if place.endswith(name)}):
        own = {place[len(path) :] for place in leaves if place.startswith(path)}
        if own == set(names) and (not path or path.endswith("/")):
            found.append(path)
    return found


def one_module(leaves, kinds, library):
    """Remove from the leaves the only module that is one of {kind: sets of names}; return (kind, {name: array}).

    Raises ValueError, in one line, where there is none, or several.
    """
    found = [(kind, path) for kind, sets in kinds.items() for names in sets for path in modules(leaves, names)]
    if len(found) != 1:
        places = ", ".join(sorted(path.rstrip("/") for _, path in found) or sorted(leaves))
        expected = " or ".join(getattr(kind, "__name__", kind) for kind in kinds)
        raise ValueError(f"has {places or 'nothing':.200}, expected one {expected} of {library}")
    kind, path = found[0]
    return kind, {place[len(path) :]: leaves.pop(place) for place in list(leaves) if place.startswith(path)}


def nothing_else(leaves, library):
    """Raise ValueError, in one line, if leaves remain that belong to nothing."""
    if leaves:
        raise ValueError(f"has {', '.join(sorted(leaves)):.200} besides a recurrent and a linear layer of {library}")


def parted(tree, cells, linear, library):
    """Return (kind, {name: array} of the cell, those of the linear layer) of a tree that contains one of each.

    cells, linear: {kind: sets of names}. Raises ValueError, in one line, for anything else.
    """
    leaves = flattened(tree)
    kind, own = one_module(leaves, cells, library)
    _, last = one_module(leaves, linear, library)
    nothing_else(leaves, library)
    return kind, own, last


class Npz:
    """A mixin for a Format: its files contain the trees that its function `to` makes of a Network, and `of` reads."""

    ending = ".npz"
    asks = ("head",)

    def encode(self, network, name):
        """Return the bytes of a file of the tree."""
        stored = io.BytesIO()
        np.savez(stored, **flattened(self.to(network)))
        return stored.getvalue()

    def decode(self, content, **options):
        """Return the Network of a file."""
        return self.of(decoded(content), **options)


def decoded(content):
    """Return {"a/b/c": array} of the bytes of an .npz file. Raises ValueError for anything else."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except Exception as error:  # whatever a damaged file makes of it
        raise ValueError("is damaged, or not a file of this kind") from error
