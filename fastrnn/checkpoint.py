"""Checkpoints: one safetensors file with the weights as arrays and everything else as JSON in its header.

safetensors is a table of arrays behind a JSON header, which many programs read; it holds no code, so a file
of unknown origin cannot run any, as a pickle would. The header's metadata has the one key "fastrnn":

    {"format": 1, "versions": {"fastrnn": ..., "numba": ..., "numpy": ...},
     "cell": {"name": "elman", "hidden_size": 16, ...}, "task": {"name": "addition", ...} or null,
     "metadata": {...}, "digest": sha256}

The digest is that of `hash_of` all arrays, then of this JSON without the digest, its keys sorted: a file that has
changed in any part is refused. Files without a digest are read.
"""

import glob
import hashlib
import json
import os
from dataclasses import asdict, fields
from importlib.metadata import PackageNotFoundError, version
from typing import get_type_hints

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from fastrnn.cells.base import Cell, cells
from fastrnn.errors import CheckpointError, one_line
from fastrnn.files import write_atomically
from fastrnn.machine.stamp import stamp
from fastrnn.own_tasks import TASK_LABELS, UndefinedTask, own_labels
from fastrnn.tasks.base import Task, tasks

# Raised by one whenever an older fastrnn would misread a newer file.
FILE_FORMAT = 1
METADATA_KEY = "fastrnn"
# Of files of proofs, which are no checkpoints.
CERTIFICATE_KEY = "certificate"
# Among the metadata, whose other names are the user's: the formula of a cell that is not one of fastrnn's.
FORMULA = "formula of the cell"
HEADER_PARTS = ("format", "versions", "cell", "task", "metadata", "digest")


def write_checkpoint(path, weights, metadata, *, overwrite=True):
    """Write weights {name: array} and metadata to `path`, as given, in one step; equal content gives equal bytes.

    metadata["cell"] is a cell's dataclass, metadata["task"] a task's or None, the rest what JSON can hold.
    Raises TypeError if the rest is not that, and OSError if the file cannot be written, FileExistsError if it exists
    and is not to be overwritten; the old file then stays.
    """
    write_atomically(path, encoded(weights, metadata), overwrite=overwrite)


def encoded(weights, metadata):
    """Return the bytes of a file with weights and metadata, as for `write_checkpoint`."""
    rest = {name: value for name, value in metadata.items() if name not in ("cell", "task")}
    try:
        # There and back first: keys become strings before they are sorted, as they will be after loading.
        rest = json.loads(json.dumps(rest))
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"metadata: {error}; expected dicts, lists, str, int, float, bool and None") from None
    header = {"format": FILE_FORMAT, "versions": {name: version_of(name) for name in ("fastrnn", "numba", "numpy")},
              "cell": description(metadata["cell"]), "task": description(metadata["task"]),
              "metadata": rest | own_formula(metadata["cell"]) | own_labels(metadata["task"])}
    return sealed(weights, header)


def sealed(arrays, header):
    """Return the bytes of a file of arrays {name: array} with a header that JSON can store, and the digest of both in
    it."""
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    header = {**header, "digest": digest_of(arrays, header)}
    # One key only: safetensors writes several in a random order.
    return save(arrays, {METADATA_KEY: json.dumps(header, sort_keys=True)})


def read_checkpoint(path, cell=None, task=None):
    """Return (weights {name: array}, metadata) as given to `write_checkpoint`; the arrays' names and shapes are not
    checked.

    cell, task: classes of a cell or task that is not one of fastrnn's, or None. Without its class, the task of a user
    is an UndefinedTask. Raises CheckpointError, in one line, for anything that `write_checkpoint` has not written.
    """
    path = os.fspath(path)
    weights, header = _read(path, "checkpoint that Model.save wrote")
    if header.get("kind") == "fits":
        raise CheckpointError(f"{path}: holds fits, not a model of a task: fastrnn.Fits.load reads it")
    if type(header.get("format")) is not int or not isinstance(header.get("versions"), dict):
        raise CheckpointError(f"{path}: fastrnn's metadata are damaged: no format or versions; save the model again")
    if not 1 <= header["format"] <= FILE_FORMAT:
        raise CheckpointError(
            f"{path}: got format {header['format']}, written by fastrnn {header['versions'].get('fastrnn')!r}, "
            f"but this fastrnn {version_of('fastrnn')} reads formats up to {FILE_FORMAT}: update fastrnn"
        )
    _check_digest(path, weights, header)
    if unknown := set(header) - set(HEADER_PARTS):
        raise CheckpointError(
            f"{path}: fastrnn's metadata are damaged: got {min(unknown)!r:.80}, expected {', '.join(HEADER_PARTS)}; "
            "save the model again"
        )
    if not isinstance(header.get("metadata"), dict) or "task" not in header:
        raise CheckpointError(f"{path}: fastrnn's metadata are damaged: no task or metadata; save the model again")
    rest, known = dict(header["metadata"]), _with_own(cells(), "cell", cell, Cell, "GRU")
    cell = _rebuilt(path, "cell", header.get("cell"), known, rest.pop(FORMULA, None))
    task = _task(path, header["task"], task, rest.pop(TASK_LABELS, None))
    return weights, {**rest, "cell": cell, "task": task}


def _task(path, described, given, labels):
    """Return the task that `description` described; given: its class, or None; labels: `own_labels`'s, or None."""
    if described is None:
        return None
    known = _with_own(tasks(), "task", given, Task, "Addition")
    name = described.get("name") if isinstance(described, dict) else None
    if given is None and isinstance(name, str) and name not in known:
        return UndefinedTask(path, described, labels)
    made = _rebuilt(path, "task", described, known)
    if labels is not None and own_labels(made).get(TASK_LABELS) != labels:
        raise CheckpointError(
            f"{path}: task {name:.80}: was trained with another definition than the present one; give its class, "
            "task=CLASS"
        )
    return made


def _with_own(known, kind, given, base, example):
    """Return {name: class} of the known classes and of a given one, which may be None."""
    if given is None:
        return known
    if not (isinstance(given, type) and issubclass(given, base)):
        raise TypeError(f"{kind}: got {given!r:.80}, expected the class of a {base.__name__}, for example {example}")
    return {**known, given.name: given}


def read_sealed(path, kind, what):
    """Return (header, {name: array}) of a file of `sealed` with a header of this kind; what: the kind in words.

    Raises CheckpointError, in one line, for anything else.
    """
    path = os.fspath(path)
    arrays, header = _read(path, what)
    if (header.get("kind"), header.get("format")) != (kind, 1):
        raise CheckpointError(f"{path}: is not a {what}")
    _check_digest(path, arrays, header)
    return header, arrays


def hash_of(arrays):
    """Return the sha256 of arrays {name: array}, in hexadecimal: of "NAME DTYPE SHAPE" and a newline, then the
    little-endian bytes, of each in the order of their names."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.name} {'x'.join(map(str, array.shape))}\n".encode())
        digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False))
    return digest.hexdigest()


def digest_of(arrays, header):
    """Return the sha256 of arrays and of a header without its digest, in hexadecimal."""
    return hashlib.sha256(f"{hash_of(arrays)}\n{json.dumps(header, sort_keys=True)}".encode()).hexdigest()


def code_version():
    """Return what a training's bytes depend on besides its arguments: fastrnn's version, the stamp of kernels and
    compiler."""
    return f"{version_of('fastrnn')} {stamp()}"


def version_of(package):
    """Return the installed version of a package; "unknown" for one that is not installed, such as a source tree."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _read(path, what):
    """Return (arrays, header): the file's arrays and its decoded JSON, a dict; what: the kind of file in words."""
    if not os.path.exists(path):
        raise CheckpointError(f"{path}: no such file; expected a {what}")
    if not os.path.isfile(path):
        kind = "a directory" if os.path.isdir(path) else "not a regular file"
        held = sorted(glob.glob("*.safetensors", root_dir=path)) if os.path.isdir(path) else []
        hint = f", perhaps {' or '.join(held)} in it" if 0 < len(held) < 3 else ""
        raise CheckpointError(f"{path}: is {kind}; expected a {what}{hint}")
    if os.path.getsize(path) == 0:
        raise CheckpointError(f"{path}: is empty; expected a {what}")
    try:
        with safe_open(path, "np") as file:
            metadata = file.metadata() or {}
            text = metadata.get(METADATA_KEY)
            weights = {name: file.get_tensor(name) for name in sorted(file.keys())} if text is not None else {}
    # Besides its own error, safetensors raises what a dtype unknown to NumPy leads to: TypeError,
    # AttributeError, ImportError. All mean that this is no file of ours.
    except Exception as error:
        raise CheckpointError(
            f"{path}: cannot be read ({_said(error)}): truncated, damaged, or not a safetensors file; "
            f"expected a {what}"
        ) from error
    if text is None:
        found = "is a certificate" if CERTIFICATE_KEY in metadata else "a safetensors file, but not one of fastrnn's"
        raise CheckpointError(f"{path}: {found}; expected a {what}")
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(
            f"{path}: fastrnn's metadata are not JSON ({_said(error)}); save it again"
        ) from error
    if not isinstance(header, dict):
        raise CheckpointError(f"{path}: fastrnn's metadata are damaged: got {header!r:.80}; save it again")
    return weights, header


def _check_digest(path, arrays, header):
    """Raise CheckpointError unless the digest, which is removed from the header, is that of both; files of earlier
    versions have none."""
    digest = header.pop("digest", None)
    if digest is not None and digest != digest_of(arrays, header):
        raise CheckpointError(f"{path}: is damaged: its content is not what was saved; copy or save it again")


def description(part):
    """Return the name and the fields of a cell or task, as plain values, or None for None."""
    if isinstance(part, UndefinedTask):
        return part.content
    return part and {"name": part.name, **plain_fields(part)}


def plain_fields(part):
    """Return the fields of a dataclass by name, with Python's numbers in place of NumPy's, as JSON takes them."""
    def plain(value):
        if isinstance(value, (tuple, list)):
            return [plain(each) for each in value]
        return value.item() if isinstance(value, np.generic) else value

    return {name: plain(value) for name, value in asdict(part).items()}


def own_formula(cell):
    """Return {FORMULA: text} of a cell that is not one of fastrnn's, whose name does not say it, or {}."""
    own = isinstance(cell, Cell) and cells().get(cell.name) is not type(cell)
    return {FORMULA: cell.traced().text} if own else {}


def _rebuilt(path, kind, described, classes, formula=None):
    """Return the dataclass that `description` described; formula: `own_formula`'s, or None."""
    if not isinstance(described, dict):
        raise CheckpointError(
            f"{path}: {kind}: got {described!r:.80}, expected its name and fields; save the model again"
        )
    values = dict(described)
    name = values.pop("name", None)
    if not isinstance(name, str) or name not in classes:
        own = f"give its class, cell={name:.80}" if isinstance(name, str) and formula else "update fastrnn"
        raise CheckpointError(f"{path}: {kind}: got {name!r:.80}, this fastrnn has {', '.join(classes)}: {own}")
    made_of = classes[name]
    known, hints = {field.name for field in fields(made_of)}, get_type_hints(made_of)
    # A field the file lacks takes its default, so that a field added later leaves older files readable.
    for field, value in values.items():
        if field not in known:
            raise CheckpointError(
                f"{path}: {kind} {name}: got {field!r:.80}, expected {', '.join(sorted(known))}: update fastrnn"
            )
        # JSON knows True from 1 and 1 from 1.0, and so do we.
        if hints[field] in (bool, int, float, str) and type(value) is not hints[field]:
            raise CheckpointError(
                f"{path}: {kind} {name}: {field}: got {value!r:.80}, expected {hints[field].__name__}; "
                "save the model again"
            )
    try:
        made = made_of(**values)
        if formula not in (None, own_formula(made).get(FORMULA)):
            raise ValueError("was made with another formula than the present one")
        return made
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: {kind} {name}: {_said(error)}") from error


def _said(error):
    return one_line(error) or type(error).__name__
