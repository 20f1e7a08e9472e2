"""The number of cores that this process may use: those it is bound to, limited by the quotas of its control groups."""

import functools
import math
import os
from pathlib import Path, PurePosixPath

from fastrnn.errors import SettingError


def cores():
    """Return the number of cores that this process may use, at least one, and at most NUMBA_NUM_THREADS where that is
    set.

    A quota of 2.5 cores counts as 2: a third thread would be stopped half of the time, and the others wait for it.
    Raises SettingError for a NUMBA_NUM_THREADS that is no positive integer.
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(count, int(min(_quota(), count)), threads_setting() or count))


def threads_setting():
    """Return NUMBA_NUM_THREADS, or None where it is not set. Raises SettingError unless it is a positive integer."""
    text = os.environ.get("NUMBA_NUM_THREADS", "")
    if not text:
        return None
    try:
        if int(text) > 0:
            return int(text)
    except ValueError:
        pass
    raise SettingError(
        f"NUMBA_NUM_THREADS: got {text[:40]!r}, expected a positive integer; correct it, or unset it to use all cores"
    )


@functools.cache
def _quota():
    return quota("/")


def quota(root):
    """Return how many cores' worth of time the control groups of this process allow; infinity without a limit.

    root: the folder that holds proc/self/cgroup and sys/fs/cgroup. Of version 1 and 2 alike, every group from the
    process's own to the outermost that can be seen may set a limit, and the least one holds (Linux, Documentation/
    admin-guide/cgroup-v2.rst, "cpu.max", and Documentation/scheduler/sched-bwc.rst).
    """
    root, found = Path(root), math.inf
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = (line.split(":", 2) + ["", ""])[:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        # In a container the path may be the one outside; what the container sees of it begins at the root.
        own = PurePosixPath("/", path)
        for folder in (controllers, "cpu") if controllers else ("", "unified"):
            for group in (own, *own.parents):
                place = root / "sys/fs/cgroup" / folder / str(group).lstrip("/")
                limit = (
                    _text(place / "cpu.cfs_quota_us").split() + _text(place / "cpu.cfs_period_us").split()
                    if controllers
                    else _text(place / "cpu.max").split()
                )
                if len(limit) == 2 and all(number.isdecimal() for number in limit) and int(limit[1]) > 0:
                    found = min(found, int(limit[0]) / int(limit[1]))
    return found


def _text(path):
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
