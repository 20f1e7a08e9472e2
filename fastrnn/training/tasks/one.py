"""Training of one network: `train`, and the checks of its arguments."""

import functools
import os

from fastrnn.arguments import as_whole
from fastrnn.cells.elman import Elman
from fastrnn.interrupt import Interrupted, deferred_interrupt, prompt_interrupt
from fastrnn.own_tasks import UndefinedTask
from fastrnn.proofs import check_provable
from fastrnn.tasks.addition import Addition
from fastrnn.training.tasks.certified_finetune import certified
from fastrnn.training.tasks.config import config_from
from fastrnn.training.tasks.continuation import (
    check_processor,
    check_resumable,
    data_digest,
    identity_of,
    kinds_of,
    state_digest,
    weights_digest,
)
from fastrnn.training.tasks.data import training_arrays, training_data
from fastrnn.training.tasks.one_driver import Training
from fastrnn.training.tasks.options import check_parts, checked_weights, configured
from fastrnn.training.tasks.resume import FINETUNE, load_run, made_run
from fastrnn.training.tasks.run import Run
from fastrnn.training.tasks.run_autosave import RunAutosave
from fastrnn.verification import verify, warm_up


def train(cell=None, task=None, config=None, *, data=None, weights=None, threads=None, progress=None, resume=None,
          checkpoint=None, other_processor=False, **options):
    """Train a network until it is right, and return the Run.

    cell: an Elman (default: Elman()); task: a Task (default: Addition()); config: a TrainConfig (default: the task's
    recipe, for most tasks TrainConfig()); options: fields of a TrainConfig, which override those of `config`.
    data: (x, y) or (x, y, mask) instead of a task, x (N, T, I), y (N, T, O) or (N, T) with values in [0, 1], mask
    (N, T) of weights of the loss, 0 where a step does not count; accuracies count each output whose mask is above 0;
    steps that are masked in a numpy.ma.MaskedArray do not count either. Batches are drawn with replacement, with
    the same probability of each sequence; about how long each one is does not depend on the seed. With a batch_size of
    N they are all N sequences. For data, until is "samples" by default, and max_samples 100 N, at least 10,000.
    weights: initial weights by name instead of drawn ones. threads: at most this many; default: all cores where the
    batch is large enough. The result has the same bytes for any number.
    progress(samples, loss, exact_accuracy): called some twenty times per second.
    until: "exact" (the default for a task) stops when the network is right on all of its verification, or on all of its
    data, whose targets must then be 0 or 1: it is tested after `verify_after` samples without a mistake, twice as many
    after each failed test, and seldom enough to take a small share of the time. "certified" continues from there, by
    fastrnn.training.tasks.certified_finetune, until the network is proved right at every width; Run.certification is
    the proof. "samples" uses all max_samples. curriculum: a task is learned at small widths first
    (fastrnn.training.tasks.curriculum), unless until is "samples".
    resume: the Run of an unfinished training, or its file, to continue. Cell, task and config are by default those of
    the Run, and must be equal to them; only max_samples, until and verify_after may differ. other_processor: continue
    even if another kind of processor began (fastrnn.simd.host.arithmetic), which would have given other bytes.
    checkpoint: a file, such as "run.safetensors", in which a long training keeps its state, written about every half
    minute in at most 1 % of the time, and removed at its end. After a crash the same call continues from it, to the
    same bytes as without the crash.
    Ctrl-C or SIGTERM in the main thread ends training with Run.stopped == "interrupted", within a second or the time of
    one block of 16 sequences, whichever is longer (8,192 steps of 256 units: about 2 seconds); a second one raises
    KeyboardInterrupt. The checkpoint then stays.
    Raises ValueError or TypeError for arguments that make no sense, OSError if the checkpoint cannot be written.
    """
    if isinstance(resume, (str, os.PathLike)):
        resume = load_run(resume, *kinds_of(cell, task))[0]
    if resume is not None:
        if not isinstance(resume, Run):
            raise TypeError(f"resume: got {resume!r:.80}, expected a Run, or the file of one")
        if weights is not None:
            raise ValueError("weights: got some, but training continues with those of the resumed run; leave them out")
        cell, task = cell or resume.model.cell, task or (resume.model.task if data is None else None)
        if isinstance(task, UndefinedTask):
            task.refuse("give it, train(task=..., resume=...)")
        config = config or (config_from(resume.state["config"]) if resume.state else None)
    cell = Elman() if cell is None else cell
    check_parts(cell, task, config, data, progress)
    task = Addition() if task is None and data is None else task
    data = None if data is None else training_data(data)
    config, weights = configured(config, options, task, data and data[0]), checked_weights(weights)
    if threads is not None:
        threads = as_whole("threads", threads, 1)
    if config.until == "certified":
        try:
            check_provable(cell, task)
        except ValueError as error:
            raise ValueError(
                f"until: got 'certified', but {str(error).removeprefix('certify: ')}; expected 'exact' or 'samples'"
            ) from error
    arrays = data and training_arrays(data, config)
    digest = data and data_digest(arrays)
    if resume is not None:
        check_resumable(resume, cell, task, config, digest)
        if not other_processor:
            check_processor(resume)
    trained = functools.partial(_trained, cell=cell, task=task, arrays=arrays, digest=digest, config=config,
                                weights=weights, threads=threads, progress=progress)
    if checkpoint is None or isinstance(checkpoint, RunAutosave):  # whose file the caller removes
        return trained(resume, checkpoint)
    identity = identity_of(
        cell, task, config, data=digest, weights=weights_digest(weights), resumed=state_digest(resume)
    )
    with RunAutosave(checkpoint, identity, kinds=kinds_of(cell, task)) as autosave:
        run = trained(autosave.state or resume, autosave)
        autosave.finish(run)
        return run


def _trained(resume, autosave, *, cell, task, arrays, digest, config, weights, threads, progress):
    """Return the Run of a training to its end, after the Run `resume` or None; digest: of the arrays."""
    training = None
    if not (resume and FINETUNE in (resume.state or {})):
        training = Training(cell, task, arrays, config, threads=threads, before=resume and resume.state,
                            weights=resume.model.weights if resume else weights)
        with prompt_interrupt():
            training.warm_up()
            if task is not None:
                warm_up(training.model())
    # One that comes just as the first training ends stops the second one.
    with deferred_interrupt():
        run = _run(training, digest, resume, progress, autosave) if training else resume
        if config.until == "certified" and (run is resume or run.stopped == "exact"):
            # It trains, too.
            run = certified(run, config, threads, progress, autosave)
    return run


def _run(training, digest, resume, progress, autosave):
    """Return the Run of a Training until the network is right, or its samples are used up."""
    task, config = training.task, training.config

    def so_far(stopped, verification=None, right=False):
        state = {**training.state(), "config": config.as_dict(), "data": digest}
        return made_run(training.model(), config, state, stopped, verification, right=right, resumed=resume)

    offer = autosave and (lambda: autosave.offer(lambda: so_far("interrupted")))
    with deferred_interrupt() as interrupt:
        stopped = training.updates(interrupt, progress=progress, offer=offer)
        verification, right = training.verification, stopped == "exact"
        try:
            if stopped == "samples" and task is not None:
                verification = verify(training.model(), task.bits, threads=training.threads, progress=interrupt.check)
            elif stopped == config.until == "samples" and training.known.checks is not None:
                right = training.right_on_arrays()
        except Interrupted:
            stopped = "interrupted"
    return so_far(stopped, verification, right)
