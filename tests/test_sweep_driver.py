"""The driver of sweeps and fits between interrupts: nothing that an executor waits for stays locked."""

import signal
import threading
from concurrent.futures import Future
from types import SimpleNamespace

import pytest

from fastrnn.sweeps.driver import Driver


def test_ctrl_c_between_the_locks_of_two_futures_leaves_none_locked(ctrl_c):
    futures, pressed = [], []

    def submit(unit):
        future = Future()
        acquire = future._condition.acquire

        def pressing(*arguments):
            got = acquire(*arguments)
            if len(futures) == 3 and not pressed:
                pressed.append(unit)
                signal.raise_signal(signal.SIGINT)
            return got

        future._condition.acquire = pressing
        futures.append(future)
        return future

    results = SimpleNamespace(done=0, missing=lambda point: [(0, 3)])
    workers = SimpleNamespace(together=3, submit=submit, executor=None)
    with pytest.raises(KeyboardInterrupt):
        Driver(results, workers, lambda *work: work, None, unit=1).complete([0])
    free = []
    thread = threading.Thread(target=lambda: free.extend(each._condition._lock.acquire(False) for each in futures))
    thread.start()
    thread.join()
    assert pressed and free == [True] * 3
