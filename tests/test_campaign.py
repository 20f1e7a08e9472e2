"""A little of each experiment of `make test-campaign`."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent


@pytest.mark.parametrize(
    "experiment, count",
    [
        ("kills", 6),
        ("mutations", 200),
        ("forgeries", 8),
        # Forked children compile for 40 s of processor time where there is no cache: too long on a busy machine.
        pytest.param("callers", 3, marks=pytest.mark.slow),
    ],
)
def test_nothing_is_lost_falsely_accepted_or_hangs(experiment, count):
    # A process of its own, since it forks and this one has threads.
    command = [sys.executable, "-m", "campaign", experiment, "--count", str(count), "--seed", "1"]
    path = os.pathsep.join((str(TESTS), str(TESTS.parent)))
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0 and "FAULT" not in done.stdout, done.stdout + done.stderr
    counts = re.findall(rf"^{experiment}: .*?  +([\d,]+)  ", done.stdout, re.MULTILINE)
    assert sum(int(each.replace(",", "")) for each in counts) == count, done.stdout + done.stderr
