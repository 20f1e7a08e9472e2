"""Ctrl-C as a request: training ends after the present call of the kernels, with everything consistent."""

import contextlib
import signal
import threading


@contextlib.contextmanager
def deferred_interrupt():
    """Yields a function that says whether Ctrl-C was pressed; a second Ctrl-C acts at once.

    Outside the main thread, where Python delivers no signals, nothing changes.
    """
    pressed = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = signal.getsignal(signal.SIGINT)

    def note(number, frame):
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)

    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)
