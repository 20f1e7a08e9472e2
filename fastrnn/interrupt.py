"""Ctrl-C and SIGTERM as a request to stop: training ends soon, in a consistent state."""

import _thread
import contextlib
import signal
import sys
import threading
import time

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):
    """Work was left unfinished because training was asked to stop."""


class Interrupt:
    """Whether training was asked to stop; compiled code reads it in `flag` (1), int64, within one block of samples.

    repeated: whether Ctrl-C or SIGTERM came again, so that nothing is to be waited for.
    """

    def __init__(self):
        import numpy as np  # `fastrnn --help` does not wait for it

        self.flag, self.repeated = np.zeros(1, np.int64), False

    def __call__(self):
        return self.flag[0] != 0

    def set(self):
        """Request a stop."""
        self.flag[0] = 1

    @contextlib.contextmanager
    def set_by_errors(self):
        """Request a stop where the block raises, so that other threads, which share its work, end, too."""
        try:
            yield
        except BaseException:
            self.set()
            raise

    def check(self, *_):
        """Raise Interrupted if a stop was requested; arguments are ignored, so that this can serve as `progress`."""
        if self():
            raise Interrupted


class _Note:
    """Handles signals in a block: the first one sets its Interrupt, and those of the blocks around it; the next, or a
    prompt one, raises KeyboardInterrupt."""

    def __init__(self, interrupt, prompt=False):
        self.prompt = prompt
        handlers = map(signal.getsignal, SIGNALS) if _is_main() else ()
        self.interrupt, self.outer = interrupt, next((each for each in handlers if isinstance(each, _Note)), None)

    def inherit(self):
        """Set the Interrupt if that of the block around it is."""
        if self.outer and self.outer.interrupt():
            self.interrupt.set()

    def __call__(self, number, frame):
        again, note = bool(self.interrupt()), self
        while note:
            note.interrupt.set()
            note.interrupt.repeated |= again
            note = note.outer
        if again or self.prompt:
            raise KeyboardInterrupt


@contextlib.contextmanager
def deferred_interrupt():
    """Yield an Interrupt, which Ctrl-C or SIGTERM sets; a second one raises KeyboardInterrupt at once.

    Within another such block the Interrupt is set if that of the other one is, and a signal sets both: what comes too
    late for the inner one is not lost. A signal that is ignored stays ignored. Outside the main thread, where Python
    delivers no signals, nothing changes.
    """
    note = _Note(Interrupt())
    with _handled(note, SIGNALS):
        # Not before: a signal until now was the other one's.
        note.inherit()
        yield note.interrupt


@contextlib.contextmanager
def checked_interrupt():
    """As `deferred_interrupt`; the end of the block raises KeyboardInterrupt if the Interrupt was set, or if its
    `check` has raised Interrupted.

    For code that waits for threads: Python's conditions, and all that is made of them (events, semaphores, futures,
    executors, the start of a thread), stay locked for ever where a KeyboardInterrupt comes as they are locked or
    unlocked, and whoever needs them next never ends.
    """
    try:
        with deferred_interrupt() as interrupt:
            yield interrupt
        interrupt.check()
    except Interrupted:
        raise KeyboardInterrupt from None


@contextlib.contextmanager
def prompt_interrupt():
    """Let the first Ctrl-C or SIGTERM raise KeyboardInterrupt at once, within blocks that defer it, too.

    For what takes seconds and leaves nothing to be saved, such as compiling.
    """
    note = _Note(Interrupt(), prompt=True)
    with _handled(note, SIGNALS) if note.outer else contextlib.nullcontext():
        yield


@contextlib.contextmanager
def postponed():
    """Postpone Ctrl-C and SIGTERM to the end of the block, however often they come.

    For short code of others that an exception would leave half done, with its locks locked for ever.
    """
    if _postponing or not _is_main():
        yield
        return
    noted = []

    def note(number, frame):
        noted.append(number)

    try:
        _postponing.append(note)
        with _handled(note, SIGNALS):
            yield
    finally:
        _postponing.clear()
        for number in noted:
            signal.raise_signal(number)


# What notes signals now, if anything.
_postponing = []


@contextlib.contextmanager
def raised_interrupt(noted):
    """Let SIGTERM raise KeyboardInterrupt within the block, as Ctrl-C does, unless the caller has set another handler.

    noted: a list, to which both append before they raise: imports of others may turn a KeyboardInterrupt into an
    ImportError, and leave objects half made.
    """
    def raise_it(number, frame):
        noted.append(number)
        raise KeyboardInterrupt

    plain = {signal.SIGTERM: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
    with _handled(raise_it, [number for number, handler in plain.items() if signal.getsignal(number) is handler]):
        yield


# Until a finalizer has ended; if it has not, the interrupt comes once more.
FINALIZER_SECONDS = 0.01


@contextlib.contextmanager
def repeated_interrupt(noted):
    """Let Ctrl-C come again within the block where a finalizer was running, of which Python raises nothing.

    noted: of `raised_interrupt`: after Ctrl-C, finalizers of objects that it left half made miss attributes, which is
    not said.
    """
    before = sys.unraisablehook

    def again(unraisable):
        if noted and issubclass(unraisable.exc_type, AttributeError):
            return
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            return before(unraisable)
        # From another thread: here it would be raised at once, inside of the finalizer.
        try:
            _thread.start_new_thread(_interrupt_later, ())
        except KeyboardInterrupt:  # another one, perhaps before the thread was there
            _thread.start_new_thread(_interrupt_later, ())

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = before


def _interrupt_later():
    time.sleep(FINALIZER_SECONDS)
    _interrupt_main()


def _interrupt_main():
    if not callable(signal.getsignal(signal.SIGINT)):
        return
    if hasattr(signal, "pthread_kill"):
        # Unlike interrupt_main it ends waiting for a lock, too.
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    else:
        _thread.interrupt_main()


@contextlib.contextmanager
def _handled(handler, signals):
    """Send the signals to `handler` within the block, except those that are ignored or not handled by Python."""
    before = {}
    if _is_main():
        before = {number: signal.getsignal(number) for number in signals}
        before = {number: old for number, old in before.items() if old not in (signal.SIG_IGN, None)}
    try:
        for number in before:
            signal.signal(number, handler)
        yield
    finally:
        try:
            for number, old in before.items():
                signal.signal(number, old)
        except BaseException:
            # The first one raised, and the second one would go to this handler for ever.
            for number, old in before.items():
                signal.signal(number, old)
            raise


def _is_main():
    return threading.current_thread() is threading.main_thread()
