"""How many cores a process may use: affinity, quotas of control groups of both versions, and NUMBA_NUM_THREADS."""

import math
import os
import subprocess
import sys

import pytest

import fastrnn
from fastrnn import cores
from fastrnn.cli import main
from fastrnn.errors import SettingError

INFINITE = math.inf

# {file under the root: text}, cores' worth of time.
GROUPS = {
    "no groups at all": ({}, INFINITE),
    "version 2, in a container": ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5),
    "version 2, no limit": ({"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/cpu.max": "max 100000\n"}, INFINITE),
    "version 2, the outer group's limit is the smaller": (
        {
            "proc/self/cgroup": "0::/a/b\n",
            "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
            "sys/fs/cgroup/a/cpu.max": "50000 100000\n",
        },
        0.5,
    ),
    "version 2, the inner group's limit is the smaller": (
        {
            "proc/self/cgroup": "0::/a/b\n",
            "sys/fs/cgroup/a/b/cpu.max": "200000 50000\n",
            "sys/fs/cgroup/a/cpu.max": "800000 100000\n",
        },
        4,
    ),
    "version 1": (
        {
            "proc/self/cgroup": "5:memory:/a\n4:cpu,cpuacct:/a\n",
            "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "300000\n",
            "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
        },
        3,
    ),
    "version 1, no limit": (
        {
            "proc/self/cgroup": "4:cpu:/\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
        INFINITE,
    ),
    "version 1, in a container that sees another path": (
        {
            "proc/self/cgroup": "4:cpuacct,cpu:/docker/0123\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "100000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
        1,
    ),
    "both versions": (
        {
            "proc/self/cgroup": "4:cpu:/a\n0::/a\n",
            "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "400000\n",
            "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/unified/a/cpu.max": "max 100000\n",
        },
        4,
    ),
    "other controllers": (
        {
            "proc/self/cgroup": "4:cpuset:/a\n",
            "sys/fs/cgroup/cpuset/a/cpu.cfs_quota_us": "1\n",
            "sys/fs/cgroup/cpuset/a/cpu.cfs_period_us": "100000\n",
        },
        INFINITE,
    ),
    "nonsense": ({"proc/self/cgroup": "0::/\nwhat\n\n", "sys/fs/cgroup/cpu.max": "² 0 7\n"}, INFINITE),
    "a period of nothing": ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "1000 0\n"}, INFINITE),
}


@pytest.mark.parametrize("case", GROUPS)
def test_quotas(tmp_path, case):
    files, expected = GROUPS[case]
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert cores.quota(tmp_path) == expected


@pytest.mark.parametrize(
    "quota, setting, expected",
    [
        (INFINITE, None, 8),
        (2.5, None, 2),
        (0.5, None, 1),
        (100, None, 8),
        (INFINITE, "3", 3),
        (INFINITE, "100000", 8),
        (2, "3", 2),
    ],
)
def test_the_least_limit_holds(many_cores, monkeypatch, quota, setting, expected):
    monkeypatch.setattr(cores, "_quota", lambda: quota)
    if setting:
        monkeypatch.setenv("NUMBA_NUM_THREADS", setting)
    assert cores.cores() == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no process to cores")
def test_one_core_is_one_thread():
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert cores.cores() == 1
    finally:
        os.sched_setaffinity(0, before)


WRONG = ["0", "-1", "²", "many", "3.5", "1" * 5000]


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_setting_is_one_line(monkeypatch, capsys, text):
    monkeypatch.setenv("NUMBA_NUM_THREADS", text)
    expected = (
        f"NUMBA_NUM_THREADS: got {text[:40]!r}, expected a positive integer; correct it, or unset it to use all cores"
    )
    assert main(["tasks"]) == 2
    assert capsys.readouterr().err == f"fastrnn: {expected}\n"
    with pytest.raises(SettingError) as error:
        fastrnn.__getattr__("verify")
    assert str(error.value) == expected


def test_a_wrong_setting_is_found_before_anything_is_trained():
    code = "import fastrnn\ntry:\n    fastrnn.train\nexcept Exception as error:\n    print(error)"
    environment = {
        **os.environ,
        "NUMBA_NUM_THREADS": "0",
        "PYTHONPATH": os.path.dirname(os.path.dirname(fastrnn.__file__)),
    }
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout.startswith("NUMBA_NUM_THREADS: got '0', expected") and not done.stderr
