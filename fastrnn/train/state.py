"""The state of a training, from which it can continue, and its Run so far.

A dict of arrays and plain values: "arrays" and "numbers" as Resumable.state gives them, "stretches" as Stretches.saved,
"seconds", "config" as TrainConfig.as_dict, "data", the digest of the arrays it is trained on or None; and, where an
exact network is trained on to a proof, "consolidation": "attempt", "updates", "batch_size", "stretches" and
"seconds" of the attempts since, and "partial", the "weights", "arrays" and "numbers" of an unfinished attempt, or
None.
"""

import numpy as np

from fastrnn.train.run import History, Run
from fastrnn.train.stretches import Stretches

CONSOLIDATION = "consolidation"


def run_from(model, config, state, stopped, verification=None, certification=None):
    """The Run of a training in this state."""
    steps, seconds = state["numbers"]["step"], state["seconds"]
    samples, history = steps * config.batch_size, Stretches(config.batch_size, state["stretches"]).history()
    if more := state.get(CONSOLIDATION):
        history = _joined(history, Stretches(more["batch_size"], more["stretches"]).history(), seconds)
        steps, samples = steps + more["updates"], samples + more["updates"] * more["batch_size"]
        seconds += more["seconds"]
    return Run(model, history, stopped, steps, samples, seconds, verification, certification, state)


def _joined(first, second, seconds):
    """One History after another that began `seconds` later."""
    steps, samples = (first.step[-1], first.samples[-1]) if len(first.step) else (0, 0)
    moved = second._replace(
        step=second.step + steps, samples=second.samples + samples, seconds=second.seconds + seconds
    )
    return History(*map(np.concatenate, zip(first, moved)))
