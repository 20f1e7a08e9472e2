"""Trials in forked children of one process that has fastrnn loaded and does nothing else.

A child starts within a millisecond, so that a kill hits work and not imports; a crash or a hang ends nothing but its
own trial. Many trials run at once, each a generator that yields Children and is sent their ends.
"""

import contextlib
import os
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

# Seconds after which a child counts as hanging, at four or more children a core.
LIMIT = 120.0


class Fault(Exception):
    """What must not happen; the message is one line."""


@dataclass
class Child:
    """What to run: work() in `folder`, which returns the exit status; or, as a list, a program.

    After `delay` seconds of work it gets `signal`.
    """

    work: object
    folder: Path
    signal: int | None = None
    delay: float = 0.0
    limit: float = LIMIT


@dataclass
class Ended:
    """How a child ended: its exit status, negative for the signal that ended it; what it printed; seconds."""

    status: int
    out: str
    err: str
    seconds: float


class _Running:
    def __init__(self, trial, child):
        self.trial, self.child = trial, child
        self.ready, self.pid = _forked(child)
        self.started = time.monotonic()
        self.sent = child.signal is None
        self.working = None

    def poll(self):
        """The Ended once it is over, else None; sends its signal when it is time to."""
        now = time.monotonic()
        if self.working is None and (self.child.signal == signal.SIGKILL or _written(self.ready)):
            self.working = now
        if not self.sent and self.working is not None and now - self.working >= self.child.delay:
            os.kill(self.pid, self.child.signal)
            self.sent = True
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if not pid:
            if now - self.started > self.child.limit:
                self.end()
                raise Fault(f"hangs: not over after {self.child.limit:.0f} s: {_last(_read(self.child.folder, 'err'))}")
            return None
        os.close(self.ready)
        return Ended(
            os.waitstatus_to_exitcode(status),
            _read(self.child.folder, "out"),
            _read(self.child.folder, "err"),
            now - self.started,
        )

    def end(self):
        """Kill the child, whatever it does, and what it has started."""
        os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.ready)


def run(trials, together):
    """Yield (key, outcome or Fault) of (key, generator) pairs, some at a time, in the order of their ends."""
    trials, running = iter(trials), []
    try:
        while True:
            while len(running) < together and (following := next(trials, None)) is not None:
                yield from _advance(following, None, running)
            if not running:
                return
            time.sleep(0.001)
            for each in [*running]:
                try:
                    ended = each.poll()
                except Fault as fault:
                    ended = fault
                if ended is not None:
                    running.remove(each)
                    yield from _advance(each.trial, ended, running)
    finally:
        for each in running:
            each.end()


def _advance(trial, ended, running):
    key, generator = trial
    try:
        child = generator.throw(ended) if isinstance(ended, Fault) else generator.send(ended)
        running.append(_Running(trial, child))
    except StopIteration as over:
        yield key, over.value
    except Fault as fault:
        yield key, fault
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        yield key, Fault(f"{type(error).__name__}: {error} (in the campaign itself: {where})")


def _forked(child):
    """(a descriptor that can be read once the child works, its process)"""
    sys.stdout.flush()
    sys.stderr.flush()
    ready, tell = os.pipe()
    os.set_blocking(ready, False)
    pid = os.fork()
    if pid:
        os.close(tell)
        return ready, pid
    status = 70
    try:
        os.setpgid(0, 0)
        # As in a shell's foreground, whatever the campaign itself runs in.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for number, name in ((1, "out"), (2, "err")):
            file = os.open(_beside(child.folder, name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
            os.dup2(file, number)
        os.chdir(child.folder)
        os.write(tell, b".")
        if isinstance(child.work, list):
            os.execv(child.work[0], child.work)
        status = child.work() or 0
    except KeyboardInterrupt:
        status = 130
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 0
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
        os._exit(status)


def _written(descriptor):
    try:
        return bool(os.read(descriptor, 1))
    except BlockingIOError:
        return False


def _beside(folder, name):
    # Outside the folder, in which a trial looks at every file.
    return f"{folder}.{name}"


def _read(folder, name):
    with contextlib.suppress(FileNotFoundError), open(_beside(folder, name), errors="replace") as file:
        return file.read(100_000)
    return ""


def _last(text):
    return repr(text.strip().rpartition("\n")[2][-200:])


def check_words(ended):
    """Raise Fault for a traceback, or an end by a signal that nobody sent."""
    if "Traceback" in ended.err or "Traceback" in ended.out:
        raise Fault(f"traceback: {_last(ended.err)}")
    if ended.status in (-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT, -signal.SIGILL, -signal.SIGFPE):
        raise Fault(f"ended by {signal.Signals(-ended.status).name}; its last words: {_last(ended.err)}")


def in_turn(kinds, base, seed, first, count, trial):
    """Yield ((number, kind), trial(seed, number, kind, folder)) of trials in folders of their own; kinds take turns."""
    names = list(kinds)
    for number in range(first, first + count):
        folder = base.with_name(f"{base.name}-{seed}-{number}")
        folder.mkdir()
        name = names[number % len(names)]
        yield (number, name), trial(seed, number, name, folder)
