"""Programs as machine code: compiled once, and never run where a bit has changed."""

import threading

import numpy as np
import pytest

from fastrnn import compiling
from fastrnn.machine.code_files import CodeFiles
from fastrnn.machine.execute import Program
from fastrnn.machine.native import native

KEY = "0123456789abcdef" * 2


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
def folder(tmp_path, monkeypatch):
    """Where the cache lies."""
    monkeypatch.setattr(compiling.numba.config, "CACHE_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def compiler(folder, monkeypatch):
    """The compiler of this process with empty files."""
    monkeypatch.setattr(native(), "files", CodeFiles(add_one))
    return native()


def test_code_is_kept_under_its_key_and_the_stamp(folder):
    files = CodeFiles(add_one)
    assert files.load(KEY) is None
    files.save(KEY, b"machine code")
    assert bytes(CodeFiles(add_one).load(KEY)) == b"machine code"
    assert CodeFiles(program).load(KEY) is None
    (path,) = folder.rglob("*.nbc")
    stale = path.with_name(path.name.replace(compiling.stamp(), "f" * 16))
    stale.write_bytes(path.read_bytes())
    files.save(KEY[::-1], b"other code")
    assert not stale.exists() and bytes(files.load(KEY)) == b"machine code"


def test_code_with_a_changed_bit_is_no_code(folder):
    files = CodeFiles(add_one)
    files.save(KEY, b"machine code")
    (path,) = folder.rglob("*.nbc")
    content = path.read_bytes()
    for place in range(8 * len(content)):
        changed = bytearray(content)
        changed[place // 8] ^= 1 << place % 8
        path.write_bytes(changed)
        assert files.load(KEY) is None
    path.write_bytes(content[:-1])
    assert files.load(KEY) is None


def test_a_folder_that_can_no_longer_be_written_is_no_error(folder):
    files = CodeFiles(add_one)
    (inside,) = folder.iterdir()
    inside.rmdir()
    inside.write_text("")
    files.save(KEY, b"machine code")
    assert files.load(KEY) is None


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
