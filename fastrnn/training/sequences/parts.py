"""Divides one call of `fit_sequences` into parts, which any executor fits, on this machine or others, to the same
bytes."""

import glob
import os
import re
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import NamedTuple

import numpy as np

from fastrnn.checkpoint import code_version
from fastrnn.errors import CheckpointError
from fastrnn.interrupt import checked_interrupt
from fastrnn.simd.host import arithmetic
from fastrnn.sweeps.driver import Driver
from fastrnn.sweeps.unit import Done, Stopped
from fastrnn.sweeps.workers import Workers
from fastrnn.training.sequences.fits import Fits
from fastrnn.training.sequences.saved import ARRAYS, TUPLES, head_kind


class Where(NamedTuple):
    """Where to fit: on threads of this process; or by an executor, or a function that makes one, which gets `workers`
    parts at once, of `unit` models each (None: parts of some seconds)."""

    threads: int | None = None
    executor: object = None
    workers: int | None = None
    unit: int | None = None


class FitPart(NamedTuple):
    """Models first, first + 1, ..., last - 1 of a call, partial(fit_sequences, cell, data, **options)."""

    call: partial
    first: int
    last: int

    def __str__(self):
        return f"models {self.first} to {self.last - 1}"


def run_part(part, stopped=None):
    """Fit the models of a FitPart, on one thread, and return the Done, whose rows are their Fits.

    stopped(), asked now and then, says whether to give up. Raises Stopped then, or when Ctrl-C reached this process.
    """

    def progress(*state):
        if stopped is not None and stopped():
            raise Stopped

    fits = part.call(only=range(part.first, part.last), threads=1, progress=progress)
    if "interrupted" in fits.stopped:
        raise Stopped
    return Done(fits, fits.seconds, code_version(), arithmetic())


class Parts:
    """The Fits of a call so far, as the Results and the journal of a Driver; `points`: a range of models of each size.

    stem: how the files of parts begin, one a part, or None to keep them in memory alone; their names hold the digest of
    the call, so that they are those of the same call. least: the lowest loss so far.
    """

    def __init__(self, call, stem):
        self.call, self.stem, self.found, self.done, self.least = call, stem, {}, 0, np.inf
        self.cell, self.data = call.args
        seeds = call.keywords["seeds"]
        sizes = np.broadcast_to(call.keywords.get("hidden_size", self.cell.hidden_size), len(seeds))
        borders = [0, *(np.flatnonzero(np.diff(sizes)) + 1).tolist(), len(seeds)]
        self.points = list(zip(borders[:-1], borders[1:]))
        for path in self._files() if stem else ():
            self._take_up(path)

    def _files(self):
        return sorted(glob.glob(f"{glob.escape(self.stem)}.part-*.safetensors"))

    def _take_up(self, path):
        """Add the Fits of a file; models of a damaged file, or of two files, are fitted again."""
        first = re.search(r"\.part-(\d+)\.safetensors$", path)
        try:
            fits = Fits.load(path, type(self.cell), head_kind(self.call.keywords.get("head")))
        except CheckpointError:
            return
        first = first and int(first[1])
        if first is not None and all(
            first + len(fits) <= begun or begun + len(others) <= first for begun, others in self.found.items()
        ):
            self.add(None, first, fits)

    def add(self, point, first, fits):
        """Add the Fits of a part."""
        self.found[first] = fits
        self.done += len(fits)
        self.least = min(self.least, float(fits.selection_loss.min()))

    def append(self, point, first, fits):
        """Write the Fits of a part to its file; once this returns, they survive a crash."""
        fits.save(f"{self.stem}.part-{first}.safetensors", overwrite=True)

    def missing(self, point):
        """Return [(first, last)]: ranges of missing models of a point; last is exclusive."""
        (begin, end), runs = self.points[point], []
        for first, fits in [*sorted(self.found.items(), key=lambda item: item[0]), (end, ())]:
            if begin < min(first, end):
                runs.append((begin, min(first, end)))
            begin = max(begin, first + len(fits))
        return runs

    def whole(self):
        """Return the Fits of all models."""
        fits = [self.found[first] for first in sorted(self.found)]
        arrays = {name: np.concatenate([getattr(each, name) for each in fits]) for name in ARRAYS}
        tuples = {name: tuple(chain.from_iterable(getattr(each, name) for each in fits)) for name in TUPLES}
        columns = {
            name: {key: np.concatenate([getattr(each, name)[key] for each in fits]) for key in getattr(fits[0], name)}
            for name in ("options", "groups")
        }
        recipes = {size: recipe for each in fits for size, recipe in each._recipes.items()}
        seconds = sum(each.seconds for each in fits)
        return replace(
            fits[0], cell=self.cell, data_name=self.data.name, seconds=seconds, _recipes=recipes,
            **arrays, **tuples, **columns,
        )

    def remove(self):
        """Delete the files, whose content is now in the file of all models."""
        for path in self._files():
            os.unlink(path)


def fit_in_parts(call, where, stem=None, progress=None):
    """Return (Fits, Parts) of a call, as in FitPart, by the executor of a Where; stem: the beginning of the names of
    part files, or None.

    progress(done, models, loss): as that of `fit_sequences`. After an interruption the same call with the same
    stem continues, by any executor. Raises KeyboardInterrupt after Ctrl-C, UnitFailed if a part failed again and again,
    OSError if a file cannot be written.
    """
    with checked_interrupt() as interrupt, ExitStack() as stack:
        parts = Parts(call, stem)
        # Compile all kernels, or load them from the disk cache, once, before other processes need them.
        if first := [runs[0][0] for point in range(len(parts.points)) if (runs := parts.missing(point))]:
            call(only=first, threads=1, patience=None, stop_after=0)
            interrupt.check()
        pool = Workers(where.executor, run_part)
        stack.callback(lambda: pool.close(wait=not interrupt.repeated))
        reported = progress and (lambda done, total, note: progress(done, total, parts.least))
        driver = Driver(
            parts, pool, lambda point, first, last: FitPart(call, first, last), lambda part, fits: "",
            journal=parts if stem else None, together=where.workers, unit=where.unit, progress=reported,
        )
        driver.complete(range(len(parts.points)))
        return parts.whole(), parts
