"""The state of a training, from which it can continue, and its Run so far.

A dict of arrays and plain values: "arrays" and "numbers" as Resumable.state gives them, "stretches" as
HistoryBins.saved, "seconds", "config" as TrainConfig.as_dict, "data", the digest of the arrays it is trained on or
None; and, where an exact network is trained on to a proof, "consolidation": "attempt", "updates", "batch_size",
"stretches" and "seconds" of the attempts since, and "partial", the "weights", "arrays" and "numbers" of an unfinished
attempt, or None.
"""

from dataclasses import replace

import numpy as np

from fastrnn.model import Model
from fastrnn.training.tasks.continuation import arithmetics_of
from fastrnn.training.tasks.history_bins import HistoryBins
from fastrnn.training.tasks.run import History, Run

CONSOLIDATION = "consolidation"


def run_from(model, config, state, stopped, verification=None, certification=None):
    """Return the Run of a training in this state."""
    steps, seconds = state["numbers"]["step"], state["seconds"]
    samples, history = steps * config.batch_size, HistoryBins(config.batch_size, state["stretches"]).history()
    if more := state.get(CONSOLIDATION):
        history = _joined(history, HistoryBins(more["batch_size"], more["stretches"]).history(), seconds)
        steps, samples = steps + more["updates"], samples + more["updates"] * more["batch_size"]
        seconds += more["seconds"]
    return Run(model, history, stopped, steps, samples, seconds, verification, certification, state)


def _joined(first, second, seconds):
    """Return one History followed by another that began `seconds` later."""
    steps, samples = (first.step[-1], first.samples[-1]) if len(first.step) else (0, 0)
    moved = second._replace(
        step=second.step + steps, samples=second.samples + samples, seconds=second.seconds + seconds
    )
    return History(*map(np.concatenate, zip(first, moved)))


def made_run(model, config, state, stopped, verification=None, certification=None, right=False, resumed=None):
    """Return the Run of a training in this state, with the metadata that are saved with its model; resumed: the Run
    that it continues, or None."""
    run = replace(run_from(model, config, state, stopped, verification, certification), right=right)
    summary = {"stopped": run.stopped, "steps": run.steps, "samples": run.samples, "seconds": run.seconds}
    if len(run.history.loss):
        summary |= {"loss": float(run.history.loss[-1]), "exact_accuracy": float(run.history.exact_accuracy[-1])}
    if run.certification:
        # It covers everything that a verification tests, and exists even if that was interrupted.
        summary |= {"proved_boxes": run.certification.graph.nodes, "proved_margin": run.certification.margin}
    elif run.verification:
        summary |= {"verified_samples": run.verification.samples, "verified_wrong": run.verification.wrong}
    metadata = {"config": config.as_dict(), "history": summary, "arithmetic": arithmetics_of(resumed)}
    model = Model(model.cell, model.weights, model.task, {**model.metadata, **metadata})
    return replace(run, model=model, certification=certification and replace(certification, model=model))
