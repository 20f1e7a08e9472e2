"""The disk cache: hit when nothing changed, missed after any edit, safe for two processes at once."""

import gc
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from forked import Forked

from fastrnn import compiling
from fastrnn.compiling import jit, stamp, uncollected

# A package of the same name, small enough to compile in a moment, around the real compiling.py.
# The kernel names neither the cell's type nor the formula, as in the real kernels.
CELL = """
from typing import NamedTuple
from numba.extending import intrinsic, overload

class Elman(NamedTuple):
    weight: float

def activate(cell, x):
    raise NotImplementedError

@overload(activate)
def _activate(cell, x):
    if cell.instance_class is Elman:
        return lambda cell, x: cell.weight * x + 1

@intrinsic
def twice(context, x):
    def code(context, builder, signature, arguments):
        value = arguments[0]
        add = builder.fadd if "float" in str(x) else builder.add
        return add(value, value)
    return x(x), code
"""
KERNEL = """
from .cell import activate, twice
from .compiling import jit

@jit
def run(cell, x):
    return twice(activate(cell, x))
"""
# Tells what came out and what the cache did; waits for a start signal so that two can race.
PROGRAM = """
import sys
from fastrnn import cell
from fastrnn.kernel import run
Elman = [value for name, value in vars(cell).items() if name.startswith("Elman")][0]
connection.send("ready")
connection.recv()
kinds = {"float": float, "int": int}
results = [run(Elman(kinds[k](10)), kinds[k](2)) for k in sys.argv[1:]]
stats = getattr(run, "stats", None)
connection.send({
    "results": results,
    "hits": stats and sum(stats.cache_hits.values()),
    "misses": stats and sum(stats.cache_misses.values()),
    "where": stats and stats.cache_path,
})
"""


class Tree:
    """A copy of the small package in a folder of its own, and the processes that use it."""

    def __init__(self, folder):
        self.folder = folder
        self.package = folder / "fastrnn"
        self.pycache = self.package / "__pycache__"
        self.package.mkdir()
        shutil.copy(compiling.__file__, self.package)
        self.write("__init__.py", "")
        self.write("cell.py", CELL)
        self.write("kernel.py", KERNEL)
        removed = ("NUMBA_CACHE_DIR", "NUMBA_CACHE_LOCATOR_CLASSES", "NUMBA_DISABLE_JIT")
        self.environment = {name: value for name, value in os.environ.items() if name not in removed}

    def write(self, name, text):
        (self.package / name).write_text(text)

    def edit(self, name, old, new):
        text = (self.package / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    def entries(self):
        return {path.name for path in self.pycache.glob("*.nb[ic]")}

    def start(self, *kinds, **environment):
        return Forked(self.folder, {**self.environment, **environment}, PROGRAM, *kinds)

    def finish(self, *processes):
        for process in processes:
            assert process.receive() == "ready"
        for process in processes:
            process.connection.send("go")
        return [process.finish() for process in processes]

    def run(self, *kinds, **environment):
        return self.finish(self.start(*kinds, **environment))[0]


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def test_an_edit_anywhere_recompiles_and_no_edit_does_not(tree):
    first = tree.run("float")
    assert (first["results"], first["hits"], first["misses"]) == ([42.0], 0, 1)
    assert first["where"] == str(tree.pycache)
    entries = tree.entries()
    assert len(entries) == 2  # an index and one compiled signature

    again = tree.run("float")
    assert (again["results"], again["hits"], again["misses"]) == ([42.0], 1, 0)
    assert tree.entries() == entries

    tree.edit("cell.py", "* x + 1", "* x + 2")
    edited = tree.run("float")
    assert (edited["results"], edited["hits"], edited["misses"]) == ([44.0], 0, 1)
    # The old entries do not pile up.
    assert len(tree.entries()) == 2 and not tree.entries() & entries

    # numba's own index would here be unpickled before it is found stale, and fail to find the type.
    tree.edit("cell.py", "Elman", "ElmanRenamed")
    renamed = tree.run("float")
    assert (renamed["results"], renamed["misses"]) == ([44.0], 1)
    assert len(tree.entries()) == 2


def test_two_processes_at_once_on_an_empty_cache(tree):
    # Of different signatures, so that a mixed-up entry would give a wrong type or a crash.
    racing = tree.finish(tree.start("float", "int"), tree.start("int", "float"))
    assert [outcome["results"] for outcome in racing] == [[42.0, 42], [42, 42.0]]
    # Whatever the race lost is compiled once more, after that all is there.
    settled = [tree.run("float", "int") for _ in range(2)]
    assert [outcome["results"] for outcome in settled] == [[42.0, 42]] * 2
    assert all(type(outcome["results"][0]) is float for outcome in settled)
    assert (settled[1]["hits"], settled[1]["misses"]) == (2, 0)
    assert len(tree.entries()) == 3
    assert not list(tree.pycache.glob("*.tmp*"))


def test_writers_that_overlap_never_mix_up_their_entries(tmp_path):
    first, second = (compiling._StampedFiles(str(tmp_path), "f.py", b"") for _ in range(2))
    write_first = first._save_data

    def write_late(name, data):
        # The second has read the index before the first wrote it, and is done before its data.
        second._load_index = dict
        second.save("int", "code for int")
        del second._load_index
        write_first(name, data)

    first._save_data = write_late
    first.save("float", "code for float")
    assert second.load("int") in ("code for int", None)
    assert second.load("float") in ("code for float", None)


def test_a_damaged_cache_is_compiled_again_and_healed(tree):
    def outcome():
        found = tree.run("float")
        return found["results"], found["hits"], found["misses"]

    tree.run("float")
    for path in tree.pycache.glob("*.nb[ic]"):
        path.write_bytes(path.read_bytes()[:50])
    assert outcome() == ([42.0], 0, 1)
    # Machine code with changed bits is never run.
    (data,) = tree.pycache.glob("*.nbc")
    content = bytearray(data.read_bytes())
    for place in range(100, len(content), 20):
        content[place] ^= 4
    data.write_bytes(content)
    assert outcome() == ([42.0], 0, 1)
    assert outcome() == ([42.0], 1, 0)


def test_an_entry_with_one_bit_changed_is_no_entry(tmp_path):
    files = compiling._StampedFiles(str(tmp_path), "f.py", b"")
    files.save("float", b"machine code")
    paths = sorted(tmp_path.iterdir())
    assert files.load("float") == b"machine code" and len(paths) == 2
    for path in paths:
        content = path.read_bytes()
        for place in range(8 * len(content)):
            changed = bytearray(content)
            changed[place // 8] ^= 1 << place % 8
            path.write_bytes(changed)
            assert files.load("float") is None
        path.write_bytes(content[:-1])
        assert files.load("float") is None
        path.write_bytes(content)
    assert files.load("float") == b"machine code"


def test_an_entry_under_another_name_is_no_entry(tmp_path):
    files = compiling._StampedFiles(str(tmp_path), "f.py", b"")
    for key in ("float", "int"):
        files.save(key, f"code for {key}")
    first, second = tmp_path.glob("*.nbc")
    first.write_bytes(second.read_bytes())
    assert sorted(str(files.load(key)) for key in ("float", "int")) in (
        ["None", "code for float"],
        ["None", "code for int"],
    )


def test_the_users_directory_comes_first(tree, tmp_path):
    chosen = tmp_path / "chosen"
    outcome = tree.run("float", NUMBA_CACHE_DIR=str(chosen))
    assert Path(outcome["where"]).parent == chosen
    assert list(chosen.rglob("*.nbi")) and not tree.entries()


@pytest.mark.slow
def test_nowhere_to_write_is_no_error(tree):
    # A file in the folder's place refuses the superuser too, unlike permission bits.
    tree.pycache.write_text("")
    home = {"HOME": os.devnull, "XDG_CACHE_HOME": os.devnull, "LOCALAPPDATA": os.devnull}
    outcome = tree.run("float", NUMBA_CACHE_DIR=os.path.join(os.devnull, "cache"), **home)
    assert (outcome["results"], outcome["hits"], outcome["where"]) == ([42.0], 0, None)


def test_a_read_only_package_is_cached_for_the_user(tree, tmp_path):
    tree.pycache.write_text("")
    caches = tmp_path / "caches"
    home = {"HOME": str(caches), "XDG_CACHE_HOME": str(caches), "LOCALAPPDATA": str(caches)}
    outcome = tree.run("float", **home)
    assert caches in Path(outcome["where"]).parents
    assert list(caches.rglob("*.nbi"))


def test_a_cache_that_can_no_longer_be_written_is_no_error(tmp_path, monkeypatch):
    monkeypatch.setattr(compiling.numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    double = jit(lambda x: x + x)
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "cache").write_text("")
    assert double(21) == 42
    assert double(0.5) == 1.0


def test_a_function_outside_the_package_follows_its_own_file_too(tree):
    module = tree.folder / "fastrnn_user.py"
    for constant in (1, 2):
        module.write_text(f"from fastrnn.compiling import jit\n@jit\ndef f(x): return x + {constant}\n")
        code = "from fastrnn_user import f; connection.send(f(40))"
        assert Forked(tree.folder, tree.environment, code).finish() == 40 + constant
    # The index is written over; what it no longer names is removed.
    assert len(list((tree.folder / "__pycache__").glob("*.nbc"))) == 1


@pytest.mark.parametrize(
    "command",
    [
        ("train",),
        *(pytest.param(words, marks=pytest.mark.slow)
          for words in (("original", "--samples", "1"), ("verify", "model.safetensors"), ("bench", "--quick"))),
    ],
)
def test_a_compiler_that_is_switched_off_is_named_in_one_line(tmp_path, command):
    done = subprocess.run(
        [sys.executable, "-m", "fastrnn", *command],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(Path(compiling.__file__).parent.parent)},
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "fastrnn: numba's compiler is switched off, and fastrnn runs on it: unset NUMBA_DISABLE_JIT\n"


def test_options_and_defaults():
    @jit
    def plain(x, y):
        return x / y

    @jit(error_model="python", nogil=False, cache=False)
    def chosen(x, y):
        return x / y

    assert plain(1.0, 0.0) == float("inf")
    with pytest.raises(ZeroDivisionError):
        chosen(1.0, 0.0)
    assert plain.targetoptions["nogil"] is True and chosen.targetoptions["nogil"] is False
    assert plain.stats.cache_path is not None and chosen.stats.cache_path is None


def test_numba_itself_is_left_as_it_is():
    @compiling.numba.njit(cache=True)
    def users(x):
        return x

    assert type(users._cache) is compiling.FunctionCache
    assert type(users._cache._cache_file) is compiling.IndexDataCacheFile


def test_the_stamp_follows_contents_names_and_versions_but_not_dates(tmp_path):
    def stamp_of(versions="1"):
        return compiling._stamp_of(str(tmp_path), versions)

    assert stamp_of() == ""  # no sources to read, nothing to tell apart
    source = tmp_path / "cells" / "elman.py"
    source.parent.mkdir()
    source.write_text("a = 1")
    stamps = [stamp_of()]
    os.utime(source, (1, 1))
    (tmp_path / "notes.txt").write_text("not code")
    assert stamp_of() == stamps[0]

    source.write_text("a = 2")
    stamps.append(stamp_of())
    stamps.append(stamp_of("2"))
    source.rename(source.with_name("jordan.py"))
    stamps.append(stamp_of())
    assert len(set(stamps)) == 4


def test_what_the_stamp_leaves_out_defines_nothing_that_kernels_use():
    package = Path(compiling.__file__).parent
    for name in compiling.UNCOMPILED - {"bench"}:
        assert (package / name).exists(), name
        for path in [package / name] if name.endswith(".py") else (package / name).rglob("*.py"):
            assert not re.search(
                r"(from|import) (numba|numba\.extending|fastrnn\.compiling|fastrnn\.machine\.execute)\b(?!\.core)"
                r"|@(jit|overload\(|pointwise)",
                path.read_text(),
            ), path
    # A benchmark compiles loops of its own around kernels, which follow their own file; no kernel follows a benchmark.
    for path in package.rglob("*.py"):
        if path.relative_to(package).parts[0] not in ("bench", "cli"):
            assert "fastrnn.bench" not in path.read_text(), path


def test_the_stamp_is_short_and_the_same_for_the_whole_process():
    assert stamp() == stamp() and len(stamp()) == 16


def test_garbage_is_looked_for_again_after_compiling():
    with uncollected(), uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ZeroDivisionError), uncollected():
        raise ZeroDivisionError
    assert gc.isenabled()
