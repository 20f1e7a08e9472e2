"""Checkpoints of long trainings: written during training, found by the same training after a crash, removed at its end.

One file, which is always whole, and locked by the process that writes it.
"""

import contextlib
import os
import threading
import time
import warnings

from fastrnn.errors import CheckpointError
from fastrnn.files import Replacement, check_regular, locked
from fastrnn.training.tasks.continuation import difference

# Seconds of training that a kill may cost, and the share of the time that saving may take: where writing is slow, it
# is done less often.
SECONDS, TIME_SHARE = 30.0, 0.01
# Before the first write its cost is guessed: a sync, and bytes per second.
SYNC_SECONDS, BYTES_A_SECOND = 0.05, 1e8


class Autosave:
    """A checkpoint file that belongs to one training; as a context manager, it releases the file at the end.

    note(text): called with one-line messages for the user; default: a warning. Raises OSError unless `path`
    is a regular file or free, ValueError if another process is writing it.
    """

    def __init__(self, path, note=warnings.warn):
        self.path, self.note = os.fspath(path), note
        check_regular(self.path)
        self._held, self._lost, self._failed, self._lock = None, False, False, threading.Lock()
        with contextlib.suppress(FileNotFoundError):
            self._held = locked(self.path)
            if self._held is None:
                raise ValueError(f"checkpoint: {self.path} is being written by another process; give another file")
        self.found = self._held is not None
        self.begun = self.saved = time.perf_counter()
        self.spent, self._cost = 0.0, None

    def due(self, size):
        """Return whether it is time to write about `size` bytes."""
        now = time.perf_counter()
        cost = SYNC_SECONDS + size / BYTES_A_SECOND if self._cost is None else self._cost
        return not self._lost and now - self.saved >= SECONDS and self.spent + cost <= TIME_SHARE * (now - self.begun)

    def write(self, content, began=None):
        """Replace the file by content(), bytes; a failure is reported once, and training continues without checkpoints.

        began: start of the work whose time counts as the cost of saving, by time.perf_counter.
        """
        # A thread may come too late, when another one has ended the training.
        with self._lock:
            if not self._lost:
                self._write(content, time.perf_counter() if began is None else began)
            if self._lost:  # closed meanwhile, by who may not have waited
                self._let_go()

    def _write(self, content, began):
        try:
            os.makedirs(os.path.dirname(self.path) or ".", exist_ok=True)
            # Another process may have made the file meanwhile: it keeps it.
            held = Replacement(self.path, content(), overwrite=self._held is not None)
        except FileExistsError:
            self._lost = True
            self.note(f"{self.path} is being written by another process; this training saves no checkpoint")
        except OSError as error:
            if not self._failed:
                why = error.strerror or error
                self.note(f"{self.path}: no checkpoint could be saved: {why}; training continues without one")
            self._failed = True
        else:
            self._let_go()
            self._held, self._failed = held, False
        self.saved = time.perf_counter()
        self._cost = self.saved - began
        self.spent += self._cost

    def remove(self):
        """Delete the file, if it exists and belongs to this training."""
        if self._held is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)
            self._let_go()

    def close(self):
        """Release the file; where Ctrl-C ends the waiting for a thread that writes it, that thread does."""
        self._lost = True
        with self._lock:
            self._let_go()

    def _let_go(self):
        if self._held is not None:
            self._held.close()
        self._held = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()


class TrainingAutosave(Autosave):
    """An Autosave of trainings of one identity: plain values that are equal where trainings end in the same bytes.

    kinds: the classes of the trained cell and task. state: of the file that was found, or None; `_loaded` returns its
    identity and its state. Raises ValueError, naming what differs, if the file is of another identity, CheckpointError
    if it is not a checkpoint.
    """

    def __init__(self, path, identity, note=warnings.warn, kinds=(None, None)):
        super().__init__(path, note)
        self.identity, self.kinds, self.state = identity, kinds, None
        try:
            if self.found:
                theirs, self.state = self._loaded()
                self._check_identity(theirs)
        except BaseException:
            self.close()
            raise

    def _loaded(self):
        raise NotImplementedError

    @contextlib.contextmanager
    def taking_up(self):
        """Raise CheckpointError where the block finds that the file's content is not of this training."""
        try:
            yield
        except (KeyError, ValueError, IndexError, TypeError) as error:
            raise CheckpointError(f"{self.path}: is damaged: {error}; delete it to start over") from error

    def _check_identity(self, theirs):
        if differing := difference(theirs, self.identity):
            raise ValueError(
                f"checkpoint: {self.path} belongs to another training: {differing}; give another file, or delete it"
            )
