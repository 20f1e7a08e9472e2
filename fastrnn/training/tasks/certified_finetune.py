"""Makes exact networks provable: a short second training that drives hidden units into saturation.

A network that has just learned a task holds its state in intermediate values of its units, which no proof by boxes can
follow for arbitrarily many steps. Three things change that within some thousand samples: a penalty on units that are
away from their extremes; a penalty on what units with gates keep of their last state, which they could hold for ever
(fastrnn.formula.retention); and, where the task's own samples do not suffice, sequences with long runs, on which a
network that is wrong only at larger widths makes its mistakes.
"""

import time
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from fastrnn import streams
from fastrnn.arguments import as_whole
from fastrnn.bits.label import label_words
from fastrnn.bits.planes import unpacked_bits
from fastrnn.formula.evaluate import on_numpy
from fastrnn.formula.graph import ordered
from fastrnn.formula.retention import kept
from fastrnn.interrupt import Interrupt, Interrupted, deferred_interrupt
from fastrnn.model import Model
from fastrnn.proofs import certify, check_provable, longest
from fastrnn.proofs.sequences import planes_of, skewed
from fastrnn.training.tasks.config import TrainConfig
from fastrnn.training.tasks.data import training_arrays
from fastrnn.training.tasks.history_bins import HistoryBins
from fastrnn.training.tasks.one_driver import Training
from fastrnn.training.tasks.resume import FINETUNE, made_run
from fastrnn.verification import verify


class ProofRecipe(NamedTuple):
    """The weights of the penalties, and the number of samples of an attempt."""

    saturation_penalty: float
    retention_penalty: float
    samples: int


# For units that keep nothing: penalties from 0.02 to 0.2, and squared loss or cross-entropy, do nearly as well; the
# loss of the first training needs no new kernel.
AFRESH = ProofRecipe(0.1, 0.0, 8192)
# For units that keep; with a stronger saturation gates decide before they forget (bench/provable.py).
KEEPING = ProofRecipe(0.003, 0.03, 32768)
# Every second attempt has so much of it: some networks would sooner forget their task than what they hold.
WEAKER = 0.1
BATCH = 16
# A share that a unit always keeps, whatever its weights, must be below this: the states of units that follow their
# inputs slowly are spread over as many values as there are sequences of inputs.
MOST_KEPT = 0.3
# The task's samples need not be wider than this, and a wide one's would take long.
WIDEST = 16
# The first attempt uses the task's samples; later ones this number of skewed sequences, of this number of steps.
SKEWED_SEQUENCES, SKEWED_STEPS = 2048, 16


def covers(cell, task):
    """Return whether a recipe leads to proofs: units that can saturate and forget, a task with few states and symbols.
    """
    try:
        check_provable(cell, task)
    except ValueError:
        return False
    fixed = [share for share in kept(cell.traced()) if all(expr.op != "input" for expr in ordered([share]))]
    slow = any(float(value) > MOST_KEPT for value in on_numpy(fixed, {}))
    return cell.extremes is not None and not slow and longest(task) > 1


def recipe_of(cell):
    """Return the ProofRecipe for a cell's networks."""
    constant = all(expr.op != "input" for expr in ordered(kept(cell.traced())))
    return AFRESH if constant else KEEPING


def certified_finetune(model, config=None, *, attempts=10, threads=None, samples=None, **penalties):
    """Return (model, Certification): trained until the model is proved, or unchanged if no attempt succeeds.

    model: exact on its task; config: a TrainConfig, for loss, learning rate and seed. Each attempt starts from the
    model's weights with samples of its own, takes `samples` of them (twice as many in every third later attempt), and
    ends with `certify` without a search. penalties: saturation_penalty and retention_penalty; default, as for samples,
    those of recipe_of(model.cell). A model that is already proved is returned unchanged. Raises ValueError as `certify`
    does, for a model without a task or with too many states, and ValueError or TypeError for numbers that make no
    sense.
    """
    attempts, recipe = as_whole("attempts", attempts, 0), recipe_of(model.cell)
    recipe = recipe._replace(**penalties, **({} if samples is None else {"samples": samples}))
    as_whole("samples", recipe.samples, 1)
    work = Finetune(model, config or TrainConfig(), threads, recipe=recipe)
    work.run(Interrupt(), attempts=attempts)
    return work.found.model, work.found


def certified(run, config, threads=None, progress=None, autosave=None):
    """Return the Run that continues an exact one until its network is proved; its `stopped` is "certified".

    Otherwise stopped is "samples" or "interrupted", the model is the exact one of the given Run, and the attempts are
    in the state. All updates count and are in the history, those of failed attempts, too. autosave: a
    RunAutosave for the progress so far.
    """
    def so_far(stopped, model, verification=None, proof=None):
        state = {**run.state, FINETUNE: work.saved()}
        return made_run(model, config, state, stopped, verification, proof, resumed=run)

    before, verification = run.state["numbers"]["step"] * config.batch_size, run.verification
    work = Finetune(run.model, config, threads, run.state.get(FINETUNE))
    offer = autosave and (lambda: autosave.offer(lambda: so_far("interrupted", run.model)))
    with deferred_interrupt() as interrupt:
        told = progress and (lambda samples, *rest: progress(before + samples, *rest))
        stopped = work.run(interrupt, samples=config.max_samples - before, progress=told, offer=offer)
        proof = work.found if work.found and work.found.proved else None
        model = proof.model if proof else run.model
        if verification is None or model is not run.model:
            # The proof already covers it; this is the result of the kernels themselves.
            try:
                with work.timed():
                    verification = verify(model, run.model.task.bits, threads=threads, progress=interrupt.check)
            except Interrupted:
                verification, stopped = None, stopped if proof else "interrupted"
    return so_far(stopped, model, verification, proof)


class Finetune:
    """Attempts to make a model provable, one after the other; it may stop within one and continue from `saved()`.

    found: the Certification of the model that came out, None before it is tried; updates, samples, seconds: what it
    took so far.
    """

    def __init__(self, model, config, threads=None, saved=None, recipe=None):
        self.model, self.config, self.threads = model, config, threads
        self.recipe = recipe or recipe_of(model.cell)
        begun = {"attempt": 0, "updates": 0, "seconds": 0.0, "partial": None, "stretches": HistoryBins(BATCH).saved()}
        self.attempt, self.updates, self.seconds, self.partial, self.stretches = (
            (saved or begun)[name] for name in ("attempt", "updates", "seconds", "partial", "stretches")
        )
        self.found = None

    def saved(self):
        """Return everything that another Finetune of the same model needs to continue to the same bytes."""
        return {"attempt": self.attempt, "updates": self.updates, "batch_size": BATCH, "seconds": self.seconds,
                "partial": self.partial, "stretches": self.stretches}

    @property
    def samples(self):
        return self.updates * BATCH

    def run(self, interrupt, *, attempts=np.inf, samples=np.inf, progress=None, offer=None):
        """Continue to a proof ("certified"), the last attempt or sample ("samples"), or Ctrl-C ("interrupted").

        offer(): called whenever it could be interrupted, when `saved` gives what is done up to there.
        """
        try:
            self.found = self._certified(self.model, interrupt)
            while not self.found.proved:
                interrupt.check()
                if self.attempt >= attempts or self.samples >= samples:
                    return "samples"
                stopped, weights = self._train(interrupt, samples, progress, offer)
                if weights is None:
                    return stopped
                # Not a diverged one: its last good weights are hardly worth a proof.
                if stopped == "samples":
                    found = self._certified(
                        Model(self.model.cell, weights, self.model.task, self.model.metadata), interrupt
                    )
                    self.found = found if found.proved else self.found
                self.attempt, self.partial = self.attempt + 1, None
        except Interrupted:
            return "interrupted"
        return "certified"

    def _certified(self, model, interrupt):
        with self.timed():
            return certify(model, find=False, progress=interrupt.check)

    @contextmanager
    def timed(self):
        """Add the time of the block to this work's."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - began

    def _train(self, interrupt, samples, progress, offer):
        """Train for the rest of one attempt; return (why it stopped, weights); no weights if the attempt is unfinished.

        Its end is kept, too, as long as it is not known whether there is a proof.
        """
        model, partial = self.model, self.partial
        # Each attempt has samples of its own, which no other seed has.
        seed = int(
            np.random.SeedSequence([self.config.seed, self.attempt, 7]).generate_state(1, np.uint64)[0] >> np.uint64(1)
        )
        task = model.task.at(min(model.task.bits, WIDEST))
        data = None if self.attempt == 0 else _skewed(task, seed)
        config = self._config(seed)
        # From the start again: a network that has decided for something that cannot be proved never leaves it.
        training = Training(
            model.cell,
            None if data else task,
            data and training_arrays(data, config),
            config,
            threads=self.threads,
            weights=partial["weights"] if partial else model.weights,
            before={**(partial or {}), "stretches": self.stretches, "seconds": self.seconds},
        )
        before = self.updates - training.step
        told = progress and (lambda samples, *rest: progress(before * BATCH + samples, *rest))
        limit = config.updates
        if samples < np.inf:
            limit = min(limit, -(-int(samples) // BATCH) - before)
        training.warm_up()

        def note():
            state = training.state()
            self.updates, self.stretches, self.seconds = before + training.step, state["stretches"], state["seconds"]
            self.partial = {"weights": training.model().weights, "arrays": state["arrays"], "numbers": state["numbers"]}

        def offered():
            note()
            offer()

        stopped = training.updates(interrupt, limit=limit, progress=told, offer=offer and offered)
        note()
        if stopped == "interrupted" or stopped == "samples" and training.step < config.updates:
            return stopped, None
        return stopped, self.partial["weights"]

    def _config(self, seed):
        given, recipe = self.config, self.recipe
        return TrainConfig(until="samples", loss=given.loss, optimizer=given.optimizer, learning_rate=given.rate,
                           optimizer_options=given.optimizer_options, max_grad_norm=given.max_grad_norm,
                           schedule="drop", batch_size=BATCH,
                           saturation_penalty=recipe.saturation_penalty if self.model.cell.extremes else 0.0,
                           retention_penalty=recipe.retention_penalty * (WEAKER if self.attempt % 2 else 1),
                           max_samples=recipe.samples << self.attempt // 3, seed=seed, dtype=str(self.model.dtype))


def _skewed(task, seed):
    """Return (x, y) of sequences with long runs."""
    rng = np.random.Generator(np.random.Philox(key=[seed, streams.SAMPLE_STREAM]))
    planes = planes_of(skewed(2**task.input_size, SKEWED_SEQUENCES, SKEWED_STEPS, rng), task.input_size)
    words = planes, label_words(task, planes)
    return tuple(unpacked_bits(each, SKEWED_SEQUENCES).astype(np.float32) for each in words)
