"""What must be equal for a training to continue from another's state: one check for Python and for the command line."""

import hashlib
import json

from fastrnn.checkpoint import code_version, description, hash_of, own_formula, plain_fields
from fastrnn.own_tasks import own_labels
from fastrnn.simd.host import arithmetic

# What may differ: how long training lasts.
CHANGEABLE = ("max_samples", "until", "verify_after")
# What the version is called in an identity.
NAMES_OF_VERSION = ("code", "version")
# Between the kinds of arithmetic of one training.
THEN = ", then "


def data_digest(arrays):
    """Return a digest of the Arrays that a training draws from, in the form that the kernels take."""
    return hash_of({"x": arrays.x, "y": arrays.y, "mask": arrays.mask})


def weights_digest(weights):
    """Return a digest of initial weights by name, or None where they are drawn."""
    return weights and hash_of(weights)


def check_resumable(run, cell, task, config, data=None):
    """Raise ValueError, naming the first thing that differs, unless this training can continue the Run.

    data: the `data_digest` of its arrays, or None. max_samples, until and verify_after may differ.
    """
    if run.state is None:
        raise ValueError("resume: has no training state; expected a Run that train returned, or the file of one")
    for kind, before, now in (("cell", run.model.cell, cell), ("task", run.model.task, task)):
        _check(kind, before and before.name, now and now.name)
        if before:
            mine = plain_fields(now)
            for name, value in plain_fields(before).items():
                _check(name, value, mine[name])
    before, now = run.state["config"], config.as_dict()
    for name, value in now.items():
        if name not in CHANGEABLE:
            _check(name, before.get(name), value)
    # Files of earlier versions do not hold it.
    if run.state.get("data", data) != data:
        raise ValueError(
            "data: got other arrays than those that the run to resume was trained on; "
            "to train its network on these, give its weights as `weights` instead"
        )
    if "finetune" in run.state and config.until != "certified":
        raise ValueError(
            f"until: got {config.until!r}, but the run to resume is exact and being certified; expected 'certified'"
        )


def check_processor(run, option="other_processor=True"):
    """Raise ValueError if the Run was computed in another kind of arithmetic than this processor's.

    option: the one that allows it, which the message names.
    """
    before = run.model.metadata.get("arithmetic")
    if isinstance(before, str) and before.rpartition(THEN)[2] != arithmetic():
        raise ValueError(
            f"resume: was computed in {_short(before)} arithmetic, this processor's is {arithmetic()}: continuing here "
            f"would give other bytes; use a processor of that kind, or give {option}"
        )


def arithmetics_of(run):
    """Return the kinds of arithmetic in which a Run to resume was computed, followed by this processor's, in words."""
    before = run and run.model.metadata.get("arithmetic")
    return (
        f"{before}{THEN}{arithmetic()}"
        if isinstance(before, str) and before.rpartition(THEN)[2] != arithmetic()
        else before or arithmetic()
    )


def _check(name, before, now):
    if type(before) is not type(now) or before != now:
        raise ValueError(
            f"{name}: got {_shown(now)}, but the run to resume was started with {_shown(before)}; leave it out to "
            "continue with that"
        )


def _shown(value):
    if isinstance(value, dict):
        return ", ".join(f"{name}={each}" for name, each in value.items()) or "none"
    return "none" if value is None else str(value)


def kinds_of(cell, task):
    """Return the classes of a cell and a task, which may not be fastrnn's; None for None."""
    return cell and type(cell), task and type(task)


def identity_of(cell, task, config, **others):
    """Return plain values that are equal for trainings that end in the same bytes.

    others: everything else that decides the result, as digests or plain values, or None: `data`, `weights`, and
    `resumed`, the state from which training continues.
    """
    parts = {"cell": description(cell), "task": description(task), **own_formula(cell), **own_labels(task)}
    return with_code({**parts, "config": config.as_dict(), **others})


def with_code(described):
    """Return the description of a training as plain values, with all else that its bytes depend on."""
    # There and back: JSON knows no tuples.
    return json.loads(json.dumps({**described, "code": code_version(), "arithmetic": arithmetic()}))


def state_digest(run):
    """Return a digest of the state in which a Run ended, or None without a Run."""
    if run is None:
        return None
    partial = (run.state.get("finetune") or {}).get("partial") or {"weights": {}, "arrays": {}, "numbers": None}
    arrays = {
        **run.model.weights,
        **run.state["arrays"],
        **{f"partial.{name}": array for name, array in partial["weights"].items()},
        **{f"partial.{name}": array for name, array in partial["arrays"].items()},
    }
    return hashlib.sha256(
        f"{hash_of(arrays)} {json.dumps([run.state['numbers'], partial['numbers']])}".encode()
    ).hexdigest()


def difference(theirs, ours):
    """Return the first difference of two identities, in words, or None."""
    # Another version may have other names for what is equal.
    for name in sorted({**ours, **theirs}, key=lambda name: name not in NAMES_OF_VERSION):
        one, other = theirs.get(name), ours.get(name)
        if one != other:
            return _difference(name, one, other)
    return None


def _difference(name, theirs, ours):
    if name in NAMES_OF_VERSION:
        return "begun by another version of fastrnn"
    if name == "arithmetic":
        return f"begun in {_short(theirs)} arithmetic, this processor's is {ours}"
    if isinstance(theirs, dict) and isinstance(ours, dict):
        # What is None there may be missing here.
        missing = object()
        name = next(each for each in {**ours, **theirs} if theirs.get(each, missing) != ours.get(each, missing))
        theirs, ours = theirs.get(name), ours.get(name)
    return f"{_short(name)} is {_short(theirs)} there, {_short(ours)} here"


def _short(value):
    if isinstance(value, dict):
        value = value.get("name", value)
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= 40 else f"{text[:18]}...{text[-18:]}"
