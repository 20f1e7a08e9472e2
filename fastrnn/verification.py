"""Tests whether a network is right: on every pair of operands where that is feasible, else on random and hard ones.

The truth is the task's own boolean algebra on words, which the tests hold against Python's int.
"""

import itertools
import time
from dataclasses import dataclass, field

import numpy as np

from fastrnn.arguments import as_integer
from fastrnn.bits.tree import Tree
from fastrnn.evaluate import Batch, evaluate, every_batch, hard_batches, random_batches, tallies_of, total_of
from fastrnn.model import check_model

# Samples times steps that a model file may ask for by its width; who wants more names the width.
MOST_STEPS = 1 << 34
# Operands with at most this many free bits in all are tested in every combination: 16.7 million samples.
EXHAUSTIVE_BITS = 24


@dataclass
class Verification:
    """The result of `verify`.

    Attributes
    ----------
    bits : int
        The width that was tested.
    exhaustive : bool
        Whether all operands were tested.
    samples, wrong : int
        The number of samples, and of those with a wrong bit.
    families : dict
        {name: (samples, wrong)} for each kind of samples: all, random, and the hard cases.
    mistakes : list
        The first mistakes, (operands, answer, truth).
    margin : float
        The smallest |logit|.
    seconds : float
        The time that the test took.
    """

    bits: int
    exhaustive: bool
    samples: int = 0
    wrong: int = 0
    families: dict = field(default_factory=dict)
    mistakes: list = field(default_factory=list)
    margin: float = float("inf")
    seconds: float = 0.0

    @property
    def exact(self):
        """Whether no sample was wrong."""
        return self.wrong == 0


def verify(
    model, bits=None, samples=65536, seed=0, threads=None, progress=None, *, whole=True
) -> Verification:
    """Test a model on its task: on all operands if they are few, otherwise on hard and random ones.

    All operands are tested if they have at most 24 free bits together (8 bits: 16,384 pairs; 13 bits: 16.7 million).
    Steps are processed in pieces: memory does not grow with the width beyond the operands of one batch.

    Parameters
    ----------
    model : Model
        A network of a task.
    bits : int or None
        The width; None: the width at which the model was trained.
    samples : int
        Random samples, besides the hard cases, if not all operands are tested.
    seed : int
        The seed of the random samples.
    threads : int or None
        At most this many; None: all cores.
    progress : function or None
        progress(done, total) is called now and then.
    whole : bool
        False: stop after the first batch with a wrong sample.

    Returns
    -------
    Verification

    Raises
    ------
    ValueError
        For a model without a task, an impossible width, and, if no width is given, more than 2**34 steps in all.
    """
    check_model("model", model)
    samples, seed = as_integer("samples", samples, 1), as_integer("seed", seed, 0, 2**63 - 1)
    threads = None if threads is None else as_integer("threads", threads, 1)
    if model.task is None:
        raise ValueError("verify: this model was trained on arrays, so there is no task to test it on")
    task = model.task.at(bits) if bits is not None else model.task
    if bits is None and not enumerable(task) and samples * task.bits > MOST_STEPS:
        raise ValueError(
            f"bits: the model's task has {task.bits:,}, and {samples:,} samples of this width take "
            f"{samples * task.bits:.1e} steps; to verify it, say at how many bits, or give fewer samples"
        )
    started = time.perf_counter()
    result = Verification(task.bits, enumerable(task))
    if result.exhaustive:
        batches, total = every_batch(task), right_on_all(task).samples
    else:
        batches = itertools.chain(hard_batches(task), random_batches(task, samples, seed))
        total = samples + len(task.hard_cases())
    tell = progress and (lambda done: progress(int(done), total))
    tallies = tallies_of(model, task, batches, result.mistakes, threads, tell, whole)
    result.families = {name: (tally.samples, tally.wrong) for name, tally in tallies.items()}
    sums = total_of(tallies.values())
    result.samples, result.wrong, result.margin = sums.samples, sums.wrong, sums.margin
    result.seconds = time.perf_counter() - started
    return result


def enumerable(task):
    """Return whether all samples of a task are tried."""
    return task.free_bits * task.input_size <= EXHAUSTIVE_BITS


def right_on_all(task):
    """Return the Verification of a network without a mistake on any sample of a task."""
    return Verification(task.bits, True, 2 ** (task.free_bits * task.input_size))


def exactness(model, progress=None):
    """Return the Verification of a model if it is exact, else None: on one thread, several times as fast as `verify`,
    and at once where there are many mistakes.

    progress(done, total): called now and then, where not all samples are tried.
    """
    task = model.task
    if task is not None and enumerable(task):
        return None if Tree(model.cell, task, model.dtype).has_mistake(model.theta) else right_on_all(task)
    found = verify(model, task and task.bits, threads=1, progress=progress, whole=False)
    return found if found.exact else None


def warm_up(model):
    """Compile the kernels that `verify` uses, or load them from the cache."""
    evaluate(
        model,
        model.task,
        Batch("all", 1, lambda start, stop: np.zeros((1, stop - start, model.input_size), np.uint64)),
        threads=1,
    )
