"""Runs one kernel on several threads at once; all of them are guaranteed to run.

Every call has workers of its own, taken from those that are idle or started for it. So calls from any number of
threads, from callbacks, from workers themselves and in a forked child never wait for each other.
"""

import collections
import os
import queue
import threading

from fastrnn.cores import cores

# A caller that waits looks after its own affairs about so often; among them are signals, of which one that comes just
# before Python waits for a lock does not end the waiting.
TEND_SECONDS = 0.05

# Inboxes of idle workers; threads that run a share of a call now.
_idle, _running, _lock = collections.deque(), 0, threading.Lock()


def on_threads(most, work, tend=None):
    """Return [work(0, n), ..., work(n - 1, n)], all running at the same time, for some n of at most `most`.

    n is the number of cores that no other call works on, at least 1: what `work` computes must not depend on it. A
    single share runs in the caller, unless there is a `tend`; else all of them run on workers, and the caller waits,
    so that Ctrl-C reaches it, and calls tend() some twenty times per second.
    What a share raises is raised here, and so is what `tend` raises (which must see to it that `work` ends), both as
    soon as all shares have ended. A KeyboardInterrupt is raised at once.
    """
    if most == 1 and tend is None:
        return [work(0, 1)]
    call, leader = _Call(most, work, cores()), _worker()
    if leader is None:
        return [work(0, 1)]
    leader.put(call.lead)
    while not call.ended():
        try:
            if tend:
                tend()
        except BaseException:
            while not call.ended():
                pass
            raise
    if call.error is not None:
        raise call.error
    return call.results


def with_helpers(most, work):
    """Return [work(0, n), ..., work(n - 1, n)], all running at the same time, for some n of at most `most`.

    The caller is itself a share of a call of `on_threads`, and runs work(0, n); n - 1 is at most the number of cores
    that no call works on.
    """
    call = _Call(most, work, cores())
    call.lead()
    if call.error is not None:
        raise call.error
    return call.results


class _Call:
    """One call of `on_threads`, led by its first worker, so that no signal interrupts a worker; or of `with_helpers`.
    """

    def __init__(self, most, work, cores):
        self.most, self.work, self.cores, self.error = most, work, cores, None
        self._shares, self._done = queue.SimpleQueue(), queue.SimpleQueue()

    def ended(self):
        """Wait for the end, at most TEND_SECONDS; return whether it has come."""
        try:
            self._done.get(timeout=TEND_SECONDS)
        except queue.Empty:
            return False
        return True

    def lead(self, inbox=None):
        """Run all shares, the first one here; inbox: that of the worker that leads, None for one that works already."""
        global _running
        with _lock:
            free = self.cores - _running - (inbox is not None)
            granted = max(0, min(self.most - 1, free))
            _running += granted + (inbox is not None)
        others = []
        while len(others) < granted and (other := _worker()):
            others.append(other)
        threads = 1 + len(others)
        self.results = [None] * threads
        for i, other in enumerate(others, 1):
            other.put(lambda _, i=i: self._share(i, threads))
        self._share(0, threads)
        for _ in range(threads):
            self._shares.get()
        # Idle before the caller knows of the end, who may call again at once.
        with _lock:
            _running -= granted + (inbox is not None)
            for each in others if inbox is None else (inbox, *others):
                each.put(None) if len(_idle) >= self.cores else _idle.append(each)
        self._done.put(None)

    def _share(self, i, threads):
        try:
            self.results[i] = self.work(i, threads)
        except BaseException as error:
            self.error = self.error or error
        self._shares.put(None)


def _worker():
    """Return the inbox of an idle worker, or None where the system starts no more threads."""
    try:
        return _idle.pop()
    except IndexError:
        inbox = queue.SimpleQueue()
    try:
        threading.Thread(target=_serve, args=(inbox,), name="fastrnn", daemon=True).start()
    except RuntimeError:
        return None
    return inbox


def _serve(inbox):
    while job := inbox.get():
        job(inbox)
        # What it holds is not kept while this thread is idle.
        job = None


def _forget():
    """Forget all workers in a forked child, which has none of the threads."""
    global _running, _lock
    _idle.clear()
    _running, _lock = 0, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
