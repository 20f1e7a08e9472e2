"""The lock that a thread holds while it compiles; a fork leaves it free in the child."""

import contextlib
import gc
import os
import threading

from llvmlite.binding import ffi

from fastrnn.interrupt import postponed

_LOCK = threading.RLock()
# A child of a fork that another thread's compilation was in the middle of would wait for these for ever.
_LOCKS = _LOCK, ffi.lib._lock._lock


@contextlib.contextmanager
def compiler_lock():
    """Let no other thread compile, and no signal come meanwhile: of what an exception leaves half made LLVM complains
    on the error stream.

    Cyclic garbage is not looked for, which would take a twentieth of the time.
    """
    with postponed(), _LOCK:
        enabled = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if enabled:
                gc.enable()


# Of a fork that has not ended: the block in which signals are postponed.
_POSTPONING = []


def _hold():
    block = postponed()
    block.__enter__()
    for lock in _LOCKS:
        lock.acquire()
    _POSTPONING.append(block)


def _release():
    # An exception that came before the block has left nothing to be released.
    if _POSTPONING:
        block = _POSTPONING.pop()
        for lock in reversed(_LOCKS):
            lock.release()
        block.__exit__(None, None, None)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_release)
