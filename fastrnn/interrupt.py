"""Ctrl-C and SIGTERM as a request to stop: training ends soon, in a consistent state."""

import _thread
import contextlib
import signal
import sys
import threading

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):
    """Work was left unfinished because training was asked to stop."""


class Interrupt:
    """Whether training was asked to stop; compiled code reads it in `flag` (1), int64, within one block of samples."""

    def __init__(self):
        import numpy as np  # `fastrnn --help` does not wait for it

        self.flag = np.zeros(1, np.int64)

    def __call__(self):
        return self.flag[0] != 0

    def set(self):
        """Request a stop."""
        self.flag[0] = 1

    def check(self, *_):
        """Raise Interrupted if a stop was requested; arguments are ignored, so that this can serve as `progress`."""
        if self():
            raise Interrupted


@contextlib.contextmanager
def deferred_interrupt():
    """Yield an Interrupt, which Ctrl-C or SIGTERM sets; a second one raises KeyboardInterrupt at once.

    A signal that is ignored stays ignored. Outside the main thread, where Python delivers no signals, nothing changes.
    """
    interrupt = Interrupt()

    def note(number, frame):
        if interrupt():
            raise KeyboardInterrupt
        interrupt.set()

    with _handled(note, SIGNALS):
        yield interrupt


@contextlib.contextmanager
def postponed():
    """Postpone Ctrl-C and SIGTERM to the end of the block; a second one acts at once.

    For code of others that an exception would leave half done.
    """
    if _postponing or threading.current_thread() is not threading.main_thread():
        yield
        return
    noted = []

    def note(number, frame):
        if noted:
            raise KeyboardInterrupt
        noted.append(number)

    _postponing.append(note)
    try:
        with _handled(note, SIGNALS):
            yield
    finally:
        _postponing.clear()
        if noted:
            signal.raise_signal(noted[0])


# What notes signals now, if anything.
_postponing = []


@contextlib.contextmanager
def raised_interrupt(noted=None):
    """Let SIGTERM raise KeyboardInterrupt within the block, as Ctrl-C does, unless the caller has set another handler.

    noted: a list, to which both append before they raise, or None: imports of others may turn a KeyboardInterrupt into
    an ImportError, and leave objects half made.
    """
    noted = [] if noted is None else noted

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
        timer = threading.Timer(FINALIZER_SECONDS, _interrupt_main)
        timer.daemon = True
        timer.start()

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = before


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
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in signals}
        before = {number: old for number, old in before.items() if old not in (signal.SIG_IGN, None)}
    try:
        for number in before:
            signal.signal(number, handler)
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
