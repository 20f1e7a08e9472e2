"""Progress on standard error: bars, and a notice that kernels are being compiled."""

import contextlib
import shutil
import sys
import time

from fastrnn.progress import on_compiling


class Bar:
    """A progress bar that appears `delay` seconds after the first call, on a terminal only; call it with the progress
    so far.

    Used as a context manager, it leaves no trace on the screen.
    """

    def __init__(self, total, delay, enabled=True):
        self.total, self.delay = total, delay
        self.enabled = enabled and sys.stderr.isatty()
        self.bar = self.started = None

    def __call__(self, done, note="", total=None):
        if not self.enabled:
            return
        if self.bar is None:
            self.started = self.started or time.time()
            if time.time() - self.started < self.delay:
                return
            # Most runs end sooner and need not wait for this import.
            from tqdm import tqdm

            # It is called often; a thread that looks whether it is would only be one more that has to end.
            tqdm.monitor_interval = 0
            # Both sizes, as tqdm shows nothing on a terminal that does not know its own.
            columns = min(80, shutil.get_terminal_size().columns)
            self.bar = tqdm(
                total=total or self.total,
                initial=done,
                unit="",
                # 3/6 rather than 3.00/6.00 where numbers are short.
                unit_scale=(total or self.total) > 999,
                leave=False,
                ncols=columns - 1,
                nrows=2,
                file=sys.stderr,
                postfix=note,
            )
            # The clock next to it shows the time since the work began, not since the bar was shown.
            self.bar.start_t = self.started
        self.bar.total = total or self.bar.total
        self.bar.set_postfix_str(note, refresh=False)
        # Not by differences, whose sum would show rounding errors of shares.
        self.bar.n = done
        self.bar.update(0)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self.bar is not None:
            self.bar.close()


@contextlib.contextmanager
def compiling_noted(enabled=True):
    """Print a notice, once and on a terminal, if a kernel is compiled in the body because the disk cache lacks it.
    """

    def say():
        if enabled and sys.stderr.isatty():
            print("compiling kernels (about 2 s, once for this kind of network)", file=sys.stderr, flush=True)

    with on_compiling(say):
        yield
