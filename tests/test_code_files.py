"""The disk cache of machine code: hit when nothing changed, missed after any edit, safe for two processes at once."""

import os
import shutil
from pathlib import Path

import pytest
from forked import Forked

from fastrnn.machine import code_files
from fastrnn.machine.code_files import CodeFiles
from fastrnn.machine.stamp import stamp

PACKAGE = Path(code_files.__file__).parent.parent
KEY = "0123456789abcdef" * 2
# What the kernel is made of is in another file, which it does not name.
CELL = """
def activate(x):
    return x * 2 + 1
"""
KERNEL = """
from fastrnn.machine.execute import Program
from fastrnn.tried_cell import activate

def kernel(m):
    m.set_word("x", activate(m.word("x")))
"""
# Says what came out and what the cache did; waits for a start signal so that two can race.
PROGRAM = """
import sys
from fastrnn.machine.native import native
from fastrnn.tried import Program, kernel
connection.send("ready")
connection.recv()
results = [Program(kernel, ("x",), "float64", 1, text).call(x=20)["x"] for text in sys.argv[1:]]
connection.send({"results": results, "hits": native().hits, "misses": native().misses, "where": native().files.folder})
"""


class Tree:
    """A copy of the package with a kernel more, in a folder of its own, and the processes that use it."""

    def __init__(self, folder):
        self.folder, self.package = folder, folder / "fastrnn"
        shutil.copytree(PACKAGE, self.package, ignore=shutil.ignore_patterns("__pycache__"))
        self.write("tried_cell.py", CELL)
        self.write("tried.py", KERNEL)
        self.pycache = self.package / "machine" / "__pycache__"
        removed = ("NUMBA_CACHE_DIR", "NUMBA_DISABLE_JIT", "FASTRNN_EMULATE")
        self.environment = {name: value for name, value in os.environ.items() if name not in removed}

    def write(self, name, text):
        (self.package / name).write_text(text)

    def entries(self):
        return {path.name for path in self.pycache.glob("*.nbc")}

    def start(self, *texts, **environment):
        return Forked(self.folder, {**self.environment, **environment}, PROGRAM, *texts)

    def finish(self, *processes):
        for process in processes:
            assert process.receive() == "ready"
        for process in processes:
            process.connection.send("go")
        return [process.finish() for process in processes]

    def run(self, *texts, **environment):
        return self.finish(self.start(*texts, **environment))[0]

    def outcome(self, *texts):
        found = self.run(*texts)
        return found["results"], found["hits"], found["misses"]


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def test_an_edit_anywhere_recompiles_and_no_edit_does_not(tree):
    assert tree.outcome("one") == ([41], 0, 1)
    entries = tree.entries()
    assert len(entries) == 1
    assert tree.outcome("one") == ([41], 1, 0)
    assert tree.entries() == entries
    tree.write("tried_cell.py", CELL.replace("+ 1", "+ 2"))
    assert tree.outcome("one") == ([42], 0, 1)
    # The old entries do not pile up.
    assert len(tree.entries()) == 1 and not tree.entries() & entries


def test_code_of_a_process_that_imported_what_was_edited_is_not_kept(tree):
    process = tree.start("one")
    assert process.receive() == "ready"
    tree.write("tried_cell.py", CELL.replace("+ 1", "+ 2"))
    process.connection.send("go")
    assert process.finish()["results"] == [41]
    assert tree.outcome("one") == ([42], 0, 1)


def test_a_kernel_that_the_stamp_does_not_follow_follows_its_own_file(tree):
    module = tree.folder / "fastrnn_user.py"
    for constant in (1, 2):
        module.write_text(KERNEL.replace("activate(m", f"{constant} + activate(m"))
        code = PROGRAM.replace("fastrnn.tried", "fastrnn_user")
        process = Forked(tree.folder, tree.environment, code, "one")
        assert tree.finish(process)[0]["results"] == [41 + constant]


def test_two_processes_at_once_on_an_empty_cache(tree):
    racing = tree.finish(tree.start("one", "two"), tree.start("two", "one"))
    assert [outcome["results"] for outcome in racing] == [[41, 41]] * 2
    assert tree.outcome("one", "two") == ([41, 41], 2, 0)
    assert len(tree.entries()) == 2
    assert not list(tree.pycache.glob("*tmp*"))


def test_a_damaged_cache_is_compiled_again_and_healed(tree):
    tree.run("one")
    (path,) = tree.pycache.glob("*.nbc")
    content = path.read_bytes()
    # Machine code with changed bits is never run.
    changed = bytes(byte ^ 4 * (place % 20 == 0) for place, byte in enumerate(content))
    for damaged in (content[:50], b"", changed):
        path.write_bytes(damaged)
        assert tree.outcome("one") == ([41], 0, 1)
        assert path.read_bytes() == content


def test_the_users_directory_comes_first(tree, tmp_path):
    outcome = tree.run("one", NUMBA_CACHE_DIR=str(tmp_path / "chosen"))
    assert outcome["where"].parent == tmp_path / "chosen"
    assert list(outcome["where"].glob("*.nbc")) and not tree.entries()


def homes(place):
    return dict.fromkeys(("HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"), str(place))


def test_nowhere_to_write_is_no_error(tree):
    # A file in the folder's place refuses the superuser too, unlike permission bits.
    tree.pycache.write_text("")
    outcome = tree.run("one", NUMBA_CACHE_DIR=os.path.join(os.devnull, "cache"), **homes(os.devnull))
    assert (outcome["results"], outcome["misses"], outcome["where"]) == ([41], 1, None)


def test_a_read_only_package_is_cached_for_the_user(tree, tmp_path):
    tree.pycache.write_text("")
    outcome = tree.run("one", **homes(tmp_path / "caches"))
    assert tmp_path / "caches" in outcome["where"].parents
    assert list(outcome["where"].glob("*.nbc"))


# ---- the files themselves


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the cache lies."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    return tmp_path


def test_code_is_kept_under_its_key_and_the_stamp(folder):
    files = CodeFiles()
    assert files.load(KEY) is None
    files.save(KEY, b"machine code")
    assert CodeFiles().load(KEY) == b"machine code"
    (path,) = folder.rglob("*.nbc")
    files.save(KEY[::-1], b"other code")
    assert files.load(KEY) == b"machine code" and files.load(KEY[::-1]) == b"other code"
    # What is under another name is no code.
    path.with_name(path.name.replace(KEY, KEY[::-1])).write_bytes(path.read_bytes())
    assert files.load(KEY[::-1]) is None


def test_code_is_not_kept_once_a_file_was_edited(folder, monkeypatch):
    files = CodeFiles()
    monkeypatch.setattr("fastrnn.machine.stamp.IMPORTED_AT", 0.0)
    files.save(KEY, b"machine code")
    assert files.load(KEY) is None


def test_what_has_another_stamp_is_removed_and_nothing_else(folder):
    files = CodeFiles()
    files.save(KEY, b"machine code")
    (path,) = folder.rglob("*.nbc")
    python = path.name.split(".")[1]
    stale, kept = path.name.replace(stamp(), "f" * 16), path.name.replace(python, "py20")
    # As numba's own are named, and as one was left by a process that was killed.
    others = [f"f-1.{python}.{'f' * 16}.{end}" for end in ("nbi", f"{KEY}.nbc", f"{KEY}.nbc.tmp.12")]
    for name in (stale, kept, *others, "module.cpython-311.pyc"):
        path.with_name(name).write_bytes(b"")
    files.save(KEY, b"machine code")
    assert {each.name for each in path.parent.iterdir()} == {path.name, kept, "module.cpython-311.pyc"}


def test_code_with_a_changed_bit_is_no_code(folder):
    files = CodeFiles()
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
    files = CodeFiles()
    (inside,) = folder.iterdir()
    inside.rmdir()
    inside.write_text("")
    files.save(KEY, b"machine code")
    assert files.load(KEY) is None


def test_a_folder_that_was_removed_is_made_again(folder):
    files = CodeFiles()
    shutil.rmtree(files.folder)
    files.save(KEY, b"machine code")
    assert files.load(KEY) == b"machine code"


def test_a_relative_folder_is_that_of_the_begin(tmp_path, monkeypatch):
    (tmp_path / "later").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NUMBA_CACHE_DIR", "chosen")
    files = CodeFiles()
    monkeypatch.chdir("later")
    files.save(KEY, b"machine code")
    assert files.load(KEY) == b"machine code"
    assert list(Path(tmp_path, "chosen").rglob("*.nbc")) and not list(Path(tmp_path, "later").iterdir())
