"""Programs as machine code: compiled once, by one thread at a time."""

import gc
import multiprocessing
import os
import signal
import threading
import time

import numpy as np
import pytest
from llvmlite.binding import ffi

from fastrnn.machine.code_files import CodeFiles
from fastrnn.machine.execute import Program
from fastrnn.machine.lock import _LOCK, compiler_lock
from fastrnn.machine.native import Native, native, optimised

# The test fails instead of hanging.
LONG = 30


def add_one(m):
    """Adds 1 to a number of the frame."""
    m.set_word("number", m.word("number") + 1)


def program(text):
    return Program(add_one, ("number",), "float64", 4, text)


def answer(made):
    frame = np.array([41])
    made.run(frame)
    return frame[0]


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """The compiler of this process with empty files."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(native(), "files", CodeFiles())
    return native()


def test_a_program_is_compiled_once(compiler):
    before = compiler.misses, compiler.hits
    assert answer(program("once")) == answer(program("once")) == 42
    assert (compiler.misses, compiler.hits) == (before[0] + 1, before[1])


def test_threads_that_ask_at_once_get_one_code(compiler):
    before, answers = compiler.misses, []
    threads = [threading.Thread(target=lambda: answers.append(answer(program("threads")))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [42] * 8 and compiler.misses == before + 1


def test_another_kernel_text_or_dtype_is_another_code(compiler):
    made = program("a"), program("b"), Program(add_one, ("number",), "float32", 8, "a")
    assert len({each.digest for each in made}) == 3
    assert len({compiler.code(each).address for each in made}) == 3


def test_code_for_another_processor_is_another_code(compiler):
    compiler.code(program("processor"))
    same, other = Native(), Native()
    other.target = (*other.target[:2], "+sse2")
    for each in (same, other):
        each.code(program("processor"))
    assert (same.misses, same.hits) == (0, 1) and (other.misses, other.hits) == (1, 0)


def test_ctrl_c_comes_once_a_program_is_compiled_however_often_it_is_pressed(compiler, monkeypatch, ctrl_c):
    def pressed(*arguments):
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
        optimised(*arguments)

    made = program("pressed")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(compiler, "optimise", pressed)
        made.compile()
    assert made.digest in compiler.codes and answer(made) == 42


def test_garbage_is_looked_for_again_after_compiling():
    with compiler_lock(), compiler_lock():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), compiler_lock():
        raise ZeroDivisionError
    assert gc.isenabled()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize("lock", [_LOCK, ffi.lib._lock], ids=["ours", "llvmlite's"])
def test_a_fork_while_another_thread_compiles_leaves_a_child_that_can_compile(compiler, lock):
    locked = threading.Event()

    def hold():
        with lock:
            locked.set()
            time.sleep(0.5)

    thread = threading.Thread(target=hold)
    thread.start()
    assert locked.wait(LONG)
    process = multiprocessing.get_context("fork").Process(target=lambda: os._exit(answer(program("child"))))
    process.start()
    process.join(LONG)
    hangs = process.is_alive()
    process.kill()
    thread.join()
    assert not hangs and process.exitcode == 42
