"""Run one nogil kernel on several threads at once, each certain to run."""

import functools
import os
from concurrent.futures import ThreadPoolExecutor


def default_threads():
    """Cores this process may use, or NUMBA_NUM_THREADS if that is set."""
    wanted = os.environ.get("NUMBA_NUM_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@functools.cache
def _pool(threads):
    return ThreadPoolExecutor(threads, thread_name_prefix="fastrnn")


def on_threads(threads, work):
    """[work(0), ..., work(threads - 1)], all running at the same time; one thread runs in the caller."""
    if threads == 1:
        return [work(0)]
    return list(_pool(threads).map(work, range(threads)))
