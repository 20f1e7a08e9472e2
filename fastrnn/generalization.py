"""Tests how far a network stays right: operands of 8, 16, 32, ... bits, random ones and each hard family."""

import json
import time
from dataclasses import dataclass, field

from fastrnn.arguments import as_integer, as_whole
from fastrnn.evaluate import hard_batches, random_batches, tallies_of, total_of
from fastrnn.files import write_atomically
from fastrnn.model import check_model
from fastrnn.tasks.base import Task

FIRST, LAST = 8, 1 << 20


@dataclass
class Generalization:
    """The result of `generalize`.

    Attributes
    ----------
    task : Task
        The task of the model.
    tallies : dict
        {bits: {family: Tally}}, in the order of the tests.
    seconds : float
        The time that the tests took.
    """

    task: Task
    tallies: dict = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def families(self):
        """Names of the families of samples, in the order of the tests."""
        return list(dict.fromkeys(name for families in self.tallies.values() for name in families))

    def total(self, bits=None, family=None):
        """Return the sum of tallies.

        Parameters
        ----------
        bits : int or None
            One width; None: all.
        family : str or None
            One family; None: all.

        Returns
        -------
        Tally
        """
        found = ((width, name, tally) for width, own in self.tallies.items() for name, tally in own.items())
        return total_of(each for width, name, each in found if bits in (None, width) and family in (None, name))

    def first_wrong(self, family=None):
        """Return the smallest width with a mistake.

        Parameters
        ----------
        family : str or None
            One family; None: all.

        Returns
        -------
        int or None
            None if there is no mistake.
        """
        return next((bits for bits in self.tallies if self.total(bits, family).wrong), None)

    @property
    def exact(self):
        """Whether there was no mistake at any width."""
        return self.first_wrong() is None

    def rows(self):
        """Return one dict of plain values for each width and family.

        Returns
        -------
        list of dict
        """
        return [
            {
                "bits": bits,
                "family": family,
                "samples": tally.samples,
                "wrong": tally.wrong,
                "bits_asked": tally.bits,
                "bits_wrong": tally.wrong_bits,
                "exact_accuracy": tally.exact_accuracy,
                "bit_accuracy": tally.bit_accuracy,
                "margin": tally.margin,
            }
            for bits, families in self.tallies.items()
            for family, tally in families.items()
        ]

    def save(self, path):
        """Write task, time and rows as JSON, whole or not at all.

        Parameters
        ----------
        path : str or path
            The file.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        content = {"task": self.task.name, "trained_bits": self.task.bits, "seconds": self.seconds, "rows": self.rows()}
        write_atomically(path, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def widths(task, most):
    """Return 8, 16, 32, ... up to `most`, without those that are too narrow for the task."""
    found, bits = [], FIRST
    while bits <= most:
        try:
            found.append(task.at(bits).bits)
        except ValueError:  # as for sums of 300 numbers
            pass
        bits *= 2
    return found


def generalize(model, most=LAST, samples=64, seed=0, threads=None, progress=None) -> Generalization:
    """Test a model on its task at 8, 16, 32, ... bits.

    Steps are processed in pieces: memory does not grow with the width beyond the operands.

    Parameters
    ----------
    model : Model
        A network of a task.
    most : int
        The largest width.
    samples : int
        Random samples at each width, besides all hard cases of the task.
    seed : int
        The seed of the random samples.
    threads : int or None
        At most this many; None: all cores.
    progress : function or None
        progress(done, total), in bits, is called now and then.

    Returns
    -------
    Generalization

    Raises
    ------
    ValueError
        For a model without a task, or a `most` below the smallest width.
    """
    check_model("model", model)
    samples, seed = as_integer("samples", samples, 1), as_integer("seed", seed, 0, 2**63 - 1)
    most, threads = as_whole("most", most, 1), None if threads is None else as_integer("threads", threads, 1)
    if model.task is None:
        raise ValueError("generalize: this model was trained on arrays, so there is no task to test it on")
    tried = widths(model.task, most)
    if not tried:
        raise ValueError(f"most: got {most}, expected at least {FIRST}, and as many bits as the task needs")
    result, began = Generalization(model.task), time.perf_counter()
    for bits in tried:
        task = model.task.at(bits)
        batches = [*random_batches(task, samples, seed), *hard_batches(task)]
        count, before = sum(batch.samples for batch in batches), sum(result.tallies)

        def tell(done, bits=bits, count=count, before=before):
            progress(int(before + done / count * bits), sum(tried))

        result.tallies[bits] = tallies_of(model, task, batches, None, threads, progress and tell)
    result.seconds = time.perf_counter() - began
    return result
