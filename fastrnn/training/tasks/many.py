"""Training of many independent models at once: one model in each SIMD lane, groups of lanes on threads."""

from dataclasses import replace

import numpy as np

from fastrnn.arguments import as_each, as_seeds, as_whole
from fastrnn.cells.elman import Elman
from fastrnn.checkpoint import hash_of
from fastrnn.tasks.addition import Addition
from fastrnn.training.tasks.continuation import data_digest, identity_of, kinds_of, weights_digest
from fastrnn.training.tasks.data import model_arrays, training_data
from fastrnn.training.tasks.many_driver import ManyTraining
from fastrnn.training.tasks.many_state import ManyAutosave
from fastrnn.training.tasks.options import check_parts, checked_weights, configured

# Options that may differ between models, besides the optimizer's constants.
RUN_PER_MODEL = ("learning_rate", "weight_decay", "l1", "initial_scale", "saturation_penalty")


def train_many(cell=None, task=None, config=None, *, seeds, data=None, weights=None, threads=None, progress=None,
               checkpoint=None, **options):
    """Train one model for each seed, side by side in the lanes of SIMD vectors, and return the ManyRun.

    cell, task, config and options as for `train`; seeds: N integers. learning_rate, weight_decay, l1, initial_scale,
    saturation_penalty and each of the optimizer's constants may be a number or an array of N, one for each model.
    data: (x, y) or (x, y, mask) instead of a task, as for `train`, with the same defaults of until and max_samples, or
    each with a leading axis of N, one data set for each model. weights: initial weights by name instead of drawn ones,
    shared or with a leading axis of N.
    threads: at most this many; default: all cores. progress(done_models, total_models): called some twenty times per
    second, in the thread that called train_many; its exceptions are raised here, once the training has ended.

    Model i is trained by the same algorithm, on the same samples, from the same initial weights as
    `train(cell, task, config, seed=seeds[i], curriculum=None)`; only sums are rounded in another order. Its bytes
    depend only on its own seed and options: not on the number of models, its place among them, or threads. A model that
    is exact, diverges, or has used its samples makes room for the next. With until="samples", models that become exact
    continue to train, and samples_to_exact says when they became exact.
    checkpoint: as for `train`: a file that holds finished models and the state of those in lanes.
    Ctrl-C or SIGTERM in the main thread ends training; models that are not done have stopped == "interrupted".
    Raises ValueError or TypeError for arguments that make no sense.
    """
    cell = Elman() if cell is None else cell
    check_parts(cell, task, config, data, progress)
    seeds = as_seeds(seeds)
    data = None if data is None else training_data(data, len(seeds))
    config, varied = _separated(config, options, len(seeds), data)
    if threads is not None:
        threads = as_whole("threads", threads, 1)
    task, weights = Addition() if task is None and data is None else task, checked_weights(weights)
    arrays = data and model_arrays(data, config)
    training = ManyTraining(cell, task, arrays, config, varied, seeds, weights=weights, threads=threads)
    if checkpoint is None:
        return training.run(progress)
    identity = identity_of(
        cell, task, config, seeds=hash_of({"": seeds}), varied=hash_of(varied) if varied else None,
        data=arrays and data_digest(arrays), weights=weights_digest(weights))
    with ManyAutosave(checkpoint, identity, kinds=kinds_of(cell, task)) as autosave:
        if autosave.state:
            with autosave.taking_up():
                training.take_up(*autosave.state)
        run = training.run(progress, autosave)
        if "interrupted" not in run.stopped:
            autosave.remove()
        return run


def _separated(config, options, models, data):
    """Return (config, {option: float64 (models,)}): options that all models share, and options that differ."""
    if "seed" in options:
        raise TypeError("seed: each model has one of its own: give them as seeds")
    options, varied = dict(options), {}
    for name in RUN_PER_MODEL:
        if np.ndim(options.get(name, 0)) > 0:
            varied[name] = as_each(name, options.pop(name), models).astype(float)
    constants = dict(options.get("optimizer_options", config.optimizer_options if config else ()))
    for name, value in list(constants.items()):
        if np.ndim(value) > 0:
            varied[name] = as_each(name, constants.pop(name), models).astype(float)
    if options.get("curriculum") is not None:
        raise ValueError("curriculum: got one, but models side by side learn at one width; expected None")
    config = configured(
        config, {**options, "optimizer_options": tuple(constants.items()), "curriculum": None}, x=data and data[0]
    )
    for name, values in varied.items():
        # TrainConfig checks values; its bounds are intervals, so that the ends are enough.
        for value in (float(values.min()), float(values.max())):
            if name in RUN_PER_MODEL:
                replace(config, **{name: value})
            else:
                replace(config, optimizer_options=(*config.optimizer_options, (name, value)))
    if config.until == "certified":
        raise ValueError("until: got 'certified', expected 'exact' or 'samples'; certify each model of the result")
    return config, varied
