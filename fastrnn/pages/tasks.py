"""The data on the page of a network with a task: the task as an automaton, examples, the plane."""

import numpy as np

from fastrnn.drawing import title_of
from fastrnn.pages.plane import task_plane
from fastrnn.proofs.automaton import automaton_of

# Sequences that the page computes again when it opens, to compare with Python's outputs.
CHECKED, CHECKED_STEPS = 16, 24


def task_data(model, certificate=None):
    """Return a dict, for JSON, of a Model with a task; certificate: the path of its certificate, or None.

    Raises ValueError for a task without a finite machine, CheckpointError for a certificate that is not the model's.
    """
    task, automaton = model.task, automaton_of(model.task)
    plane, boxes = task_plane(model, certificate)
    operands = [f"{{{n}}}" for n in range(model.input_size)]
    x = np.random.Generator(np.random.Philox(key=7)).integers(0, 2, (CHECKED, CHECKED_STEPS, model.input_size))
    return {
        "kind": "task",
        "title": title_of(model),
        "task": {
            "name": task.name, "bits": task.bits, "headroom": task.bits - task.free_bits, "lastOnly": task.last_only,
            "stateName": "carry" if task.name == "addition" else "state",
            "equation": task.equation(operands, "{answer}").replace(f"(mod {task.modulus})", "(mod {modulus})"),
            "oneWord": [task.spelled(0), task.spelled(1)] if task.last_only else None,
            "asBits": not task.last_only and task.spelled(1) != "1",
            "following": automaton.following.tolist(), "outputs": automaton.outputs.tolist(),
            "examples": _examples(task),
        },
        "plane": plane, "boxes": boxes,
        "check": {"x": x.tolist(), "p": np.round(model.predict(x).astype(float), 8).tolist()},
    }


def _examples(task):
    """Return [(name, operands)], one of each family of hard cases, as text, for JavaScript's large integers."""
    found = {}
    for family, operands in task.hard_cases():
        found.setdefault(family, [str(operand) for operand in operands])
    return list(found.items())
