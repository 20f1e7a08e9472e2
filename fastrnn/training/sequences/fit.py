"""`fit_sequences`: trains any cell on sequences of the user, for many seeds, roles, options and sizes at once."""

import contextlib
from dataclasses import replace

import numpy as np

from fastrnn.arguments import as_choice, as_each, as_seeds, as_whole
from fastrnn.cores import cores
from fastrnn.data.roles import check_roles, members_of, split
from fastrnn.heads.base import Head, heads
from fastrnn.kernels.recurrent.decide import ROLES
from fastrnn.networks import BLOCK_COLUMNS, VECTOR_BYTES
from fastrnn.simd.host import arithmetic
from fastrnn.training.sequences.checks import check_kinds, check_range, check_trained
from fastrnn.training.sequences.division import alike, divisions_of
from fastrnn.training.sequences.fit_autosave import FitAutosave, fit_identity
from fastrnn.training.sequences.fits import RESULT_COLUMNS, Fits
from fastrnn.training.sequences.fitting import Fitting
from fastrnn.training.sequences.job import histories_of, jobs_of
from fastrnn.training.sequences.many import Many
from fastrnn.training.sequences.outputs import check_inputs, check_targets
from fastrnn.training.sequences.per_model import FIT_PER_MODEL, given_weights, separated
from fastrnn.training.sequences.recipe import FitRecipe
from fastrnn.training.sequences.relative import loss_weights
from fastrnn.training.sequences.saved import described_head

# Bytes of sequences that are laid out for each thread, where models have roles of their own.
MOST_BYTES = 1 << 28
# The head that is trained unless another one is given.
HEAD_OF_KIND = {"classes": "softmax", "bits": "sigmoid", "reals": "linear"}


def fit_sequences(
    cell,
    data,
    *,
    seeds=(0,),
    roles=None,
    validation=0.2,
    each=None,
    head=None,
    hidden_size=None,
    weights=None,
    config=None,
    lanes=None,
    only=None,
    threads=None,
    progress=None,
    callback=None,
    checkpoint=None,
    **options,
):
    """Train one model for each seed on Sequences, side by side in the lanes of SIMD vectors, and return the Fits.

    Arguments are those of fastrnn.train_many. Of these,

    roles: what each sequence is to each model (fastrnn.data), (N,) or (M, N); None: a share `validation` of the
    sequences, drawn by seed 0, validates all models. each: one model for each value of a group, in sorted order, fitted
    to the sequences of that value alone; a share of each value validates. Seeds are then one for all, or one for each,
    or more: the values are gone through again and again. Roles are (N,).
    hidden_size, learning_rate, l1, weight_decay, activity, and the values of optimizer_options: a number, or M numbers.
    lanes: "models" side by side, each on all its sequences in every update, or on batches of its own; or the
    "sequences" of one model after the other, which is faster for a few large models, takes less memory with batches,
    and is the only way to carry states. None: models, unless states are carried.
    only: numbers of the models to fit, of all M. Each is what it is without `only`.
    threads: where fewer lanes full of models wait than there are threads, they share updates' blocks.
    progress(models_done, models, loss): models_done: a float, in which a model in training counts as the share of its
    epochs that it has made; loss: the lowest validation loss so far, or training loss where there is no validation, inf
    before any evaluation.
    callback(state), with a fastrnn.training.sequences.fit_state.FitState, called in the caller's thread: True ends all
    training, with the best weights so far and "callback" as stopped. For a single model it is called after each
    evaluation, and training waits for it, so that the same callback gives the same bytes. Models side by side do not
    wait: it is called at most some twenty times per second, if there were evaluations meanwhile.
    checkpoint: after a crash or Ctrl-C the same call continues from it, to the same bytes; with batches, from the last
    whole epoch.

    Each model stops on its own, by `patience` or after `epochs`, and makes room for the next one. Its bytes depend on
    its own seed, options and sequences alone: the model of a fold is, to the byte, the one that is trained alone on
    data.select(roles != UNUSED), and its weights after an epoch are those without any validation and test sequences.
    Where models have roles of their own, the sequences are laid out for each lane: in each thread, 64 bytes for each
    number of the data, at most 256 MiB; larger data are shared by models of the same roles, which then train together.
    Ctrl-C or SIGTERM ends training within a second, or the time of one block of sequences; `stopped` is "interrupted"
    for models that are not done. What progress and callback raise is raised here, once training has ended.
    Raises ValueError or TypeError, in one line, for arguments that make no sense.
    """
    check_kinds(cell, data, config, weights, {"progress": progress, "callback": callback})
    seeds, owned, groups = as_seeds(seeds), None, {}
    if each is not None:
        owned = owned_by(data, each)
        if len(seeds) > 1 and len(seeds) % len(owned):
            raise ValueError(
                f"seeds: got {len(seeds)}, expected one, or {len(owned)}, one for each {each}, or a multiple of these"
            )
        seeds = np.resize(seeds, len(owned)) if len(seeds) == 1 else seeds
        groups = {each: np.resize([data.groups[each][own[0]] for own in owned], len(seeds))}
    models = len(seeds)
    config, varied = separated(config, options, models)
    head, outputs = head_for(head, data)
    roles = split(data, validation=validation, within=each) if roles is None else roles
    roles = check_roles(roles, len(data))
    if roles.ndim == 2 and (owned or len(roles) != models):
        raise ValueError(
            f"roles: got shape {roles.shape}, expected ({len(data)},)"
            + ("" if owned else f" or ({models}, {len(data)})")
        )
    check_trained(data, head, roles, owned, each)
    check_range(data, config.dtype)
    sizes = as_each("hidden_size", cell.hidden_size if hidden_size is None else hidden_size, models)
    chosen = np.arange(models) if only is None else _chosen(only, models)
    distinct = [as_whole("hidden_size", size, 1) for size in dict.fromkeys(sizes[chosen].tolist())]
    cells = {size: replace(cell, hidden_size=size) for size in distinct}
    if data.initial is not None and config.initial_state == "learned":
        raise ValueError("initial_state: got learned, expected zero: the data give the initial states")
    threads = min(cores(), cores() if threads is None else as_whole("threads", threads, 1))
    lanes = _lanes(config, lanes, owned, roles, data)
    divisions = divisions_of(roles, owned, chosen, loss_weights(head, data), data.counted.astype(float))
    manys = []
    for size, own in cells.items():
        recipe = FitRecipe.for_data(own, head, outputs, config, data, lanes)
        check_inputs(data, recipe, data.initial)
        given = None if weights is None else given_weights(weights, recipe, models)
        places = np.flatnonzero(sizes[chosen] == size)
        places = places[alike([divisions[n] for n in places])]
        values, start = (
            {name: array[chosen[places]] for name, array in each.items()} for each in (varied, given or {})
        )
        divided = [divisions[n] for n in places]
        jobs = jobs_of(recipe, chosen[places], seeds[chosen[places]], values, divided, start)
        manys.append(Many(recipe, data, jobs, lanes))
    identity = checkpoint and fit_identity(
        cell, described_head(head, outputs), data, config, lanes, seeds=seeds, sizes=sizes, roles=roles, each=each,
        varied=varied, weights=weights, only=chosen,
    )
    with FitAutosave(checkpoint, identity) if checkpoint else contextlib.nullcontext() as autosave:
        fitting = Fitting(manys, threads, progress, callback, autosave)
        taken = fitting.run()
    names = {called: name for name, called in FIT_PER_MODEL.items()}
    return Fits(
        cell=cell,
        head=head,
        config=config,
        seeds=seeds[chosen],
        hidden_size=sizes[chosen].astype(int),
        options={names.get(name, name): values[chosen] for name, values in varied.items()},
        groups={name: values[chosen] for name, values in groups.items()},
        data_name=data.name,
        seconds=fitting.seconds,
        arithmetic=arithmetic(),
        _recipes={many.recipe.cell.hidden_size: many.recipe for many in manys},
        **_fields_of(taken, config),
    )


def _fields_of(taken, config):
    """Return the fields of Fits that are in FitResults."""
    histories, best_round = histories_of(taken, config.dtype), np.array([each.best_round for each in taken])
    none = np.full((2, ROLES), np.nan, config.dtype)
    at = (best_round // config.every).tolist()
    losses = np.array([own[n] if len(own) else none for own, n in zip(histories, at)])
    return {
        "stopped": tuple(each.stopped for each in taken),
        "epochs": np.array([each.rounds for each in taken]),
        "best_epoch": best_round,
        "loss": losses[:, 0].copy(),
        "accuracy": losses[:, 1].copy(),
        "_rows": tuple(each.best for each in taken),
        "_histories": tuple(histories),
    }


def _lanes(config, lanes, owned, roles, data):
    """Return what lanes hold: "models" on the same sequences, on their "own" ones, or on "batches"; or "sequences"."""
    if lanes not in ("models", "sequences", None):
        raise ValueError(f"lanes: got {lanes!r}, expected models, sequences or None")
    if config.carry:
        if lanes == "models" or owned:
            raise ValueError("carry: models side by side do not carry states from batch to batch; expected False")
        return "sequences"
    if owned and lanes == "sequences":
        raise ValueError("lanes: models of their own sequences lie side by side; expected models or None")
    if lanes == "sequences":
        return lanes
    if config.batch_size is not None:
        return "batches"
    # Models of different roles each have their own sequences laid out, unless these would take too much memory.
    steps = np.sort(data.lengths)[::-BLOCK_COLUMNS].sum() * BLOCK_COLUMNS
    own = owned or roles.ndim == 2 and steps * (data.x.shape[1] + 2) * VECTOR_BYTES <= MOST_BYTES
    return "own" if own else "models"


def owned_by(data, each):
    """Return the numbers of the sequences of each value of a group."""
    if not isinstance(each, str) or each not in data.groups:
        raise ValueError(
            f"each: got {each!r}, expected the name of a group of the data ({', '.join(data.groups) or 'it has none'})"
        )
    if each in (*RESULT_COLUMNS, *FIT_PER_MODEL):
        raise ValueError(f"each: got {each!r}, which is a column of the results, too; give the group another name")
    return members_of(data.groups[each])


def head_for(head, data):
    """Return (Head, outputs) for the targets of Sequences; head: a Head, its name, or None."""
    if head is None or isinstance(head, str):
        head = heads()[as_choice("head", head or HEAD_OF_KIND.get(data.kind, "softmax"), heads())]()
    if not isinstance(head, Head):
        raise TypeError(f"head: got {head!r}, expected a Head or its name, for example {next(iter(heads()))!r}")
    check_targets(data, head)
    return head.suited(data.allowed is not None), data.classes if head.targets == "classes" else data.y.shape[1]


def _chosen(only, models):
    """Return sorted numbers of models."""
    found = np.unique(only)
    if not len(found) or found.dtype.kind not in "iu" or found[0] < 0 or found[-1] >= models:
        raise ValueError(f"only: got {only!r:.80}, expected numbers of models from 0 to {models - 1}")
    return found
